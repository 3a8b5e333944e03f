"""Recordings of lengths: what each format says, when its turns are due, and what happens to lines that say nothing."""

import json
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from loadgen.client.reply import Reply
from loadgen.errors import TraceError
from loadgen.scenario.model import ReplaySpec
from loadgen.simulator.tokens import tokenise
from loadgen.workloads.base import Session, Turn
from loadgen.workloads.replay import ReplayWorkload
from loadgen.workloads.replay.formats import detect
from tests.support.messages import whole

DATA = Path(__file__).parents[2] / "data"
TRACES = DATA / "traces"
RNG = Random(0)


def replay(name: str | Path, **keys: Any) -> ReplayWorkload:
    spec = {"kind": "replay", "name": "trace", "format": "auto", "path": str(TRACES / name), **keys}
    return ReplayWorkload(ReplaySpec.model_validate(spec), seed=1)


def played(session: Session | None) -> list[Turn]:
    assert session is not None
    turns: list[Turn] = []
    last = None
    while (turn := session.next_turn(last)) is not None:
        turns.append(turn)
        last = Reply(ok=True, text="")
    return turns


def asked(turns: Iterable[Turn]) -> list[tuple[int | None, int | None]]:
    return [(turn.input_tokens, turn.output_tokens) for turn in turns]


def words(turn: Turn) -> list[str]:
    (message,) = turn.messages
    return tokenise(json.loads(whole(message))["content"])


def starts(workload: ReplayWorkload) -> list[float]:
    found = workload.start_times()
    assert found is not None
    return list(found)


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("mooncake.jsonl", "mooncake"),
        ("azure.csv", "azure"),
        ("burstgpt.csv", "burstgpt"),
        ("burstgpt_plain.csv", "burstgpt"),
        ("bailian.jsonl", "bailian"),
        ("sharegpt.json", "sharegpt"),
        ("openai.jsonl", "openai"),
        ("kv_cache_tester", "kv_cache_tester"),
        ("kv_cache_tester/trace_a.json", "kv_cache_tester"),
        ("kv_cache_tester/trace_b.json", "kv_cache_tester"),
        ("../agentic_small.jsonl", "agentic"),
    ],
)
def test_the_format_is_found_out(name: str, format_name: str) -> None:
    assert detect(TRACES / name) == format_name


