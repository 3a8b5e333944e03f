"""A recording becomes legal requests, and every mistake in it is refused with its line."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loadgen.errors import TraceError
from loadgen.workloads.replay import agentic
from loadgen.workloads.replay.agentic import AgenticRecording
from loadgen.workloads.replay.records import Mistakes
from loadgen.workloads.replay.script import Step
from tests.support.recordings import SHARED

ROOT = Path(__file__).parents[3]
SMALL = ROOT / "tests" / "data" / "agentic_small.jsonl"
REAL = SHARED / "agentic_coding_2.5h.jsonl"
needs_real = pytest.mark.skipif(not REAL.exists(), reason=f"the published recording is not at {REAL}")

USER = {"conversation_id": "a", "turn": 1, "role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": "{}"}}
ASSISTANT = {"conversation_id": "a", "turn": 2, "role": "assistant", "tool_calls": [CALL]}
RESULT = {"tool_call_id": "c1", "content": "ok"}
TOOL = {"conversation_id": "a", "turn": 3, "role": "tool", "tool_results": [RESULT], "delay_seconds": 0.5}


def written(folder: Path, *lines: dict[str, Any] | str) -> Path:
    path = folder / "trace.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


@dataclass
class Conversation:
    """A session of a recording, read to its end; messages up to the last prompt."""

    id: str
    messages: list[bytes]
    steps: list[Step]
    tools: bytes | None


def load_agentic(path: Path) -> list[Conversation]:
    recording = AgenticRecording(path, Mistakes("stop"))
    conversations = []
    for session in range(len(recording)):
        script = recording.script(session)
        steps = list(iter(script.next_step, None))
        messages = script.messages[: steps[-1].answer_at]
        conversations.append(Conversation(recording.conversation_id(session), messages, steps, script.tools))
    return conversations


def messages_of(conversation: Conversation) -> list[dict[str, Any]]:
    return [json.loads(message) for message in conversation.messages]


def illegal(messages: list[dict[str, Any]]) -> str | None:
    """What a strict OpenAI-compatible server would refuse about a prompt; None if nothing."""
    unanswered: list[str] = []
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in unanswered:
                return f"message {at} answers no call"
            unanswered.remove(message["tool_call_id"])
            continue
        if unanswered:
            return f"message {at} comes before the results of {unanswered}"
        if not isinstance(message.get("content"), str) or message.keys() - {"role", "content", "tool_calls"}:
            return f"message {at} has keys {sorted(message)}"
        for call in message.get("tool_calls", []):
            if not isinstance(json.loads(call["function"]["arguments"]), dict):
                return f"message {at} has arguments that are no object"
            unanswered.append(call["id"])
    return f"no results of {unanswered}" if unanswered else None


def test_interleaved_conversations_come_apart_in_the_order_they_begin() -> None:
    assert [conversation.id for conversation in load_agentic(SMALL)] == ["fix-typo", "small-talk"]


def test_a_prompt_holds_everything_recorded_before_the_answer() -> None:
    fix = load_agentic(SMALL)[0]
    roles = [message["role"] for message in messages_of(fix)]
    assert roles == ["system", "user", "assistant", "tool", "tool", "assistant", "tool"]
    assert [step.answer_at for step in fix.steps] == [2, 5, 7]
    assert [step.new_from for step in fix.steps] == [0, 3, 6]


def test_pauses_come_with_who_was_waited_for() -> None:
    fix, talk = load_agentic(SMALL)
    assert [(step.delay_s, step.waits_for) for step in fix.steps] == [(0.0, "think"), (0.5, "tool"), (40.0, "tool")]
    assert [(step.delay_s, step.waits_for) for step in talk.steps] == [(0.0, "think"), (12.0, "think")]


def test_results_of_parallel_calls_follow_in_the_order_of_the_calls() -> None:
    messages = messages_of(load_agentic(SMALL)[0])
    assert [message["tool_call_id"] for message in messages[3:5]] == ["call_a", "call_b"]
    assert messages[3]["content"] == "print('Helo')\t# \u0001"


def test_a_recorded_answer_goes_back_without_its_reasoning_and_with_empty_text() -> None:
    answer = messages_of(load_agentic(SMALL)[0])[2]
    assert answer["content"] == ""
    assert answer.keys() == {"role", "content", "tool_calls"}
    assert json.loads(answer["tool_calls"][0]["function"]["arguments"]) == {"command": "cat hello.py"}


def test_tools_belong_to_the_conversation_that_has_them() -> None:
    fix, talk = load_agentic(SMALL)
    assert fix.tools is not None
    assert json.loads(fix.tools)[0]["function"]["name"] == "bash"
    assert talk.tools is None


def test_every_prompt_of_the_small_recording_is_legal() -> None:
    for conversation in load_agentic(SMALL):
        messages = messages_of(conversation)
        assert [illegal(messages[: step.answer_at]) for step in conversation.steps] == [None] * len(conversation.steps)


@needs_real
def test_the_published_recording_is_read_whole() -> None:
    conversations = load_agentic(REAL)
    assert len(conversations) == 20
    assert sum(len(conversation.steps) for conversation in conversations) == 1007
    waits = [step.delay_s for conversation in conversations for step in conversation.steps if step.waits_for == "tool"]
    assert len(waits) == 987
    assert sum(waits) == pytest.approx(636.392608)


@needs_real
def test_every_prompt_of_the_published_recording_is_legal() -> None:
    for conversation in load_agentic(REAL):
        messages = messages_of(conversation)
        problems = {illegal(messages[: step.answer_at]) for step in conversation.steps}
        assert problems == {None}


@needs_real
def test_the_published_recording_says_what_it_said() -> None:
    lines = [json.loads(line) for line in REAL.read_text().splitlines()]
    said = [result["content"] for line in lines for result in line.get("tool_results") or ()]
    sent = [
        message["content"]
        for conversation in load_agentic(REAL)
        for message in messages_of(conversation)
        if message["role"] == "tool"
    ]
    assert sorted(sent) == sorted(said)


def test_blank_lines_and_unknown_keys_are_no_mistakes(tmp_path: Path) -> None:
    path = written(tmp_path, "", {**USER, "model": "m"}, "  ", ASSISTANT, TOOL)
    assert len(load_agentic(path)[0].steps) == 1


def test_messages_after_the_last_answer_are_dropped(tmp_path: Path) -> None:
    path = written(tmp_path, USER, ASSISTANT, TOOL, {**USER, "turn": 4})
    assert len(load_agentic(path)[0].messages) == 1


def test_two_user_messages_in_a_row_pause_for_both(tmp_path: Path) -> None:
    answer = {"conversation_id": "a", "role": "assistant", "content": "yes"}
    path = written(
        tmp_path,
        USER,
        {**answer, "turn": 2},
        {**USER, "turn": 3, "delay_seconds": 1.5},
        {**USER, "turn": 4, "delay_seconds": 2},
        {**answer, "turn": 5},
    )
    assert [step.delay_s for step in load_agentic(path)[0].steps] == [0.0, 3.5]


@pytest.mark.parametrize(
    ("lines", "line", "says"),
    [
        pytest.param(["{"], 1, "not a JSON object", id="broken JSON"),
        pytest.param(['"text"'], 1, "Expected `object`", id="no object"),
        pytest.param([{"turn": 1, "role": "user"}], 1, "`conversation_id`", id="no conversation"),
        pytest.param([{**USER, "turn": "one"}], 1, "`turn`", id="wrong type"),
        pytest.param([{**USER, "role": "robot"}], 1, "'robot'", id="unknown role"),
        pytest.param([ASSISTANT], 1, "expected user", id="begins with an answer"),
        pytest.param([USER, {**ASSISTANT, "turn": 1}], 2, "turn 1", id="turns out of order"),
        pytest.param([{**USER, "content": None}], 1, "`content`", id="user says nothing"),
        pytest.param([{**USER, "tools": [{"name": "f"}]}], 1, "`tools`", id="not a tool definition"),
        pytest.param([USER, {**ASSISTANT, "system": "s"}], 2, "first line", id="late system"),
        pytest.param([USER, {**ASSISTANT, "tool_calls": [CALL, CALL]}], 2, "share an id", id="same id twice"),
        pytest.param(
            [USER, {**ASSISTANT, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{"}}]}],
            2,
            "`arguments`",
            id="broken arguments",
        ),
        pytest.param([USER, ASSISTANT, {**USER, "turn": 3}], 3, "unanswered tool calls (c1)", id="no results"),
        pytest.param([USER, ASSISTANT, {**TOOL, "tool_results": []}], 3, "answers nothing", id="empty results"),
        pytest.param(
            [USER, ASSISTANT, {**TOOL, "tool_results": [{**RESULT, "tool_call_id": "x"}]}],
            3,
            "answers x; expected one result each for c1",
            id="results of another call",
        ),
        pytest.param([USER, ASSISTANT, {**TOOL, "tool_results": [RESULT] * 2}], 3, "one result", id="result twice"),
        pytest.param([USER, ASSISTANT, TOOL, {**TOOL, "turn": 4}], 4, "must follow", id="results of no call"),
        pytest.param([USER, ASSISTANT, {**TOOL, "delay_seconds": -1}], 3, "`delay_seconds`", id="negative delay"),
        pytest.param([USER], 1, "no line of role assistant", id="nothing to replay"),
    ],
)
def test_a_mistake_is_refused_with_its_file_and_line(
    tmp_path: Path, lines: list[dict[str, Any] | str], line: int, says: str
) -> None:
    path = written(tmp_path, *lines)
    with pytest.raises(TraceError) as error:
        load_agentic(path)
    assert f"{path}:{line}: " in str(error.value)
    assert says in str(error.value)


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes(json.dumps(USER).encode() + b"\n" + b'{"conversation_id": "caf\xe9"}')
    with pytest.raises(TraceError, match=r"latin\.jsonl:2: "):
        load_agentic(path)


def test_endless_nesting_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, '{"x":' + "[" * 100_000)
    with pytest.raises(TraceError, match=r":1: "):
        load_agentic(path)


def test_a_missing_file_is_refused_with_the_key_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="`path` in the scenario"):
        load_agentic(tmp_path / "nowhere.jsonl")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="holds no messages"):
        load_agentic(written(tmp_path))


def test_a_recording_larger_than_what_is_kept_plays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [conversation.messages for conversation in load_agentic(SMALL)]
    monkeypatch.setattr(agentic, "_CACHED_BYTES", 600)
    recording = AgenticRecording(SMALL, Mistakes("stop"))
    for _ in range(2):
        for session, messages in enumerate(whole):
            script = recording.script(session)
            while script.next_step() is not None:
                assert sum(entry.size_bytes for entry in recording._cache.values()) <= 600
            assert script.messages[: len(messages)] == messages
