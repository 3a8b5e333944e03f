"""What a `long_context` workload may be told, and how a mistake in it is shown."""

from pathlib import Path

import pytest

from loadgen.errors import ScenarioError
from loadgen.scenario import load_scenario
from loadgen.scenario.long_context import LongContextSpec

SCENARIO = """\
name: docs
workloads:
  - name: docs
    kind: long_context
    KEYS
load:
  arrivals: constant
  stages: [{name: steady, duration: 1s, rate: 1}]
"""


def loaded(folder: Path, keys: str) -> LongContextSpec:
    path = folder / "scenario.yaml"
    path.write_text(SCENARIO.replace("KEYS", keys))
    (spec,) = load_scenario(path, environment={}).scenario.workloads
    assert isinstance(spec, LongContextSpec)
    return spec


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("context_tokens: 100", "5:21: workloads.0.context_tokens: 100 is too small; accepted: at least 200"),
        ("context_tokens: []", "5:21: workloads.0.context_tokens: is empty; accepted: a list of at least one"),
        ("context_tokens: [4k, 4000]", "5:21: workloads.0.context_tokens: has a value twice; accepted: each once"),
        ("context_tokens: 4K", "unknown suffix 'K' in '4K'; accepted: k, M, G; did you mean 'k'?"),
        ("depth: 1.5", "5:12: workloads.0.depth: 1.5 is too large; accepted: at most 1"),
        ("noise: [0.1, much]", "5:18: workloads.0.noise.1: can't read 'much'; accepted: a number"),
        ("questions: [default, riddle]", "5:26: workloads.0.questions.1:"),
        (
            "unanswerable: 0.2\n    questions: [count]",
            "none of these kinds can be; accepted: 0, or one of default, raises, base, fact among",
        ),
        ("stale: 21", "workloads.0.stale: 21 is too large; accepted: at most 20"),
        ("boilerplate: 0.99", "workloads.0.boilerplate: with duplicates comes to 1.04 of the noise; accepted: up to 1"),
        ("context_tokens: 500", "500 tokens hold no 4 passages of 1000 characters; accepted: 1040 and more"),
        ("shared_prefix: 3900", "leaves under 200 tokens of the shortest context (4000); accepted: less"),
        ("corpus: nowhere", "no file or folder"),
        ("dept: 0.5", "workloads.0.dept: unknown key; accepted: kind, name, weight, context_tokens, depth, noise"),
    ],
)
def test_a_mistake_is_shown_where_it_stands(tmp_path: Path, keys: str, says: str) -> None:
    with pytest.raises(ScenarioError) as error:
        loaded(tmp_path, keys)
    assert says in str(error.value)
    assert f"{tmp_path / 'scenario.yaml'}:5:" in str(error.value)


def test_single_values_are_lists_of_one(tmp_path: Path) -> None:
    spec = loaded(tmp_path, "context_tokens: 16k\n    depth: 0.5\n    noise: 0\n    questions: fact")
    assert (spec.context_tokens, spec.depth, spec.noise, spec.questions) == ((16_000,), (0.5,), (0.0,), ("fact",))


def test_a_corpus_is_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "handbook").mkdir()
    assert loaded(tmp_path, "corpus: handbook").corpus == str(tmp_path / "handbook")


def test_the_designs_keys_are_understood(tmp_path: Path) -> None:
    keys = "context_tokens: [4k, 16k, 64k]\n    depth: [0.1, 0.5, 0.9]\n    noise: 0.7\n    weight: 3"
    assert loaded(tmp_path, keys).context_tokens == (4000, 16_000, 64_000)
