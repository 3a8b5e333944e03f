"""Both workloads that score answers see exactly what is wrong with a model: a dial is set, and the measured rate's
interval covers it; a dial at zero, and the rate is zero."""

import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadgen.metrics.summary import Quality
from loadgen.quality import long_context, tools
from loadgen.scenario.long_context import LongContextSpec
from loadgen.scenario.tools import ToolsSpec
from loadgen.simulator.dials import ActingDials, Curve, ReadingDials
from loadgen.workloads.long_context.workload import LongContextWorkload
from loadgen.workloads.sizing import TextSizer
from loadgen.workloads.tools.workload import build_tools
from tests.support.command import Command
from tests.support.simulated import SimulatedModel

_SESSIONS = 300
_AGENTS = 150


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of Python's own sources."""
    folder = tmp_path_factory.mktemp("corpus")
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    for module in [module for module in modules if 8_000 < module.stat().st_size < 60_000][:60]:
        shutil.copy(module, folder)
    return folder


@pytest.fixture(scope="module")
def documents(corpus: Path) -> LongContextWorkload:
    """Questions about them."""
    return _questions(corpus, unanswerable=0.5)


@pytest.fixture(scope="module")
def lookups(corpus: Path) -> LongContextWorkload:
    """Questions that one passage answers, all answerable."""
    return _questions(corpus, unanswerable=0, questions=["default", "raises", "base", "fact"])


def _questions(corpus: Path, **more: Any) -> LongContextWorkload:
    spec = LongContextSpec.model_validate(
        {
            "name": "docs",
            "corpus": str(corpus),
            "context_tokens": [1000, 2000],
            "depth": [0, 0.5, 1],
            "passage_chars": 600,
            **more,
        }
    )
    return LongContextWorkload(spec, TextSizer(), seed=1)


def read(workload: LongContextWorkload, dials: ReadingDials) -> dict[str, Quality]:
    return long_context.figures(SimulatedModel(reading=dials).play(workload, _SESSIONS))


def act(dials: ActingDials, sessions: int = _AGENTS) -> dict[str, Quality]:
    agents = build_tools(ToolsSpec(name="agents", paired=0, tools=60), seed=1)
    return tools.figures(SimulatedModel(acting=dials).play(agents, sessions))


def covers(figure: Quality, share: float) -> bool:
    assert isinstance(figure.ci_low, float)
    assert isinstance(figure.ci_high, float)
    return figure.ci_low <= share <= figure.ci_high and figure.ci_high - figure.ci_low < 0.25


def test_a_model_without_faults_has_every_answer_right(documents: LongContextWorkload) -> None:
    found = read(documents, ReadingDials())
    assert found["accuracy"].value == 1
    for rate in ("stale_rate", "made_up_rate", "abstained_rate", "remembered_rate", "unreadable_rate"):
        assert found[rate].value == 0, rate


def test_an_agent_without_faults_gets_everything_done() -> None:
    found = act(ActingDials())
    for rate in ("task_done", "calls_parsed", "calls_valid", "right_tool", "right_arguments"):
        assert found[rate].value == 1, rate
    for rate in ("calls_malformed", "calls_needless", "calls_repeated", "needless_answers", "gave_up"):
        assert found[rate].value == 0, rate


@pytest.mark.parametrize(
    ("dials", "rate", "share"),
    [
        (ReadingDials(recall=0.7), "recall", 0.7),
        (ReadingDials(recall=0.7), "abstained_rate", 0.3),
        (ReadingDials(stale=0.2), "stale_rate", 0.2),
        (ReadingDials(unreadable=0.1), "unreadable_rate", 0.1),
    ],
)
def test_a_reading_dial_is_what_is_measured(
    lookups: LongContextWorkload, dials: ReadingDials, rate: str, share: float
) -> None:
    assert covers(read(lookups, dials)[rate], share)


def test_inventions_are_what_is_measured(documents: LongContextWorkload) -> None:
    found = read(documents, ReadingDials(made_up=0.3))
    assert covers(found["made_up_rate"], 0.3)
    assert found["recall"].value == 1


@pytest.mark.parametrize(
    ("dials", "column", "shares"),
    [
        (
            ReadingDials(by_depth=Curve(((0, 1.0), (0.3, 0.5), (0.7, 0.5), (1, 0.9)))),
            "depth",
            {0: 1.0, 0.5: 0.5, 1: 0.9},
        ),
        (
            ReadingDials(by_length=Curve(((1200, 0.9), (1600, 0.4)), logarithmic=True)),
            "context_tokens",
            {1000: 0.9, 2000: 0.4},
        ),
    ],
)
def test_recall_is_seen_where_it_is_lost(
    lookups: LongContextWorkload, dials: ReadingDials, column: str, shares: dict[float, float]
) -> None:
    turns = SimulatedModel(reading=dials).play(lookups, _SESSIONS)
    for place, share in shares.items():
        there = [turn for turn in turns if isinstance(turn.marks, dict) and turn.marks[column] == place]
        assert covers(long_context.figures(there)["recall"], share), place


@pytest.mark.parametrize(
    ("dials", "rate", "share"),
    [
        (ActingDials(malformed=0.1), "calls_malformed", 0.1),
        (ActingDials(wrong_tool=0.1), "right_tool", 0.9),
        (ActingDials(wrong_arguments=0.1), "right_arguments", 0.9),
        (ActingDials(needless=0.15), "needless_answers", 0.15),
        (ActingDials(gives_up=0.2), "gave_up", 0.2),
    ],
)
def test_an_acting_dial_is_what_is_measured(dials: ActingDials, rate: str, share: float) -> None:
    assert covers(act(dials)[rate], share)


def test_one_kind_of_fault_is_not_taken_for_another() -> None:
    found = act(ActingDials(malformed=0.2))
    for rate in ("calls_valid", "right_tool", "right_arguments", "task_done"):
        assert found[rate].value == 1, rate
    assert found["calls_repeated"].value == 0


_SCENARIO = """\
name: both
workloads:
  - {{name: docs, kind: long_context, corpus: "{corpus}", context_tokens: [1000], passage_chars: 600}}
  - {{name: agents, kind: tools, latency: 0, paired: 0}}
load: {{arrivals: poisson, stages: [{{name: steady, duration: 4s, rate: 40}}]}}
"""


def test_a_whole_run_shows_a_bad_model(corpus: Path, tmp_path: Path, run: Callable[..., Command]) -> None:
    scenario = tmp_path / "both.yaml"
    scenario.write_text(_SCENARIO.format(corpus=corpus))
    ended = run(str(scenario), "--simulator", "--profile fast --model-quality bad").wait()
    assert ended.completed, ended.output
    found = {name: block["quality"] for name, block in ended.summary["workloads"].items()}
    for workload, figure in (("docs", "accuracy"), ("agents", "task_done")):
        assert 0.3 < found[workload][figure]["value"] < 0.95
        assert found[workload][figure]["ci_high"] < 1