def test_an_unknown_format_is_refused_with_the_names_of_all(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(TraceError, match="mooncake, azure"):
        detect(path)


def test_mooncake_gives_lengths_starts_and_shared_blocks() -> None:
    workload = replay("mooncake.jsonl", format="mooncake")
    turns = [played(workload.session(k, RNG))[0] for k in range(4)]
    assert asked(turns) == [(1100, 20), (1500, 3), (700, 1), (512, 7)]
    assert starts(workload) == [0.0, 0.0, 3.0, 6.0]
    first, second, third, fourth = map(words, turns)
    assert first[:1024] == second[:1024]
    assert first[1024:1032] != second[1024:1032]
    assert third[:512] == first[:512] != fourth[:512]


def test_azure_gives_lengths_and_starts_to_the_microsecond() -> None:
    workload = replay("azure.csv")
    assert asked(played(workload.session(1, RNG))) == [(3180, 8)]
    assert starts(workload) == [0.0, pytest.approx(0.052, abs=1e-6), pytest.approx(2.5, abs=1e-6)]
    assert len(starts(replay("azure_2024.csv"))) == 2


def test_burstgpt_lines_of_one_session_are_its_turns() -> None:
    workload = replay("burstgpt.csv")
    sessions = [played(workload.session(k, RNG)) for k in range(3)]
    assert [asked(turns) for turns in sessions] == [[(472, 18)], [(100, 30), (180, 40)], [(50, 1)]]
    assert starts(workload) == [0.0, 40.0, 45.0]
    assert sessions[1][1].delay_s == 8.0  # 10 s later, of which the answer took 2
    assert sessions[1][1].not_before_s == 10.0
    assert words(sessions[1][1])[:100] == words(sessions[1][0])
    assert len(starts(replay("burstgpt_plain.csv"))) == 2


def test_bailian_chats_are_sessions_and_a_second_answer_to_one_is_another() -> None:
    workload = replay("bailian.jsonl")
    sessions = [played(workload.session(k, RNG)) for k in range(3)]
    assert [asked(turns) for turns in sessions] == [[(40, 11), (70, 9), (90, 2)], [(33, 5)], [(64, 9)]]
    assert starts(workload) == [0.0, pytest.approx(0.9), pytest.approx(13.9)]
    # How long answers took is not recorded: only the recorded time holds a turn back.
    assert [turn.delay_s for turn in sessions[0]] == [0.0, 0.0, 0.0]
    assert [turn.not_before_s for turn in sessions[0]] == [None, pytest.approx(10.0), pytest.approx(19.0)]
    assert words(sessions[0][1])[:32] == words(sessions[2][0])[:32]


def test_a_coding_session_waits_as_recorded_with_its_sub_agent_beside_it() -> None:
    turns = played(replay("kv_cache_tester").session(0, RNG))
    assert asked(turns) == [(200, 20), (300, 30), (330, 10)]
    assert [turn.waits_for for turn in turns] == ["think", "tool", "think"]
    # The second answer's end is unknown, so nothing but the recorded time holds the third turn back.
    assert [(turn.delay_s, turn.not_before_s) for turn in turns] == [(0.0, None), (3.0, 5.0), (0.0, 65.0)]
    assert [len(turn.beside) for turn in turns] == [1, 0, 0]
    agent = played(turns[0].beside[0])
    assert asked(agent) == [(100, 5), (130, 6)]
    assert [(turn.delay_s, turn.not_before_s) for turn in agent] == [(1.0, 3.0), (3.0, 4.0)]
    assert words(turns[1])[:192] == words(turns[0])[:192]
    assert words(turns[1])[192:200] != words(turns[0])[192:200]  # beyond the last full block nothing was shared
    assert words(agent[0])[:64] == words(agent[1])[:64] != words(turns[0])[:64]


def test_block_ids_of_another_file_are_other_blocks() -> None:
    workload = replay("kv_cache_tester")
    one, other = played(workload.session(0, RNG))[0], played(workload.session(1, RNG))[0]
    assert words(one)[:8] != words(other)[:8]


def test_the_scale_is_for_all_times_and_the_cap_for_waits_after_it() -> None:
    workload = replay("kv_cache_tester", time_scale=0.5, idle_cap="1s")
    turns = played(workload.session(0, RNG))
    # 5 s to the second turn, 2 of them an answer: 1 s of answer and 1.5 of waiting, cut to 1; then 30 cut to 1.
    assert [(turn.delay_s, turn.not_before_s) for turn in turns] == [(0.0, None), (1.0, 2.0), (0.0, 3.0)]
    agent = played(turns[0].beside[0])
    assert (agent[0].delay_s, agent[0].not_before_s) == (0.5, 1.5)
    assert starts(replay("mooncake.jsonl", time_scale=0.1)) == pytest.approx([0.0, 0.0, 0.3, 0.6])


def test_jitter_spreads_equal_timestamps_and_never_into_the_next(tmp_path: Path) -> None:
    path = tmp_path / "quantised.jsonl"
    stamps = [0] * 50 + [2999] * 50 + [6000]
    lines = [{"timestamp": at, "input_length": 10, "output_length": 1, "hash_ids": [0]} for at in stamps]
    path.write_text("\n".join(map(json.dumps, lines)))
    spread = starts(replay(path, jitter="3s"))
    assert spread == starts(replay(path, jitter="3s"))
    assert all(before < after for before, after in pairwise(spread))
    first = 6.0 - spread[-1]  # the first one's own share; the last has a quantum of its own
    assert spread[0] == 0.0
    assert spread[49] < 2.999 + first + 3
    assert 0.5 < spread[25] < 2.5


def test_max_turns_and_failed_turns_end_a_session() -> None:
    assert len(played(replay("kv_cache_tester", max_turns=2).session(0, RNG))) == 2
    session = replay("kv_cache_tester").session(0, RNG)
    assert session is not None
    session.next_turn(None)
    assert session.next_turn(Reply(ok=False)) is None


def test_a_recording_begins_again_or_runs_out() -> None:
    workload = replay("mooncake.jsonl")
    assert played(workload.session(4, RNG)) == played(workload.session(0, RNG))
    assert replay("mooncake.jsonl", repeat=False).session(4, RNG) is None


def test_a_window_is_played_as_if_it_were_all() -> None:
    workload = replay("mooncake.jsonl", start="3s", limit=1, repeat=False)
    assert asked(played(workload.session(0, RNG))) == [(700, 1)]
    assert workload.session(1, RNG) is None
    assert starts(workload) == [0.0]


def test_a_window_without_a_session_or_a_clock_is_refused() -> None:
    with pytest.raises(TraceError, match="nothing was recorded"):
        replay("mooncake.jsonl", start="7s")
    with pytest.raises(TraceError, match="no clock"):
        replay("kv_cache_tester", start="1s")


def test_live_answers_need_recorded_text() -> None:
    with pytest.raises(TraceError, match="assistant: recorded"):
        replay("mooncake.jsonl", assistant="live")


def test_sessions_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    path = tmp_path / "unordered.csv"
    path.write_text("Timestamp,Model,Request tokens,Response tokens\n9,m,1,1\n3,m,2,1\n5,m,3,1\n")
    workload = replay(path)
    assert starts(workload) == [0.0, 2.0, 6.0]
    assert [played(workload.session(k, RNG))[0].input_tokens for k in range(3)] == [2, 3, 1]


BAD_MOONCAKE = [
    ("{", "not a JSON object"),
    ('{"timestamp": 1, "input_length": 5}', "`output_length`"),
    ('{"timestamp": 1, "input_length": -5, "output_length": 1}', "lengths of -5"),
    ('{"timestamp": 1, "input_length": 512, "output_length": 1, "hash_ids": [1, 2]}', "one stands for 512"),
    ('{"timestamp": 1e300, "input_length": 5, "output_length": 1}', "is no time"),
]


@pytest.mark.parametrize(("line", "says"), BAD_MOONCAKE, ids=[says for _, says in BAD_MOONCAKE])
def test_a_bad_line_stops_with_its_number_or_is_left_out_and_counted(tmp_path: Path, line: str, says: str) -> None:
    good = (TRACES / "mooncake.jsonl").read_text().splitlines()
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join([*good[:2], line, *good[2:]]))
    with pytest.raises(TraceError, match=rf"bad\.jsonl:3: .*{re.escape(says)}"):
        replay(path, format="mooncake")
    workload = replay(path, format="mooncake", on_bad_line="skip")
    assert starts(workload) == [0.0, 0.0, 3.0, 6.0]
    assert asked(played(workload.session(2, RNG))) == [(700, 1)]
    (note,) = workload.notes
    assert "1 bad line" in note
    assert f"{path}:3: " in note


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("TIMESTAMP,ContextTokens\n", ":1: the header has no column GeneratedTokens"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,1\n", ":2: TIMESTAMP 'yesterday'"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1\n", ":2: 2 columns"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1.5,1\n", ":2: ContextTokens '1.5'"),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1e15,1\n",
            ":2: lengths of 1000000000000000 and",
        ),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n", "holds no requests"),
    ],
)
def test_mistakes_in_a_table_are_refused_with_their_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(TraceError) as error:
        replay(path, format="azure")
    assert says in str(error.value)


