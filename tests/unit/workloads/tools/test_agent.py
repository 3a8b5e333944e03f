"""The loop: calls are run, results go back, and every answer is marked for what it was."""

import json
import time
from random import Random
from typing import Any, get_args

import pytest

from loadgen.client.reply import Reply, ToolCall
from loadgen.marks import Marks
from loadgen.metrics.turn import CALL_OUTCOMES
from loadgen.workloads.base import Turn
from loadgen.workloads.tools.agent import AgentSession, BareSession
from loadgen.workloads.tools.calls import Amiss
from loadgen.workloads.tools.faults import FLOOD_BYTES
from loadgen.workloads.tools.plan import CallOutcome
from tests.support.agents import DONE, Model, agent, agents, calling, play
from tests.support.messages import whole


def _first(session: AgentSession) -> Turn:
    turn = session.next_turn(None)
    assert turn is not None
    return turn


def _then(session: AgentSession, reply: Reply) -> tuple[Marks, Turn | None]:
    marks = session.score(reply)
    assert marks is not None
    return marks, session.next_turn(reply)


def _read(turn: Turn | None) -> list[dict[str, Any]]:
    assert turn is not None
    return [json.loads(whole(message)) for message in turn.messages]


def _answer(session: AgentSession, *calls: tuple[str, Any], **changes: Any) -> tuple[Marks, list[dict[str, Any]]]:
    _first(session)
    marks, turn = _then(session, calling(*calls, **changes))
    return marks, _read(turn)


def test_what_a_call_can_be_is_what_the_metrics_count() -> None:
    assert set(CALL_OUTCOMES) == {*get_args(Amiss), *get_args(CallOutcome)}


_GET: tuple[str, Any] = ("get_customer", {"customer_id": "C-1"})


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (("delete_file", '{"path": '), "malformed"),
        (("delete_file", '["tmp/x"]'), "malformed"),
        (("delete_file", "[" * 5000), "malformed"),
        (("no_such_tool", {}), "unknown_tool"),
        (("", {}), "unknown_tool"),
        (("delete_file", {}), "invalid"),
        (("delete_file", {"path": 3}), "invalid"),
        (("delete_file", {"path": "x", "more": 1}), "invalid"),
        (("delete_file", json.dumps({"path": "x" * 200_000})), "invalid"),
        (("create_event", {"title": "x", "date": "2026-01-01", "start": "09:00", "minutes": 3}), "invalid"),
        (("open_ticket", {"customer_id": "C-1", "title": "x"}), "wrong_tool"),
        (("list_files", {"folder": "tmp"}), "extra"),
        (("delete_file", {"path": "tmp/other.txt"}), "wrong_arguments"),
    ],
)
def test_a_call_is_marked_for_what_it_was(call: tuple[str, Any], outcome: str) -> None:
    marks, messages = _answer(agent(tasks=["event_and_delete"]), call)
    assert {name for name in marks if name.startswith("call_")} == {f"call_{outcome}"}
    assert messages[-1]["role"] == "tool"


def test_arguments_cut_off_at_the_limit_are_not_the_models_mistake() -> None:
    marks, _ = _answer(agent(), ("delete_file", '{"path": "x'), finish_reason="length")
    assert marks["call_cut_off"] == 1
    assert "call_malformed" not in marks


def test_only_the_last_call_is_where_an_answer_is_cut_off() -> None:
    broken = ("delete_file", '{"path": x')
    marks, _ = _answer(agent(), broken, broken, finish_reason="length")
    assert (marks["call_malformed"], marks["call_cut_off"]) == (1, 1)


def test_a_call_without_arguments_at_the_limit_is_cut_off() -> None:
    marks, _ = _answer(agent(), ("delete_file", ""), finish_reason="length")
    assert marks["call_cut_off"] == 1
    assert "call_invalid" not in marks


@pytest.mark.parametrize("more", [{}, {"priority": "normal"}], ids=["left out", "said"])
def test_to_say_a_default_is_the_same_call_as_to_leave_it_out(more: dict[str, Any]) -> None:
    session = agent(tasks=["cancel_and_ticket"])
    _first(session)
    assert session.task is not None
    (cancel, order), (ticket, given) = session.task.plan.calls
    given = {name: given[name] for name in ("customer_id", "title")} | more
    marks, _ = _then(session, calling((cancel, order), (ticket, given)))
    assert marks["call_right"] == 2
    assert _then(session, DONE)[0]["done"] is True


