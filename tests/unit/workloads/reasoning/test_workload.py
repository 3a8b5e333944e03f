"""What a reasoning session sends, in which order the pairs of task and phrasing come, and what a reply is worth."""

from collections import Counter
from random import Random
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from loadgen.client.reply import Reply
from loadgen.scenario.reasoning import ReasoningSpec
from loadgen.workloads.reasoning import ReasoningWorkload
from loadgen.workloads.reasoning.answers import judge, lenient
from loadgen.workloads.reasoning.plan import Order
from loadgen.workloads.reasoning.task import Form
from loadgen.workloads.reasoning.truth import answer_lines
from tests.support.messages import whole


def made(seed: int = 1, **keys: Any) -> ReasoningWorkload:
    return ReasoningWorkload(ReasoningSpec.model_validate({"name": "r", "tasks_per_family": 1, **keys}), seed=seed)


def sent(workload: ReasoningWorkload, ordinal: int, seed: int = 1) -> list[str]:
    session = workload.session(ordinal, Random(seed))
    assert session is not None
    turn = session.next_turn(None)
    assert turn is not None
    assert session.next_turn(Reply(ok=True)) is None
    return [msgspec.json.decode(whole(message))["content"] for message in turn.messages]


@pytest.mark.parametrize("tasks", [1, 4, 28])
def test_a_block_asks_every_pair_once(tasks: int) -> None:
    order = Order(tasks, 11, "r", 1)
    for block in range(3):
        cells = [order.cell(block * order.cells + place) for place in range(order.cells)]
        assert len({(cell.task, cell.phrasing) for cell in cells}) == tasks * 11
        assert {cell.repeat for cell in cells} == {block}


def test_any_part_of_a_run_is_balanced() -> None:
    order = Order(28, 11, "r", 1)
    for begin in range(0, 3 * order.cells, 28):
        cells = [order.cell(begin + place) for place in range(28)]
        assert set(Counter(cell.task for cell in cells).values()) == {1}
        phrasings = Counter(cell.phrasing for cell in cells)
        assert max(phrasings.values()) - min(phrasings.get(place, 0) for place in range(11)) <= 1


def test_the_order_is_random_and_the_same_everywhere() -> None:
    one, same, other = Order(8, 5, "r", 1), Order(8, 5, "r", 1), Order(8, 5, "r", 2)
    whole = [one.cell(place) for place in range(80)]
    assert whole == [same.cell(place) for place in range(80)]
    assert whole != [other.cell(place) for place in range(80)]
    assert [(cell.task, cell.phrasing) for cell in whole[:40]] != [(cell.task, cell.phrasing) for cell in whole[40:]]


def test_runs_pair_the_same_tasks_and_another_seed_has_others() -> None:
    one, same, other = made(), made(), made(seed=2)
    assert [sent(one, place) for place in range(154)] == [sent(same, place) for place in range(154)]
    assert {sent(one, place)[1] for place in range(154)}.isdisjoint(sent(other, place)[1] for place in range(154))


def test_a_fresh_request_begins_with_a_number_of_its_own_and_a_repeat_without_is_the_same() -> None:
    fresh, stale = made(), made(fresh=False)
    again = fresh.order.cells
    repeats = [place for place in range(again, 2 * again) if sent(fresh, place)[1] == sent(fresh, 0)[1]]
    assert len(repeats) == 1
    assert sent(fresh, 0, seed=1)[0] != sent(fresh, repeats[0], seed=2)[0]
    assert sent(stale, 0, seed=1) == sent(stale, repeats[0], seed=2)


def test_repeats_end_the_work() -> None:
    workload = made(families=["dates"], repeats=2)
    assert workload.session(21, Random(1)) is not None
    assert workload.session(22, Random(1)) is None


@pytest.mark.parametrize("key", ["families", "phrasings"])
def test_a_name_may_stand_once(key: str) -> None:
    with pytest.raises(ValidationError, match="twice"):
        ReasoningSpec.model_validate({"name": "r", key: ["dates" if key == "families" else "json"] * 2})


