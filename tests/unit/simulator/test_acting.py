"""How the simulated model does a task with tools: from its words, the schemas and the results, and nothing else."""

import json
from typing import Any

import pytest

from loadgen.simulator.answers import Answer, Author, Dials
from loadgen.simulator.dialects import DIALECTS
from loadgen.simulator.dials import ActingDials, Quality
from loadgen.simulator.timing import PROFILES
from loadgen.simulator.wire import read_chat

_COPY = "Read the file notes/a.txt and write its content, unchanged, to the file archive/a.txt."
_BOTH = 'Cancel order A-1042 and open a ticket for customer C-17 titled "Refund of A-1042".'
_ID = {"type": "string", "pattern": "^[A-Z]-[0-9]+$"}
_TEXT = {"type": "string", "minLength": 1}


def tool(name: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


_TOOLS = [
    tool("read_file", path=_TEXT),
    tool("write_file", path=_TEXT, content=_TEXT),
    tool("cancel_order", order_id=_ID),
    tool("open_ticket", customer_id=_ID, title=_TEXT),
    tool("delete_event", event_id=_ID),
]


def said(task: str, *turns: Any, tools: list[Any] = _TOOLS, seed: int = 1, **dials: float) -> Answer:
    """The next answer. turns: what came so far, each a list of (name, arguments, result)."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": task}]
    for step, calls in enumerate(turns):
        made = [
            {"id": f"{step}.{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
            for n, (name, given, _) in enumerate(calls)
        ]
        messages.append({"role": "assistant", "content": "", "tool_calls": made})
        messages += [
            {"role": "tool", "tool_call_id": f"{step}.{n}", "content": result} for n, (*_, result) in enumerate(calls)
        ]
    body = json.dumps({"model": "m", "messages": messages, "tools": tools}).encode()
    author = Author(DIALECTS["openai"], Dials(quality=Quality(acting=ActingDials(**dials))), PROFILES["fast"], seed)
    return author.answer_chat(read_chat(body))


def calls(answer: Answer) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in answer.calls]


_READ = ("read_file", {"path": "notes/a.txt"})
_WRITE = ("write_file", {"path": "archive/a.txt", "content": "alpha beta"})
_CANCEL = ("cancel_order", {"order_id": "A-1042"})
_OPEN = ("open_ticket", {"customer_id": "C-17", "title": "Refund of A-1042"})


def test_independent_calls_are_made_at_once_and_dependent_ones_one_after_the_other() -> None:
    assert calls(said(_BOTH)) == [_CANCEL, _OPEN]
    assert calls(said(_COPY)) == [_READ]
    assert calls(said(_COPY, [(*_READ, '{"content": "alpha beta"}')])) == [_WRITE]


def test_it_says_done_when_all_has_worked() -> None:
    done = said(_BOTH, [(*_CANCEL, '{"status": "cancelled"}'), (*_OPEN, '{"ticket_id": "T-1"}')])
    assert (done.text, done.calls, done.reason) == ("DONE", [], "stop")
    assert said("Nothing is to be done. Reply with the word DONE.").text == "DONE"


@pytest.mark.parametrize("result", ["", '{"error": "timed out"}', '{"content": "alp', "[]"])
def test_a_call_without_effect_is_made_again(result: str) -> None:
    assert calls(said(_COPY, [(*_READ, result)])) == [_READ]


def test_a_result_before_a_flood_of_lines_is_read() -> None:
    flooded = '{"content": "alpha beta"}\n' + "INFO all is well\n" * 1000
    assert calls(said(_COPY, [(*_READ, flooded)])) == [_WRITE]


def test_without_the_tools_it_does_not_pretend() -> None:
    assert said(_COPY, tools=_TOOLS[2:]).text == "I can't do this."


def test_words_that_are_no_task_are_left_to_the_other_dials() -> None:
    assert said("Tell me about the weather.").calls == []
    assert said("Tell me about the weather.").text not in ("DONE", "I can't do this.")


def test_broken_arguments_are_no_json() -> None:
    (call,) = said(_COPY, malformed=1.0).calls
    assert call.name == "read_file"
    with pytest.raises(json.JSONDecodeError):
        json.loads(call.arguments)


def test_a_wrong_tool_is_one_that_the_task_does_not_speak_of() -> None:
    assert {call.name for seed in range(10) for call in said(_BOTH, wrong_tool=1.0, seed=seed).calls} <= {
        "write_file",
        "delete_event",
    }


def test_wrong_arguments_are_of_the_right_form() -> None:
    (cancel, opened) = calls(said(_BOTH, wrong_arguments=1.0))
    assert cancel[0] == "cancel_order"
    assert cancel[1]["order_id"] == "A-2042"
    assert opened[0] == "open_ticket"
    assert opened != _OPEN


def test_a_needless_call_is_the_last_one_that_worked() -> None:
    worked = [(*_READ, '{"content": "alpha beta"}')]
    assert calls(said(_COPY, worked, needless=1.0)) == [_READ]
    assert calls(said(_COPY, needless=1.0)) == [_READ]  # nothing has worked yet: not needless


def test_who_gives_up_stays_with_it() -> None:
    worked = [(*_READ, '{"content": "alpha beta"}')]
    ends = {
        (said(_COPY, seed=seed, gives_up=1.0).text, said(_COPY, worked, seed=seed, gives_up=1.0).text)
        for seed in range(20)
    }
    assert ends == {("I can't do this.", "I can't do this."), ("", "I can't do this.")}