def test_spaces_at_the_ends_of_a_right_argument_leave_the_task_done() -> None:
    session = agent(tasks=["cancel_and_ticket"])
    _first(session)
    assert session.task is not None
    (cancel, order), (ticket, given) = session.task.plan.calls
    marks, _ = _then(session, calling((cancel, order), (ticket, {**given, "title": f"{given['title']} "})))
    assert marks["call_right"] == 2
    assert _then(session, DONE)[0]["done"] is True


def test_no_arguments_are_an_empty_object() -> None:
    marks, messages = _answer(agent(), ("read_file", ""))
    assert marks["call_invalid"] == 1
    assert messages[2]["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize(
    "call",
    [("delete_file", '{"path": '), ("no_such_tool", {}), ("delete_file", {}), ("get_order", {"order_id": "A-9"})],
)
def test_what_went_wrong_is_told_as_a_tool_result(call: tuple[str, Any]) -> None:
    _, messages = _answer(agent(), call)
    assert "error" in json.loads(messages[-1]["content"])


def test_a_history_holds_no_arguments_that_servers_refuse() -> None:
    _, messages = _answer(agent(), ("delete_file", '{"path": '), ("delete_file", "[1]"), ("read_file", '{"path": "x"}'))
    arguments = [call["function"]["arguments"] for call in messages[2]["tool_calls"]]
    assert arguments == ["{}", "{}", '{"path": "x"}']


def test_each_call_is_answered_under_an_id_of_its_own() -> None:
    session = agent()
    _first(session)
    calls = tuple(ToolCall(call_id, "read_file", '{"path": "x"}') for call_id in ("a", "a", "", "b"))
    _, turn = _then(session, Reply(ok=True, tool_calls=calls))
    messages = _read(turn)
    ids = [call["id"] for call in messages[2]["tool_calls"]]
    assert len(set(ids)) == 4
    assert [message["tool_call_id"] for message in messages[3:]] == ids


def test_calls_of_one_answer_run_at_the_same_time() -> None:
    session = agent(latency={"default": "1s", "files": "3s", "orders": "2s"})
    _first(session)
    reply = calling(("read_file", {"path": "x"}), ("get_order", {"order_id": "A-1"}), _GET)
    marks, turn = _then(session, reply)
    assert turn is not None
    assert (turn.delay_s, turn.waits_for) == (3.0, "tool")
    assert marks["tool_s"] == 6.0


def test_a_call_that_is_not_run_takes_no_time() -> None:
    session = agent(latency="5s")
    _first(session)
    _, turn = _then(session, calling(("read_file", "{")))
    assert turn is not None
    assert turn.delay_s == 0


def test_the_next_task_comes_after_a_persons_pause() -> None:
    session = agent(tasks_per_session=2, think_time="7s", tasks=["nothing"])
    _first(session)
    marks, turn = _then(session, DONE)
    assert turn is not None
    assert (turn.delay_s, turn.waits_for) == (7.0, "think")
    assert "last" not in marks
    marks, turn = _then(session, DONE)
    assert marks["last"] is True
    assert marks["after"] == "person"
    assert turn is None


def test_a_call_that_worked_is_needless_the_second_time_and_spoils_the_task() -> None:
    session = agent(tasks=["cancel_and_ticket"])
    _first(session)
    assert session.task is not None
    cancel, ticket = session.task.plan.calls
    marks, _ = _then(session, calling(cancel, ticket))
    assert marks["call_right"] == 2
    marks, _ = _then(session, calling(ticket))
    assert marks["call_repeated"] == 1
    marks, turn = _then(session, DONE)
    assert marks["done"] is False
    assert turn is None


def test_an_agent_that_comes_to_no_end_is_stopped_and_not_done() -> None:
    found = [marks for _, marks in play(agent(tasks=["nothing"], max_steps=3), lambda _: calling(_GET))]
    assert len(found) == 3
    assert (found[-1]["ended"], found[-1]["done"], found[-1]["last"]) == ("step_limit", False, True)


def test_a_failed_turn_ends_the_session_and_says_nothing_of_the_task() -> None:
    session = agent(tasks_per_session=3)
    _first(session)
    marks, turn = _then(session, Reply(ok=False))
    assert turn is None
    assert marks["ended"] == "failed"
    assert "done" not in marks


@pytest.mark.parametrize("fault", ["timeout", "error", "empty", "malformed"])
def test_a_call_that_a_fault_hits_has_no_effect_and_is_right_the_second_time(fault: str) -> None:
    session = agent(tasks=["comment_and_close"], faults={fault: 1}, tool_timeout="9s")
    _first(session)
    assert session.task is not None
    comment = session.task.plan.calls[0]
    for _ in range(2):
        marks, turn = _then(session, calling(comment))
        assert marks["call_right"] == 1
        assert marks[f"fault_{fault}"] == 1
    content = _read(turn)[-1]["content"]
    assert session.task.plan.open == 2
    assert turn is not None
    assert turn.delay_s == (9.0 if fault == "timeout" else 0.0)
    if fault == "empty":
        assert content == ""
    elif fault == "malformed":
        with pytest.raises(json.JSONDecodeError):
            json.loads(content)
    else:
        assert "error" in json.loads(content)