def test_a_recording_of_nothing_but_mistakes_says_which(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-13-16 18:17:03,1,1\n")
    with pytest.raises(TraceError, match=r"holds no requests; 1 bad line .*bad\.csv:2: TIMESTAMP"):
        replay(path, format="azure", on_bad_line="skip")


@pytest.mark.parametrize("change", [{"in": 1 << 60}, {"out": -1}, {"t": 1e300}, {"api_time": -1.0}])
def test_figures_that_no_request_has_are_mistakes(tmp_path: Path, change: dict[str, float]) -> None:
    document = json.loads((TRACES / "kv_cache_tester" / "trace_a.json").read_text())
    document["requests"][0].update(change)
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(TraceError, match=r"a\.json: request 1: "):
        replay(tmp_path)


@pytest.mark.parametrize("size", [15, 1 << 40])
def test_a_block_is_of_some_size(tmp_path: Path, size: int) -> None:
    document = json.loads((TRACES / "kv_cache_tester" / "trace_a.json").read_text())
    (tmp_path / "a.json").write_text(json.dumps(document | {"block_size": size}))
    with pytest.raises(TraceError, match=f"`block_size` is {size}"):
        replay(tmp_path)


def test_a_mistake_in_a_coding_session_names_file_and_request(tmp_path: Path) -> None:
    document = json.loads((TRACES / "kv_cache_tester" / "trace_a.json").read_text())
    document["requests"][2]["in"] = "many"
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(TraceError, match=r"a\.json: request 3: .*`in`"):
        replay(tmp_path)
    workload = replay(tmp_path, on_bad_line="skip")
    assert asked(played(workload.session(0, RNG))) == [(200, 20), (330, 10)]
    assert len(workload.notes) == 1


def test_a_file_that_changed_under_the_replay_is_no_silent_nonsense(tmp_path: Path) -> None:
    path = tmp_path / "shrunk.jsonl"
    path.write_text((TRACES / "mooncake.jsonl").read_text())
    workload = replay(path)
    path.write_text("")
    session = workload.session(3, RNG)
    assert session is not None
    with pytest.raises(TraceError, match="was changed"):
        session.next_turn(None)