@pytest.mark.parametrize(
    ("text", "form", "asked", "outcome", "found"),
    [
        ("I add.\nANSWER: 42", "integer", "line", "right", "42"),
        ("**ANSWER: 42**", "integer", "line", "right", "42"),
        ("ANSWER: 42.\n\n", "integer", "line", "right", "42"),
        ("ANSWER: 042", "integer", "line", "right", "42"),
        ("ANSWER: 41", "integer", "line", "wrong", "41"),
        ("ANSWER: -42", "integer", "line", "wrong", "-42"),
        ("The answer is 42", "integer", "line", "format", "42"),
        ("ANSWER: 42 coins", "integer", "line", "format", "42"),
        ("ANSWER: 42\nI hope this helps.", "integer", "line", "format", "42"),
        ("Nothing at all", "integer", "line", "format", None),
        ("", "integer", "line", "format", None),
        ("It is 1,042 or so, no: 42.0", "integer", "line", "format", "42"),
        ('{"answer": 42}', "integer", "json", "right", "42"),
        ('{"answer": "42"}\n', "integer", "json", "right", "42"),
        ('```json\n{"answer": 42}\n```', "integer", "json", "format", "42"),
        ('{"answer": 42, "why": "so"}', "integer", "json", "format", "42"),
        ("So \\boxed{42}.", "integer", "boxed", "right", "42"),
        ("ANSWER: 42", "integer", "boxed", "format", "42"),
        ("ANSWER: 2026-02-30", "date", "line", "format", None),
    ],
)
def test_a_reply_is_worth(text: str, form: Form, asked: Any, outcome: str, found: str | None) -> None:
    assert judge(text, form, asked, "42", cut_off=False) == (outcome, found)


@pytest.mark.parametrize(
    ("text", "form", "right"),
    [
        ("It is \\boxed{\\text{Ada}}.", "name", "Ada"),
        ("$\\boxed{\\text{Ada, Ben}}$", "names", "Ada, Ben"),
        ("\\boxed{\\mathrm{DBUZR}}", "letters", "DBUZR"),
        ("\\boxed{\\textbf{42}}", "integer", "42"),
    ],
)
def test_a_word_in_a_box_may_be_set_as_latex_sets_words(text: str, form: Form, right: str) -> None:
    assert judge(text, form, "boxed", right, cut_off=False) == ("right", right)


def test_a_number_in_a_box_is_found_whole_where_latex_groups_its_digits() -> None:
    assert judge("\\boxed{1{,}234}", "integer", "boxed", "1234", cut_off=False) == ("format", "1234")


def test_names_and_letters_are_found_in_other_forms_too() -> None:
    assert lenient("ANSWER: Ben and Ada", "names") == "Ada, Ben"
    assert lenient("ANSWER: None", "names") == "NONE"
    assert lenient("ANSWER: D B U Z R", "letters") == "DBUZR"
    assert lenient("They are\n**Ada, Ben**", "names") == "Ada, Ben"
    assert lenient("I do not know who it could be", "names") is None


@pytest.mark.parametrize(
    ("text", "form", "found"),
    [("ANSWER: gus", "name", "Gus"), ("ANSWER: ben, ada", "names", "Ada, Ben"), ("ANSWER: Nobody.", "names", "NONE")],
)
def test_names_in_small_letters_and_nobody_for_none_are_right_in_another_form(
    text: str, form: Form, found: str
) -> None:
    assert judge(text, form, "line", found, cut_off=False) == ("format", found)


def test_an_answer_that_was_cut_off_is_apart_and_not_right() -> None:
    assert judge("ANSWER: 42", "integer", "line", "42", cut_off=True) == ("cut_off", "42")
    workload = made()
    session = workload.session(0, Random(1))
    assert session is not None
    session.next_turn(None)
    assert session.score(Reply(ok=True, finish_reason="length"))["outcome"] == "cut_off"
    failed = session.score(Reply(ok=False))
    assert (failed["outcome"], failed["lenient"], failed["answer"]) == ("failed", False, None)


def test_the_simulators_file_knows_every_message_once() -> None:
    spec = ReasoningSpec(name="r", tasks_per_family=3)
    lines = [msgspec.json.decode(line) for line in answer_lines(spec, seed=1)]
    assert len({line["sha256"] for line in lines}) == len(lines) == 14 * 3 * 11
