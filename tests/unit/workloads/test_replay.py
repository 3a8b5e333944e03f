"""Replayed sessions: the recorded history or the live one, with the recorded pauses, scaled."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from loadgen.client.reply import Reply, ToolCall
from loadgen.scenario.model import ReplaySpec
from loadgen.workloads.base import Session, Turn
from loadgen.workloads.build import build_workload
from tests.support.messages import whole
from tests.unit.workloads.test_agentic import REAL, SMALL, illegal, needs_real

RNG = Random(0)


def replay(**keys: Any) -> Any:
    spec = {"kind": "replay", "name": "agents", "format": "agentic", "path": str(SMALL), **keys}
    return build_workload(ReplaySpec.model_validate(spec), seed=1)


def turns_of(session: Session, *replies: Reply) -> list[Turn]:
    """All turns; the last of the replies answers whatever the others do not."""
    turns: list[Turn] = []
    last = None
    while (turn := session.next_turn(last)) is not None:
        last = replies[min(len(turns), len(replies) - 1)] if replies else Reply(ok=True, text="no idea")
        turns.append(turn)
    return turns


def messages_of(turn: Turn) -> list[dict[str, Any]]:
    return [json.loads(whole(message)) for message in turn.messages]


def calling(*calls: tuple[str, str], text: str = "") -> Reply:
    return Reply(ok=True, text=text, tool_calls=tuple(ToolCall(id_, "bash", arguments) for id_, arguments in calls))


def test_recorded_prompts_are_the_same_whatever_the_model_answers() -> None:
    one = turns_of(replay().session(0, RNG), Reply(ok=True, text="something else"))
    other = turns_of(replay().session(0, RNG), calling(("x", "{}")))
    assert one == other
    assert [len(turn.messages) for turn in one] == [2, 5, 7]


def test_the_messages_of_sessions_are_the_same_bytes_and_not_copies() -> None:
    workload = replay()
    one, other = turns_of(workload.session(0, RNG)), turns_of(workload.session(2, RNG))
    assert all(a is b for a, b in zip(one[-1].messages, other[-1].messages, strict=True))


def test_every_turn_carries_the_tools_and_leaves_lengths_open() -> None:
    for turn in turns_of(replay().session(0, RNG)):
        assert turn.tools is not None
        assert json.loads(turn.tools)[0]["type"] == "function"
        assert turn.input_tokens is None
        assert turn.output_tokens is None


def test_tool_waits_are_scaled_and_then_cut() -> None:
    turns = turns_of(replay(time_scale=0.1, idle_cap="3s").session(0, RNG))
    assert [turn.delay_s for turn in turns] == pytest.approx([0.0, 0.05, 3.0])
    assert [turn.waits_for for turn in turns] == ["think", "tool", "tool"]


def test_without_a_cap_waits_are_as_recorded() -> None:
    assert [turn.delay_s for turn in turns_of(replay().session(0, RNG))] == [0.0, 0.5, 40.0]


def test_a_failed_turn_ends_the_session() -> None:
    for assistant in ("recorded", "live"):
        session = replay(assistant=assistant).session(0, RNG)
        assert session.next_turn(None) is not None
        assert session.next_turn(Reply(ok=False)) is None


def test_max_turns_cuts_a_conversation() -> None:
    for assistant in ("recorded", "live"):
        assert len(turns_of(replay(max_turns=2, assistant=assistant).session(0, RNG))) == 2


def test_sessions_go_round_the_conversations() -> None:
    workload = replay()
    first = [turns_of(workload.session(ordinal, RNG))[0].messages for ordinal in range(4)]
    assert first[0] == first[2] != first[1] == first[3]


def test_without_repeating_the_recording_runs_out() -> None:
    workload = replay(repeat=False)
    assert workload.session(1, RNG) is not None
    assert workload.session(2, RNG) is None


def test_a_recording_without_a_clock_has_no_start_times() -> None:
    assert replay().start_times() is None


def test_recorded_beginnings_order_the_sessions_and_scale_like_all_recorded_times(tmp_path: Path) -> None:
    path = tmp_path / "clocked.jsonl"
    lines = [
        {"conversation_id": name, "turn": 1, "role": "user", "content": name, "start_seconds": start}
        for name, start in (("late", 107.0), ("early", 100.0), ("middle", 103.0))
    ]
    answers = [
        {"conversation_id": line["conversation_id"], "turn": 2, "role": "assistant", "content": "x"} for line in lines
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines + answers))
    workload = replay(path=str(path), time_scale=0.5)
    assert list(workload.start_times()) == [0.0, 1.5, 3.5]
    first = workload.session(0, RNG)
    assert messages_of(first.next_turn(None))[-1]["content"] == "early"


def test_live_calls_get_the_recorded_results_in_order_under_their_own_ids() -> None:
    reply = calling(("x", '{"command": "a"}'), ("y", '{"command": "b"}'), text="I look")
    second = messages_of(turns_of(replay(assistant="live").session(0, RNG), reply)[1])
    assert [message["role"] for message in second] == ["system", "user", "assistant", "tool", "tool"]
    assert second[2]["content"] == "I look"
    assert [call["id"] for call in second[2]["tool_calls"]] == ["x", "y"]
    assert [(message["tool_call_id"], message["content"]) for message in second[3:]] == [
        ("x", "print('Helo')\t# \u0001"),
        ("y", "hello.py\nREADME"),
    ]


def test_results_that_no_live_call_asked_for_follow_as_a_user_message() -> None:
    second = messages_of(turns_of(replay(assistant="live").session(0, RNG), Reply(ok=True, text="Done!"))[1])
    assert [message["role"] for message in second[2:]] == ["assistant", "user"]
    assert second[3]["content"] == "print('Helo')\t# \u0001\n\nhello.py\nREADME"


def test_a_live_call_without_a_recorded_result_gets_an_empty_one() -> None:
    third = messages_of(turns_of(replay(assistant="live").session(0, RNG), calling(("x", "{}"), ("y", "{}")))[2])
    assert [(message["tool_call_id"], message["content"]) for message in third[-2:]] == [("x", ""), ("y", "")]


def test_recorded_user_messages_follow_the_live_answer() -> None:
    turns = turns_of(replay(assistant="live").session(1, RNG), Reply(ok=True, text="Moin"))
    assert [message["content"] for message in messages_of(turns[1])] == ["Grüß dich 👋", "Moin", "Wie geht's?"]
    assert turns[1].delay_s == 12.0


def test_a_live_call_with_broken_arguments_counts_as_not_made() -> None:
    second = messages_of(
        turns_of(replay(assistant="live").session(0, RNG), calling(("x", '{"command": "a'), ("y", "{}")))[1]
    )
    assert [call["id"] for call in second[2]["tool_calls"]] == ["y"]
    assert [message["role"] for message in second[3:]] == ["tool", "user"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(ok=True),
        Reply(ok=True, text='"quoted" \ud83d'),
        calling(("x", "{}")),
        calling(("", "{}"), ("", "{}"), ("", "{}")),
        calling(("x", "{}"), ("x", "{}")),
        calling(("x", "not json"), text="hm"),
        calling(("x", "[]"), ("y", "{}")),
    ],
    ids=["nothing", "half a pair", "one call", "three without ids", "one id twice", "broken call", "no object"],
)
def test_every_live_prompt_is_legal_whatever_the_model_says(reply: Reply) -> None:
    for ordinal in (0, 1):
        for turn in turns_of(replay(assistant="live").session(ordinal, RNG), reply):
            assert illegal(messages_of(turn)) is None


@needs_real
@pytest.mark.parametrize("assistant", ["recorded", "live"])
def test_the_published_recording_plays_to_its_end(assistant: str) -> None:
    workload = replay(path=str(REAL), assistant=assistant, repeat=False)
    sessions = [workload.session(ordinal, RNG) for ordinal in range(21)]
    assert sessions.pop() is None
    assert sum(len(turns_of(session, calling(("x", "{}")))) for session in sessions) == 1007
