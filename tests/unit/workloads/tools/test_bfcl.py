"""Single questions in BFCL's form: read in both spellings, asked once, and scored by its matching rules."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from loadgen.client.reply import Reply
from loadgen.errors import UsageError
from loadgen.marks import Marks
from loadgen.scenario.tools import ToolsSpec
from loadgen.workloads.base import Turn
from loadgen.workloads.tools.bfcl import BfclWorkload
from loadgen.workloads.tools.matching import all_wanted
from tests.support.agents import DONE, calling
from tests.support.messages import whole

_PARAMETERS = {
    "type": "dict",
    "properties": {
        "base": {"type": "integer", "description": "b"},
        "height": {"type": "float"},
        "unit": {"type": "string"},
    },
    "required": ["base", "height"],
}
_FUNCTION = {"name": "math.area", "description": "Area", "parameters": _PARAMETERS}
_WANTED = [{"math.area": {"base": [10], "height": [5.0], "unit": ["units", ""]}}]
_OFFICIAL = {"id": "simple_0", "question": [[{"role": "user", "content": "Area?"}]], "function": [_FUNCTION]}


def _file(folder: Path, *records: Any, name: str = "questions.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def _workload(path: Path, answers: Path | None = None) -> BfclWorkload:
    return BfclWorkload(ToolsSpec(name="q", bfcl=str(path)), path, answers)


def _asked(workload: BfclWorkload, reply: Reply, number: int = 0) -> tuple[Turn, Marks]:
    session = workload.session(number, Random(1))
    assert session is not None
    turn = session.next_turn(None)
    assert turn is not None
    marks = session.score(reply)  # type: ignore[attr-defined]
    assert session.next_turn(reply) is None
    return turn, marks


def test_a_question_is_asked_in_the_words_that_servers_take(tmp_path: Path) -> None:
    turn, _ = _asked(_workload(_file(tmp_path, _OFFICIAL)), DONE)
    assert turn.tools is not None
    (tool,) = json.loads(turn.tools)
    assert tool["function"]["name"] == "math_area"
    types = {name: part["type"] for name, part in tool["function"]["parameters"]["properties"].items()}
    assert types == {"base": "integer", "height": "number", "unit": "string"}
    assert tool["function"]["parameters"]["type"] == "object"
    assert json.loads(whole(turn.messages[0])) == {"role": "user", "content": "Area?"}


def test_answers_stand_in_the_record_or_in_a_file_of_their_own(tmp_path: Path) -> None:
    right = calling(("math_area", {"base": 10, "height": 5}))
    inside = _workload(_file(tmp_path, _OFFICIAL | {"ground_truth": _WANTED}))
    answers = _file(tmp_path, {"id": "simple_0", "ground_truth": _WANTED}, name="answers.jsonl")
    beside = _workload(_file(tmp_path, _OFFICIAL, name="more.jsonl"), answers)
    for workload in (inside, beside):
        _, marks = _asked(workload, right)
        assert (marks["done"], marks["task"], marks["call_valid"]) == (True, "simple", 1)
        assert _asked(workload, DONE)[1]["done"] is False


def test_without_answers_it_is_unknown_whether_a_call_is_right(tmp_path: Path) -> None:
    workload = _workload(_file(tmp_path, _OFFICIAL))
    _, marks = _asked(workload, calling(("math_area", {"base": 1, "height": 2}), ("math_area", {"base": "x"})))
    assert marks["done"] is None
    assert (marks["call_valid"], marks["call_invalid"], marks["calls"]) == (1, 1, 2)


@pytest.mark.parametrize(
    ("category", "called", "done"),
    [("irrelevance", True, False), ("live_irrelevance", False, True), ("live_relevance", True, True)],
)
def test_where_no_call_is_wanted_any_is_wrong(tmp_path: Path, category: str, called: bool, done: bool) -> None:
    workload = _workload(_file(tmp_path, _OFFICIAL | {"id": f"{category}_7"}))
    reply = calling(("math_area", {"base": 1, "height": 2})) if called else DONE
    assert _asked(workload, reply)[1]["done"] is done


def test_a_call_that_does_not_fit_its_schema_makes_the_answer_wrong(tmp_path: Path) -> None:
    workload = _workload(_file(tmp_path, _OFFICIAL | {"ground_truth": _WANTED}))
    right = ("math_area", {"base": 10, "height": 5})
    assert _asked(workload, calling(right, ("math_area", "{")))[1]["done"] is False


def test_a_failed_turn_says_nothing_of_the_model(tmp_path: Path) -> None:
    _, marks = _asked(_workload(_file(tmp_path, _OFFICIAL)), Reply(ok=False))
    assert "done" not in marks


def test_questions_without_functions_offer_none(tmp_path: Path) -> None:
    record = {"messages": [{"role": "user", "content": "Hi"}], "tools": [], "subset": "irrelevance"}
    turn, marks = _asked(_workload(_file(tmp_path, record)), DONE)
    assert turn.tools is None
    assert marks["done"] is True


def _call(**arguments: Any) -> tuple[str, dict[str, Any]]:
    return ("f", arguments)


def _right(calls: Any, wanted: Any, types: dict[str, Any], required: tuple[str, ...] = ()) -> bool:
    parts = {name: part if isinstance(part, dict) else {"type": part} for name, part in types.items()}
    schema = {"type": "object", "properties": parts, "required": list(required)}
    return all_wanted(calls, wanted, {"f": schema, "g": schema})


_INTEGER, _NUMBER, _STRING = {"a": "integer"}, {"a": "number"}, {"a": "string"}
_STRINGS = {"a": {"type": "array", "items": {"type": "string"}}}
_NUMBERS = {"a": {"type": "array", "items": {"type": "number"}}}
_OBJECTS = {"a": {"type": "array", "items": {"type": "object"}}}


@pytest.mark.parametrize(
    ("given", "values", "types", "right"),
    [
        (1, [1, 2], _INTEGER, True),
        (3, [1, 2], _INTEGER, False),
        (1.0, [1], _INTEGER, False),
        ("1", [1], _INTEGER, False),
        (True, [1], _INTEGER, False),
        (5, [5.0], _NUMBER, True),
        (5.0, [5], _NUMBER, True),
        (5, [5], _NUMBER, True),
        (True, [True], {"a": "boolean"}, True),
        (1, [True], {"a": "boolean"}, False),
        ("New York, NY", ["new york ny"], _STRING, True),
        ("New Jersey", ["New York"], _STRING, False),
        (5, ["5"], _STRING, False),
        ("anything", ["Anything"], {"a": {}}, True),
        (["X", "y z"], [["x", "yz"]], _STRINGS, True),
        (["y", "x"], [["x", "y"]], _STRINGS, False),
        (["1"], [[1]], _STRINGS, False),
        ([1, 2], [[1, 2]], _NUMBERS, True),
        ([1.0, 2.0], [[1, 2]], _NUMBERS, True),
        ([1, 2], [[1.0, 2.0]], _NUMBERS, False),
        ({"k": "v"}, [{"k": ["v", "w"]}], {"a": "object"}, True),
        ({"k": "u"}, [{"k": ["v", "w"]}], {"a": "object"}, False),
        ({"k": "v", "l": 1}, [{"k": ["v", "w"]}], {"a": "object"}, False),
        ({}, [{"k": ["v", ""]}], {"a": "object"}, True),
        ({}, [{"k": ["v"]}], {"a": "object"}, False),
        ([{"k": "v"}], [[{"k": ["v"]}]], _OBJECTS, True),
        ([{"k": "v"}, {"k": "v"}], [[{"k": ["v"]}]], _OBJECTS, False),
        (10**400, [1.0], _NUMBER, False),
        (10**400, [10**400], _NUMBER, True),
        # What JSON Schema allows and BFCL never writes: several types in one, and a schema that takes anything.
        ("x", ["X"], {"a": {"type": ["string", "null"]}}, True),
        (5, [5], {"a": {"type": ["integer", "null"]}}, True),
        (None, ["x"], {"a": {"type": ["string", "null"]}}, False),
        (["x"], [["x"]], {"a": {"type": "array", "items": {"type": ["string", "null"]}}}, True),
        # A variable where a value is asked for, spelled as it is.
        ("data.rows", ["data.rows"], _NUMBERS, True),
        ("Data rows", ["data.rows"], _NUMBERS, False),
    ],
)
def test_a_value_is_right_by_the_type_of_its_parameter(given: Any, values: Any, types: Any, right: bool) -> None:
    assert _right([_call(a=given)], [{"f": {"a": values}}], types) is right


@pytest.mark.parametrize(
    ("calls", "wanted", "right"),
    [
        ([_call(a=1)], [{"g": {"a": [1]}}], False),
        ([_call(a=1)], [{"f": {"a": [1], "b": [2]}}], False),
        ([_call(a=1)], [{"f": {"a": [1], "b": [2, ""]}}], True),
        ([_call(a=1, c=1)], [{"f": {"a": [1]}}], False),
        ([_call(a=1, b=1)], [{"f": {"a": [1]}}], False),
        ([_call(b=2)], [{"f": {"a": [1, ""], "b": [2]}}], False),
        ([_call(a=2), _call(a=1)], [{"f": {"a": [1]}}, {"f": {"a": [2]}}], True),
        ([_call(a=1), _call(a=1)], [{"f": {"a": [1]}}, {"f": {"a": [2]}}], False),
        ([_call(a=1)], [{"f": {"a": [1]}}, {"f": {"a": [1]}}], False),
        ([], [{"f": {"a": [1]}}], False),
    ],
)
def test_calls_match_by_bfcls_rules(calls: Any, wanted: Any, right: bool) -> None:
    """a is required, b is not, and c is no parameter at all."""
    assert _right(calls, wanted, {"a": "integer", "b": "integer"}, required=("a",)) is right


def test_what_a_schema_says_beyond_types_is_not_bfcls(tmp_path: Path) -> None:
    part = {"type": "string", "enum": ["celsius", "fahrenheit"]}
    function = {"name": "f", "parameters": {"type": "dict", "properties": {"unit": part}, "required": ["unit"]}}
    record = _OFFICIAL | {"function": [function], "ground_truth": [{"f": {"unit": ["celsius"]}}]}
    _, marks = _asked(_workload(_file(tmp_path, record)), calling(("f", {"unit": "Celsius"})))
    assert (marks["done"], marks["call_invalid"]) == (True, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no questions"),
        ("{", ":1: is no question in BFCL's form"),
        ('{"id": "x_1"}', ":1: asks 0 turns; expected one"),
        ('{"messages": [], "tools": []}', ":1: has no messages"),
        ('{"messages": [{"role": "user"}], "tools": [{"type": "function"}]}', ":1: a tool without a function's name"),
        (
            '{"messages": [{}], "tools": [{"function": {"name": "f", "parameters": {"required": 3}}}]}',
            r":1 \(f\): its parameters are no JSON Schema",
        ),
        (
            '{"messages": [{}], "tools": [{"function": {"name": "f", "parameters": {"$ref": "http://127.0.0.1/s"}}}]}',
            "refers to 'http://127.0.0.1/s', which is not in it; nothing is fetched",
        ),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=told):
        _workload(path)


@pytest.mark.parametrize("name", ["none.jsonl", 300 * "x"])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        _workload(tmp_path / name)


def test_answers_to_other_questions_are_refused(tmp_path: Path) -> None:
    answers = _file(tmp_path, {"id": "other_0", "ground_truth": _WANTED}, name="answers.jsonl")
    with pytest.raises(UsageError, match="answers none of the questions"):
        _workload(_file(tmp_path, _OFFICIAL), answers)
