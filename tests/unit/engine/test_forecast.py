"""What a run will take, before it starts; and what a corpus's text is in tokens."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadgen.arrivals import schedule_of
from loadgen.engine.calibration import Ask, by_tokenizer, by_usage
from loadgen.engine.forecast import Forecast, forecast
from loadgen.prices import Rates
from loadgen.simulator.tokens import tokenise
from loadgen.workloads.build import build_workload
from loadgen.workloads.corpus import Corpus, load_corpus
from loadgen.workloads.sizing import DEFAULT_CHARS_PER_TOKEN
from tests.support.command import closed_load, open_load
from tests.unit.engine.running import scenario_of

LOW = Rates(cached_input=1.0, input=10.0, output=20.0, reasoning=20.0)
HIGH = LOW.scaled(2.0)


def forecast_of(folder: Path, *, forced: bool = False, load: dict[str, Any], **chat: Any) -> Forecast:
    workload = {"name": "chat", "kind": "chat", "prompt_tokens": 1000, "output_tokens": 100} | chat
    scenario = scenario_of(folder, workloads=[workload], load=load)
    workloads = [build_workload(spec, seed=scenario.seed) for spec in scenario.workloads]
    return forecast(scenario, schedule_of(scenario.load), workloads, (LOW, HIGH), forced=forced)


def test_an_open_loop_is_known_beforehand(tmp_path: Path) -> None:
    found = forecast_of(tmp_path, load=open_load(10, "30s"))
    assert (found.sessions, found.turns, found.input_tokens, found.output_tokens) == (300, 300, 300_000, 30_000)
    # Nothing in these prompts can be cached, and no answer is shorter than one token.
    assert found.low == pytest.approx(300 * (1000 * 10 + 20) / 1e6)
    assert found.high == pytest.approx(300 * (1000 * 20 + 100 * 40) / 1e6)


def test_a_shared_prefix_is_read_anew_once(tmp_path: Path) -> None:
    found = forecast_of(tmp_path, load=open_load(10, "10s"), prefix={"tokens": 9000, "scope": "all"})
    everything = 100 * (10_000 * 10 + 20) / 1e6
    assert everything / 10 < found.low < everything / 4
    assert found.high == pytest.approx(100 * (10_000 * 20 + 100 * 40) / 1e6)


def test_later_turns_carry_the_history_and_count_for_the_high_end_alone(tmp_path: Path) -> None:
    one = forecast_of(tmp_path, load=open_load(10, "10s"))
    three = forecast_of(tmp_path, load=open_load(10, "10s"), turns=3)
    assert three.turns == 300
    assert three.input_tokens == 100 * (1000 + (1000 + 100 + 1000) + (1000 + 100 + 1000 + 100 + 1000))
    assert three.low == pytest.approx(one.low)


def test_forced_answers_are_as_long_as_asked(tmp_path: Path) -> None:
    found = forecast_of(tmp_path, load=open_load(10, "10s"), forced=True)
    assert found.low == pytest.approx(100 * (1000 * 10 + 100 * 20) / 1e6)


def test_answers_without_a_limit_have_no_high_end(tmp_path: Path) -> None:
    found = forecast_of(tmp_path, load=open_load(10, "10s"), output_tokens=None)
    assert (found.output_tokens, found.high) == (None, None)
    assert found.low > 0


def test_a_closed_loop_has_at_least_a_turn_a_user(tmp_path: Path) -> None:
    found = forecast_of(tmp_path, load=closed_load(5, "10s"), turns=4)
    assert (found.sessions, found.turns, found.high) == (None, None, None)
    assert found.low == pytest.approx(5 * (1000 * 10 + 20) / 1e6)
    assert "the target decides" in found.line(1.0)


def _target(*, opening: int, message: int) -> Ask:
    """A target with the simulator's tokens and a template of these sizes."""

    async def ask(messages: tuple[bytes, ...]) -> int | None:
        texts = [str(_content(text)) for text in messages]
        return opening + sum(message + len(tokenise(text)) for text in texts)

    return ask


