"""Which soak it is: its windows, what it goes on with, and when it refuses to."""

import time
from pathlib import Path

import pytest

from loadgen.engine.preflight import PreflightFindings
from loadgen.errors import ScenarioError, UsageError
from loadgen.history.model import Soak
from loadgen.history.store import History
from loadgen.scenario.loader import load_scenario
from loadgen.scenario.model import Scenario
from loadgen.scenario.overrides import Overrides
from loadgen.soak.begin import fingerprint, new_soak, plan_of, soak_spec, unfinished
from loadgen.soak.schedule import schedule_of

FOUND = PreflightFindings("http://t/v1", "m", ("m",), None, "ok", True, True, True, 0.1, 0.2)
DAY_S = 86_400.0


def scenario_of(*sets: str) -> Scenario:
    return load_scenario("cost_stability", overrides=Overrides(sets=sets)).scenario


def soak_of(scenario: Scenario, started_s: float, plan: str = "p") -> Soak:
    spec = soak_spec(scenario, None, None)
    return new_soak(scenario, spec, FOUND, target="http://t/v1", time_scale=1.0, started_s=started_s, plan=plan)


def test_a_week_of_quarters_of_an_hour_is_672_windows_of_ten_probes() -> None:
    scenario = scenario_of()
    soak = soak_of(scenario, 0.0)
    assert soak.windows == 672
    assert len(schedule_of(plan_of(soak, soak_spec(scenario, None, None)))) == 6720


def test_a_scenario_without_a_soak_has_the_usual_one_and_no_tools_where_it_has_none() -> None:
    spec = soak_spec(load_scenario("quickstart").scenario, 600.0, None)
    assert (spec.every_s, spec.for_s, spec.probes) == (600.0, 7 * DAY_S, ("cache", "output", "latency"))


@pytest.mark.parametrize(
    ("put", "says"),
    [
        ("soak.cache.after=[5m, 1m]", "are not in order"),
        ("soak.probes=[cache, cache]", "names one twice"),
        ("soak.tools.workload=nobody", "no workload of agents with tools; accepted: agents"),
        ("soak.output.prompts={}", "0 classes"),
        ("soak.evry=1m", "did you mean"),
    ],
)
def test_mistakes_are_told(put: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        scenario_of(put)


def test_a_soak_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(UsageError, match="shorter than --every"):
        soak_spec(scenario_of(), 900.0, 600.0)


def test_more_windows_than_a_history_is_made_for_are_refused() -> None:
    with pytest.raises(UsageError, match=r"make 604,800 windows; accepted: at most 105,120"):
        soak_spec(scenario_of(), 1.0, 7 * DAY_S)


def test_prices_that_do_not_know_the_model_are_refused() -> None:
    two = (
        "prices={models: {a: [{valid_from: 2026-01-01, input: 1, output: 1}],"
        " b: [{valid_from: 2026-01-01, input: 1, output: 1}]}}"
    )
    with pytest.raises(UsageError, match="no price of the model 'm'"):
        soak_of(scenario_of(two), 0.0)


def test_it_goes_on_with_the_last_one_that_is_not_over(tmp_path: Path) -> None:
    scenario, now_s = scenario_of(), time.time()
    spec = soak_spec(scenario, None, None)
    with History(tmp_path / "h.db") as history:
        assert unfinished(history, scenario, spec, "http://t/v1", "p", now_s) is None
        over, running = soak_of(scenario, now_s - 9 * DAY_S), soak_of(scenario, now_s - DAY_S)
        history.begin(over)
        assert unfinished(history, scenario, spec, "http://t/v1", "p", now_s) is None
        history.begin(running)
        assert unfinished(history, scenario, spec, "http://t/v1", "p", now_s) == running
        assert unfinished(history, scenario, spec, "http://other/v1", "p", now_s) is None
        with pytest.raises(UsageError, match="is not over, and the scenario or the options were others"):
            unfinished(history, scenario, spec, "http://t/v1", "other", now_s)


def test_the_fingerprint_is_of_what_is_sent_and_not_of_what_is_said_of_it() -> None:
    def of(*sets: str) -> str:
        scenario = scenario_of(*sets)
        return fingerprint(scenario, soak_spec(scenario, None, None), 1.0, "")

    assert of() == of("description=another") == of("target.base_url=http://elsewhere/v1")
    others = ("seed=2", "soak.latency.requests=3", "request.temperature=0", "prices={input: 1, output: 2}")
    assert len({of(), *map(of, others)}) == 5
