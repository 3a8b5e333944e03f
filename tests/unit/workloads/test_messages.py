"""Conversations that stand whole in one record: OpenAI message lists and ShareGPT."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from loadgen.client.reply import Reply
from loadgen.errors import TraceError
from loadgen.workloads.replay.messages import array_elements
from tests.support.messages import whole
from tests.unit.workloads.test_agentic import illegal
from tests.unit.workloads.test_lengths import TRACES, played, replay

RNG = Random(0)


def prompts(name: str, session: int, **keys: Any) -> list[list[dict[str, Any]]]:
    turns = played(replay(name, **keys).session(session, RNG))
    return [[json.loads(whole(message)) for message in turn.messages] for turn in turns]


def test_each_answer_of_a_message_list_was_a_request() -> None:
    first, second = prompts("openai.jsonl", 0)
    assert [message["role"] for message in first] == ["system", "user"]
    assert [message["role"] for message in second] == ["system", "user", "assistant", "tool", "tool"]
    assert second[2]["content"] == ""
    assert second[2].keys() == {"role", "content", "tool_calls"}
    assert [message["content"] for message in second[3:]] == ["one", "two"], "results follow in the order of the calls"
    turns = played(replay("openai.jsonl").session(0, RNG))
    assert turns[1].waits_for == "tool"
    assert turns[0].tools is not None
    assert json.loads(turns[0].tools)[0]["function"]["name"] == "bash"


def test_a_question_without_an_answer_is_a_request_too() -> None:
    (prompt,) = prompts("openai.jsonl", 1)
    assert prompt == [{"role": "user", "content": [{"type": "text", "text": "A question without an answer"}]}]


def test_live_answers_go_between_recorded_messages() -> None:
    session = replay("sharegpt.json", assistant="live").session(0, RNG)
    assert session is not None
    session.next_turn(None)
    turn = session.next_turn(Reply(ok=True, text="my own"))
    assert turn is not None
    assert [json.loads(whole(message))["content"] for message in turn.messages][1:] == ["my own", "And then?"]


def test_sharegpt_begins_with_what_a_person_said_and_leaves_out_the_empty() -> None:
    workload = replay("sharegpt.json", repeat=False)
    assert [len(prompt) for prompt in prompts("sharegpt.json", 0)] == [1, 3]
    assert prompts("sharegpt.json", 1) == [[{"role": "user", "content": "Hi"}]]
    assert workload.session(2, RNG) is None
    assert workload.notes == ()


def test_sharegpt_may_be_lines_as_well(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    records = json.loads((TRACES / "sharegpt.json").read_text())
    path.write_text("\n".join(map(json.dumps, records)))
    assert played(replay(path).session(0, RNG)) == played(replay("sharegpt.json").session(0, RNG))


def test_every_prompt_is_legal() -> None:
    for name, sessions in (("sharegpt.json", 2), ("openai.jsonl", 1)):
        for session in range(sessions):
            assert [illegal(prompt) for prompt in prompts(name, session)] in ([None], [None, None])


def test_a_json_array_comes_apart_at_the_right_brackets(tmp_path: Path) -> None:
    path = tmp_path / "array.json"
    elements = [{"a": '"]}[{\\"'}, {"b": [[{}], "x"]}, {}]
    path.write_text(json.dumps(elements, indent=2))
    found = list(array_elements(path))
    assert [json.loads(data) for _, data in found] == elements
    whole = path.read_bytes()
    assert all(whole[offset : offset + len(data)] == data for offset, data in found)


def test_an_array_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    path.write_text((TRACES / "sharegpt.json").read_text()[:-3])
    with pytest.raises(TraceError, match="cut off"):
        replay(path, format="sharegpt")


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"messages": [{"role": "robot", "content": "x"}]}, "role 'robot'"),
        ({"messages": [{"role": "user"}]}, "`content`"),
        ({"messages": "x"}, "`messages`"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "tool", "content": "x"}]}, "`tool_call_id`"),
        (
            {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [{"id": "c"}]}]},
            "`tool_calls`",
        ),
    ],
)
def test_a_record_that_servers_would_refuse_is_a_mistake_with_its_line(
    tmp_path: Path, record: dict[str, Any], says: str
) -> None:
    path = tmp_path / "bad.jsonl"
    good = {"messages": [{"role": "user", "content": "hi"}]}
    path.write_text(f"{json.dumps(good)}\n{json.dumps(record)}\n{json.dumps(good)}\n")
    with pytest.raises(TraceError, match=r"bad\.jsonl:2: ") as error:
        replay(path, format="openai")
    assert says in str(error.value)
    skipping = replay(path, format="openai", on_bad_line="skip", repeat=False)
    assert skipping.session(1, RNG) is not None
    assert skipping.session(2, RNG) is None


def test_a_bad_line_of_an_interleaved_recording_ends_only_its_own_conversation(tmp_path: Path) -> None:
    path = tmp_path / "agents.jsonl"
    lines = (TRACES.parent / "agentic_small.jsonl").read_text().splitlines()
    broken = next(at for at, line in enumerate(lines) if json.loads(line)["role"] == "tool")
    lines[broken] = lines[broken].replace("tool_call_id", "call_it")
    path.write_text("\n".join(lines))
    workload = replay(path, on_bad_line="skip", repeat=False)
    ids = [json.loads(line)["conversation_id"] for line in lines]
    lengths = [len(played(workload.session(k, RNG))) for k in range(2)]
    assert sorted(lengths) != sorted([3, 2])
    (note,) = workload.notes
    assert f"{path}:{broken + 1}: " in note
    assert ids[broken] in note or "tool_call_id" in note