def test_a_flood_is_the_right_result_with_a_hundred_kilobytes_behind_it() -> None:
    session = agent(tasks=["copy_file"], faults={"flood": 1})
    _first(session)
    assert session.task is not None
    marks, turn = _then(session, calling(session.task.plan.calls[0]))
    content = _read(turn)[-1]["content"]
    assert FLOOD_BYTES * 0.98 < len(content) < FLOOD_BYTES * 1.02
    assert json.loads(content.split("\n")[0])["content"]
    assert marks["fault_flood"] == 1
    assert session.task.plan.open == 1


def test_faults_hit_as_often_as_told_and_an_agent_that_tries_again_gets_done() -> None:
    shares = {"timeout": 0.1, "error": 0.1, "empty": 0.1, "malformed": 0.1, "flood": 0.1}
    hits = dict.fromkeys(shares, 0)
    calls = done = 0
    for number in range(150):
        for _, marks in play(agent(number, faults=shares, max_steps=100), Model(Random(number))):
            calls += int(marks.get("calls") or 0)
            done += marks.get("done") is True
            for fault in shares:
                hits[fault] += int(marks.get(f"fault_{fault}") or 0)
    assert done == 150
    assert all(0.06 < count / calls < 0.14 for count in hits.values())


def test_reasoning_goes_back_where_the_server_needs_it() -> None:
    _, messages = _answer(agent(), _GET, reasoning_back="thought")
    assert messages[2]["reasoning_content"] == "thought"


def test_sub_agents_start_beside_the_first_request_with_contexts_of_their_own() -> None:
    session = agent(subagents=3)
    first = _first(session)
    children = [child for child in first.beside if isinstance(child, AgentSession)]
    assert len(children) == 3
    openings = {first.messages[0], *(_first(child).messages[0] for child in children)}
    assert len(openings) == 4
    marks, turn = _then(children[0], DONE)
    assert marks["agent"] == "sub"
    assert turn is None
    _, second = _then(session, calling(_GET))
    assert second is not None
    assert second.beside == ()


def test_a_pair_is_the_same_first_request_with_and_without_tools() -> None:
    orders = []
    for number in range(20):
        session = agent(number, paired=1)
        first = _first(session)
        if first.tools is None:
            marks, tools = _then(session, Reply(ok=True, text="anything"))
            assert tools is not None
            assert tools.tools is not None
            assert (tools.messages, tools.delay_s) == (first.messages, 0)
            assert (marks["agent"], marks["pair"]) == ("bare", "before")
            marks, _ = _then(session, DONE)
        else:
            (beside,) = first.beside
            assert isinstance(beside, BareSession)
            bare = beside.next_turn(None)
            assert bare is not None
            assert (bare.messages, bare.tools) == (first.messages, None)
            assert beside.score(DONE) == {"agent": "bare", "task": session.task.name, "pair": "after"}  # type: ignore[union-attr]
            assert beside.next_turn(DONE) is None
            marks, _ = _then(session, DONE)
        assert marks["agent"] == "main"
        orders.append(marks["pair"])
    assert set(orders) == {"before", "after"}


def test_as_many_sessions_are_paired_as_told() -> None:
    workload = agents(paired=0.3)
    paired = 0
    for number in range(400):
        session = workload.session(number, Random(number))
        assert session is not None
        turn = session.next_turn(None)
        assert turn is not None
        paired += turn.tools is None or bool(turn.beside)
    assert 85 < paired < 155


def test_tools_are_the_same_bytes_in_all_sessions_unless_they_are_to_be_fresh() -> None:
    shared = {_first(agent(number)).tools for number in range(5)}
    fresh = {_first(agent(number, schemas="fresh")).tools for number in range(5)}
    assert (len(shared), len(fresh)) == (1, 5)


def test_taking_in_an_answer_takes_well_under_a_millisecond() -> None:
    workload = agents(tools=200, paired=0, latency=0)
    session = workload.session(0, Random(1))
    assert isinstance(session, AgentSession)
    _first(session)
    reply = calling(("read_file", {"path": "x"}), _GET)
    began = time.process_time()
    for _ in range(10):
        session.score(reply)
        session.next_turn(reply)
    assert (time.process_time() - began) / 10 < 0.002
