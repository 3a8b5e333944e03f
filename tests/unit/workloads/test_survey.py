"""The survey of a recording says what a count by hand says."""

import json
from pathlib import Path

import pytest

from loadgen.errors import TraceError
from loadgen.workloads.replay.survey import survey
from tests.support.recordings import SHARED
from tests.unit.workloads.test_lengths import TRACES

needs_shared = pytest.mark.skipif(not SHARED.exists(), reason=f"no published recordings at {SHARED}")


def test_lengths_gaps_and_reuse_of_requests_with_blocks() -> None:
    seen = survey(TRACES / "mooncake.jsonl")
    assert (seen.format, seen.sessions, seen.requests, seen.duration_s) == ("mooncake", 4, 4, 6.0)
    assert seen.input_tokens is not None
    assert (seen.input_tokens.mean, seen.input_tokens.max) == (953.0, 1500)
    assert seen.gaps_s is not None
    assert (seen.gaps_s.n, seen.gaps_s.mean, seen.gaps_s.max) == (3, 2.0, 3.0)
    assert seen.reuse is not None
    # Of the second request two blocks, of the third one; nothing of the others.
    assert seen.reuse.hit_rate == (1024 + 512) / (1100 + 1500 + 700 + 512)
    assert (seen.reuse.by, seen.reuse.block_tokens, seen.reuse.distinct_blocks) == ("tokens", 512, 6)
    assert seen.arrivals is not None
    assert sum(seen.arrivals.counts) == 4


def test_what_a_recording_does_not_give_is_none() -> None:
    azure = survey(TRACES / "azure.csv")
    assert azure.reuse is None
    assert azure.waits_s is None
    agents = survey(TRACES.parent / "agentic_small.jsonl")
    assert (agents.input_tokens, agents.output_tokens, agents.gaps_s, agents.arrivals) == (None, None, None, None)
    assert agents.duration_s is None
    assert agents.waits_s is not None
    assert agents.waits_s.n == 3
    assert survey(TRACES / "sharegpt.json").waits_s is None


def test_sub_agents_and_waits_of_coding_sessions() -> None:
    seen = survey(TRACES / "kv_cache_tester")
    assert (seen.sessions, seen.requests, seen.sub_agents) == (2, 6, 1)
    assert seen.waits_s is not None
    assert (seen.waits_s.n, seen.waits_s.max) == (2, 3.0)  # a wait after an answer of unknown length is unknown
    assert seen.reuse is not None
    assert seen.reuse.hit_rate == (192 + 256 + 64) / (200 + 300 + 330 + 200 + 100 + 130)


def _encoded(*parts: object) -> int:
    return sum(len(json.dumps(part, separators=(",", ":"))) for part in parts)


def test_text_is_reused_by_the_turns_of_a_conversation_and_by_a_common_beginning(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    system, ask = {"role": "system", "content": "S" * 700}, {"role": "user", "content": "A" * 300}
    answer, more = {"role": "assistant", "content": "B" * 200}, {"role": "user", "content": "C" * 100}
    path.write_text(
        f"{json.dumps({'messages': [system, ask, answer, more]})}\n"
        f"{json.dumps({'messages': [system, {**ask, 'content': 'Z' * 300}]})}\n"
    )
    seen = survey(path)
    first, whole = _encoded(system, ask), _encoded(system, ask, answer, more)
    beginning = _encoded(system) + len('{"role":"user","content":"')
    assert seen.reuse is not None
    assert seen.reuse.by == "bytes"
    assert seen.reuse.total == 2 * first + whole
    assert seen.reuse.hit_rate == (first // 64 * 64 + beginning // 64 * 64) / (2 * first + whole)


def test_tools_are_a_part_of_the_prompt_in_front_of_it(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    tools = [{"type": "function", "function": {"name": "look_up", "description": "D" * 500}}]
    asks = [{"role": "user", "content": letter * 100} for letter in "AB"]
    path.write_text("\n".join(json.dumps({"messages": [ask], "tools": tools}) for ask in asks))
    seen = survey(path)
    assert seen.reuse is not None
    assert seen.reuse.total == 2 * _encoded(tools) + _encoded(*asks)
    assert 0.35 < seen.reuse.hit_rate < 0.5


def test_scattered_ids_count_like_dense_ones(tmp_path: Path) -> None:
    path = tmp_path / "scattered.jsonl"
    text = (TRACES / "mooncake.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        line["hash_ids"] = [hash_id * 10**15 - 7 for hash_id in line["hash_ids"]]
    path.write_text("\n".join(map(json.dumps, lines)))
    assert survey(path).reuse == survey(TRACES / "mooncake.jsonl").reuse


def test_quantised_timestamps_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "quantised.jsonl"
    line = {"input_length": 10, "output_length": 1, "hash_ids": [0]}
    path.write_text("\n".join(json.dumps({"timestamp": at // 10 * 3000, **line}) for at in range(300)))
    seen = survey(path)
    assert seen.quantum_s == pytest.approx(3.0, rel=0.003)
    assert survey(TRACES / "mooncake.jsonl").quantum_s is None


def test_bad_lines_are_counted_and_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text((TRACES / "mooncake.jsonl").read_text() + "{\n" * 5)
    seen = survey(path)
    assert (seen.requests, seen.skipped, len(seen.first_mistakes)) == (4, 5, 3)
    assert f"{path}:5: " in seen.first_mistakes[0]


def test_no_recording_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="can't be read"):
        survey(tmp_path / "nowhere")
    with pytest.raises(TraceError, match="no JSON files"):
        survey(tmp_path)


@needs_shared
@pytest.mark.parametrize(
    ("name", "requests", "hit_rate"),
    [("mooncake_conversation.jsonl", 12031, 0.37362), ("mooncake_synthetic.jsonl", 3993, 0.65124)],
)
def test_published_recordings_have_their_published_sizes(name: str, requests: int, hit_rate: float) -> None:
    seen = survey(SHARED / name)
    assert seen.requests == requests
    assert seen.reuse is not None
    assert seen.reuse.hit_rate == pytest.approx(hit_rate, abs=5e-6)


@needs_shared
def test_the_published_code_trace_is_as_bursty_as_they_say() -> None:
    seen = survey(SHARED / "azure_llm_code_2023.csv")
    assert seen.requests == 8819
    assert seen.gaps_s is not None
    assert seen.gaps_s.cv == pytest.approx(13, abs=0.5)