def _content(message: bytes) -> object:
    return msgspec.json.decode(message)["content"]


def _true_ratio(corpus: Corpus) -> float:
    texts = [corpus.text_at(corpus.chars * n // 500, 1000) for n in range(500)]
    return 500 * 1000 / sum(len(tokenise(text)) for text in texts)


@pytest.mark.parametrize("name", ["python-docs", "python-source"])
def test_a_calibration_finds_the_ratio_of_the_whole_text_and_the_template(name: str) -> None:
    corpus = load_corpus(name)
    found = asyncio.run(by_usage(corpus, _target(opening=30, message=5)))
    assert found.sizer.chars_per_token == pytest.approx(_true_ratio(corpus), rel=0.02)
    assert found.sizer.message_tokens == pytest.approx(5, abs=0.5)
    assert found.sizer.opening_tokens == pytest.approx(30, abs=1)
    assert found.sizer.system_opening_tokens == pytest.approx(30, abs=1.5)
    assert found.sizer.nonce_tokens == pytest.approx(3, abs=0.2)
    assert (found.requests, 1500 < found.input_tokens < 3000) == (11, True)


def test_a_target_that_does_not_answer_leaves_the_usual_ratio() -> None:
    async def ask(messages: tuple[bytes, ...]) -> int | None:
        return None if len(messages) > 1 else 100

    found = asyncio.run(by_usage(load_corpus("python-docs"), ask))
    assert found.sizer.chars_per_token == DEFAULT_CHARS_PER_TOKEN
    assert (found.basis, found.input_tokens) == ("the usual ratio: a calibrating request failed", 900)


def test_a_target_that_counts_nothing_of_the_text_does_not_make_texts_endless() -> None:
    async def ask(_messages: tuple[bytes, ...]) -> int | None:
        return 7

    found = asyncio.run(by_usage(load_corpus("python-docs"), ask))
    assert found.sizer.chars_per_token == DEFAULT_CHARS_PER_TOKEN
    assert "do not follow the text" in found.basis


def test_a_tiny_corpus_is_no_obstacle() -> None:
    found = asyncio.run(by_usage(Corpus("tiny", "One line of text."), _target(opening=3, message=4)))
    assert 1 < found.sizer.chars_per_token < 8


def test_a_tokenizer_at_hand_gives_the_ratio_and_nothing_is_sent() -> None:
    corpus = load_corpus("python-docs")
    found = by_tokenizer(corpus, lambda text: len(tokenise(text)))
    assert found.sizer.chars_per_token == pytest.approx(_true_ratio(corpus), rel=0.02)
    assert (found.requests, found.sizer.message_tokens) == (0, 0.0)
    assert found.sizer.nonce_tokens == pytest.approx(3, abs=0.2)


def _agents_forecast(folder: Path, **tools: Any) -> Forecast:
    workload = {"name": "agents", "kind": "tools", "paired": 0, "output_tokens": 100} | tools
    scenario = scenario_of(folder, workloads=[workload], load=open_load(10, "5s"))
    workloads = [build_workload(spec, seed=scenario.seed) for spec in scenario.workloads]
    return forecast(scenario, schedule_of(scenario.load), workloads, (LOW, HIGH), forced=False)


def test_what_agents_take_at_most_is_up_to_the_model(tmp_path: Path) -> None:
    found = _agents_forecast(tmp_path)
    assert found.sessions == 50
    assert (found.turns, found.input_tokens, found.output_tokens, found.high) == (None, None, None, None)
    assert found.low > 0
    assert "the model decides how many turns they take" in found.line(1.0)
    assert "no upper limit known" in found.line(1.0)


def test_tool_definitions_are_part_of_what_is_paid_for(tmp_path: Path) -> None:
    few, many = (_agents_forecast(tmp_path, tools=count).low for count in (30, 200))
    assert many > 2 * few
