"""What the command line changes in a scenario."""

from pathlib import Path

import pytest
import yaml

from loadgen.errors import ExitCode, UsageError
from loadgen.scenario import LoadedScenario, Overrides
from loadgen.scenario.model import ChatSpec, Ramp
from tests.unit.scenario.conftest import VALID, Load, Refuse

WRONG_SETS = yaml.safe_load((Path(__file__).parent / "wrong_sets.yaml").read_text())


def stages(loaded: LoadedScenario) -> list[tuple[str, float, Ramp | None, Ramp | None, bool]]:
    return [(s.name, s.duration_s, s.rate, s.users, s.measure) for s in loaded.scenario.load.stages]


def test_rate_makes_the_measured_stages_one_of_their_summed_duration(load: Load) -> None:
    assert stages(load(rate=4.5)) == [
        ("warmup", 10, (4.5, 4.5), None, False),
        ("steady", 80, (4.5, 4.5), None, True),
    ]


def test_users_makes_an_open_load_closed(load: Load) -> None:
    loaded = load(users=8)
    assert loaded.scenario.load.arrivals == "closed"
    assert stages(loaded) == [("warmup", 10, None, (8, 8), False), ("steady", 80, None, (8, 8), True)]


def test_duration_sets_the_length_of_that_stage(load: Load) -> None:
    assert [stage[1] for stage in stages(load(rate=5.0, duration_s=33.0))] == [10, 33]


def test_duration_alone_scales_the_measured_stages_in_proportion(load: Load) -> None:
    loaded = load(duration_s=40.0)
    assert [stage[:2] for stage in stages(loaded)] == [("warmup", 10), ("climb", 10), ("steady", 30)]
    assert loaded.scenario.load.stages[1].rate == (1, 10)


def test_duration_alone_is_that_of_a_single_measured_stage(load: Load) -> None:
    text = VALID.replace("    - {name: climb, duration: 20s, rate: [1, 10]}\n", "")
    assert [stage[1] for stage in stages(load(text, duration_s=0.3))] == [10, 0.3]


@pytest.mark.parametrize("arrivals", ["constant", "poisson", "gamma"])
def test_rate_keeps_an_open_process(load: Load, arrivals: str) -> None:
    assert load(replace=("poisson", arrivals), rate=3.0).scenario.load.arrivals == arrivals


def test_rate_makes_a_closed_load_poisson(load: Load) -> None:
    text = VALID.replace("poisson", "closed").replace("rate:", "users:")
    loaded = load(text, rate=3.0)
    assert loaded.scenario.load.arrivals == "poisson"
    assert [stage[2:4] for stage in stages(loaded)] == [((3, 3), None)] * 2


def test_rate_makes_a_trace_poisson(load: Load) -> None:
    text = (
        VALID.replace("poisson", "trace")
        .replace(", rate: [1, 10]", "")
        .replace(", rate: 10", "")
        .replace(", rate: 2", "")
    )
    assert load(text, rate=3.0).scenario.load.arrivals == "poisson"


def test_users_drops_the_burstiness_of_a_gamma_load(load: Load) -> None:
    bursty = ("arrivals: poisson", "arrivals: gamma\n  burstiness: 0.3")
    assert load(replace=bursty, users=3).scenario.load.burstiness == 1
    assert load(replace=bursty, rate=3.0).scenario.load.burstiness == 0.3


def test_target_model_and_seed_replace_what_is_written(load: Load) -> None:
    scenario = load(target="http://other:1", model="m", seed=9).scenario
    assert (scenario.target.base_url, scenario.target.model, scenario.seed) == ("http://other:1/v1", "m", 9)


def test_target_comes_before_a_variable_that_is_not_set(load: Load) -> None:
    unset = ('"http://127.0.0.1:8000/v1"', '"${BASE_URL}"')
    assert load(replace=unset, target="http://other:1").scenario.target.base_url == "http://other:1/v1"


def test_target_works_on_a_scenario_without_one(load: Load) -> None:
    line = 'target: {base_url: "http://127.0.0.1:8000/v1", model: auto, timeout: 600s}\n'
    assert load(replace=(line, ""), target="http://other:1").scenario.target.base_url == "http://other:1/v1"


def test_set_takes_keys_indexes_and_names(load: Load) -> None:
    sets = (
        "load.stages.0.rate=3",
        "load.stages.steady.rate=[5, 6]",
        "workloads.chat.turns=2",
        "request.extra_body.n=2",
    )
    scenario = load(sets=sets).scenario
    chat = scenario.workloads[0]
    assert isinstance(chat, ChatSpec)
    assert chat.turns.mean() == 2
    assert [stage.rate for stage in scenario.load.stages] == [(3, 3), (1, 10), (5, 6)]
    assert scenario.request.extra_body == {"top_k": 3, "n": 2}


def test_set_makes_mappings_that_are_not_there(load: Load) -> None:
    assert load(sets=("hardware.usd_per_hour=24",)).scenario.hardware is not None


def test_set_does_not_reach_through_an_anchor(load: Load) -> None:
    text = """\
name: merged
workloads:
  - {name: a, kind: chat, prefix: &p {tokens: 5, scope: all}}
  - {name: b, kind: chat, prefix: *p}
load: {arrivals: closed, stages: [{name: steady, duration: 10, users: 1}]}
"""
    first, second = load(text, sets=("workloads.a.prefix.tokens=9",)).scenario.workloads
    assert isinstance(first, ChatSpec)
    assert isinstance(second, ChatSpec)
    assert first.prefix is not None
    assert second.prefix is not None
    assert (first.prefix.tokens.mean(), second.prefix.tokens.mean()) == (9, 5)


def test_a_path_in_set_is_relative_to_the_current_folder(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "mine.jsonl").touch()
    monkeypatch.chdir(tmp_path / "here")
    loaded = load(sets=("workloads.agents.path=mine.jsonl",))
    assert loaded.raw["workloads"][1]["path"] == str(tmp_path / "here" / "mine.jsonl")


@pytest.mark.parametrize("case", WRONG_SETS, ids=lambda case: f"{case['set']}")
def test_a_wrong_set_says_where_and_what_is_accepted(refuse: Refuse, case: dict[str, str]) -> None:
    assert refuse(sets=(case["set"],)) == [case["says"]]


def test_a_secret_given_to_set_is_not_shown(refuse: Refuse) -> None:
    assert "secret" not in "".join(refuse(sets=("target.headers.X=[secret",)))
    assert "secret" not in "".join(refuse(sets=("target.headers.X=[secret]",)))


def test_a_wrong_target_is_placed_at_its_option(refuse: Refuse) -> None:
    assert refuse(target="localhost:8000")[0].startswith("--target: target.base_url: not a base URL")


@pytest.mark.parametrize(
    "options", [{"users": 1, "rate": 1.0}, {"users": 0}, {"rate": 0.0}, {"rate": float("nan")}, {"duration_s": -1.0}]
)
def test_options_that_contradict_or_are_out_of_range_are_bad_input(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="--") as caught:
        Overrides(**options)  # type: ignore[arg-type]
    assert caught.value.exit_code == ExitCode.BAD_INPUT
