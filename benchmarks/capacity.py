"""The truth to hold `loadgen sweep --find-max` against: the simulator's own model in virtual time.

`python -m benchmarks.capacity` plays 100,000 requests a rate through the simulator's engine, without sockets or clocks,
and finds the highest rate that meets the scenario's SLO; then it lets the sweep's search find it, a hundred times, from
steps of the scenario's own length; a minute or two a profile. `--live` also runs the real `loadgen sweep` on the real
simulator. What the search finds has to be within 10 % of the truth.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

import numpy as np
import numpy.typing as npt

from loadgen.arrivals import Schedule, Stage, arrival_times, schedule_of, session_seed
from loadgen.scenario.loader import load_scenario
from loadgen.scenario.model import Scenario
from loadgen.scenario.slos import Slo
from loadgen.simulator.answers import Author, Dials
from loadgen.simulator.batching import SimRequest, simulate
from loadgen.simulator.dialects import dialect_named
from loadgen.simulator.timing import PROFILES, Profile
from loadgen.simulator.wire import read_chat
from loadgen.stats.quantiles import quantile_interval, samples_needed
from loadgen.stats.steady import backlog_trend
from loadgen.sweep.model import Outcome
from loadgen.sweep.search import Answer, Limits, Next, Trial, next_trial
from loadgen.workloads.build import build_workload

REQUESTS = 100_000
WITHIN = 0.10
_SCENARIOS = Path(__file__).parent / "scenarios"
# Sizes are drawn from so many real sessions of the workload; cutting the texts of 100,000 into tokens takes minutes.
_SIZES = 2000
_TRUTH_PRECISION = 0.005
_SETTLING = 0.02
_SWEEPS = 100
_SEARCH_PRECISION = 0.05
_LONGEST_STEPS = 4.0
# As a run's own search for a steady state (loadgen/verdict/steadiness.py).
_SAMPLES = 200

F64 = npt.NDArray[np.float64]
Sizes = list[tuple[int, int]]


@dataclass(frozen=True)
class Case:
    """One profile and the scenario that loads it. sizes: (prompt, output) tokens of its turns as the server counts."""

    name: str
    scenario: Scenario
    profile: Profile
    slo: Slo
    sizes: Sizes

    @property
    def quantile(self) -> float:
        """Of the SLO, as a share."""
        assert self.slo.stat is not None
        return float(self.slo.stat.removeprefix("p")) / 100


def case_of(name: str) -> Case:
    """The case of a profile: benchmarks/scenarios/capacity_NAME.yaml."""
    scenario = load_scenario(_SCENARIOS / f"capacity_{name}.yaml").scenario
    (slo,) = scenario.objectives
    assert slo.metric == "ttft"
    return Case(name, scenario, PROFILES[name], slo, _sizes(scenario, PROFILES[name]))


def _sizes(scenario: Scenario, profile: Profile) -> Sizes:
    """Sizes of single turns, as the simulator counts the very messages that the workload sends."""
    (spec,) = scenario.workloads
    workload = build_workload(spec, seed=scenario.seed)
    author = Author(dialect_named("openai"), Dials(), profile, scenario.seed)
    sizes = []
    for ordinal in range(_SIZES):
        session = workload.session(ordinal, Random(session_seed(scenario.seed, ordinal)))
        assert session is not None
        turn = session.next_turn(None)
        assert turn is not None
        messages = b",".join(one if isinstance(one, bytes) else b"".join(one) for one in turn.messages)
        body = b'{"model":"m","messages":[%b],"max_tokens":%d}' % (messages, turn.output_tokens or 1)
        answer = author.answer_chat(read_chat(body))
        sizes.append((answer.prompt_tokens, len(answer.pieces)))
    return sizes


@dataclass(frozen=True)
class Played:
    """Turns in order of arrival: when each was due, got its first token and its last, in seconds."""

    due_s: F64
    first_s: F64
    last_s: F64

    @property
    def ttft_s(self) -> F64:
        """Each turn's time to first token."""
        return self.first_s - self.due_s


def play(case: Case, schedule: Schedule, seed: int) -> Played:
    """The schedule through the engine in virtual time. A turn that was refused never got its first token: infinity."""
    rng = Random(seed)
    requests = [SimRequest(at, *rng.choice(case.sizes)) for at in arrival_times(schedule, seed)]
    results = simulate(requests, case.profile, seed)
    due = np.array([result.arrival_s for result in results])
    first = np.array([np.inf if result.token_s is None else result.token_s[0] for result in results])
    last = np.array([np.inf if result.token_s is None else result.token_s[-1] for result in results])
    return Played(due, first, last)


def truth(case: Case) -> float:
    """The highest rate whose quantile, over 100,000 requests, is within the limit; to 0.5 %."""
    low, high = 0.0, 1.0
    while _meets(case, high):
        low, high = high, 2 * high
    while not low or high / low - 1 > _TRUTH_PRECISION:
        middle = (low + high) / 2
        low, high = (middle, high) if _meets(case, middle) else (low, middle)
    return (low + high) / 2


def _meets(case: Case, rate: float) -> bool:
    schedule = Schedule("poisson", (Stage("all", 0.0, REQUESTS / rate, rate, rate, True),))
    ttft = play(case, schedule, seed=1).ttft_s
    settled = ttft[int(_SETTLING * len(ttft)) :]
    return float(np.quantile(settled, case.quantile, method="inverted_cdf")) < case.slo.limit


def search(case: Case, seed: int, measured_s: float) -> tuple[Answer, list[Trial]]:
    """What `--find-max --precision 5%` finds in virtual time, with steps of `measured_s` and up to four times that."""
    limits = Limits(1.0, 1 / 64, None, _SEARCH_PRECISION, measured_s, _LONGEST_STEPS * measured_s)
    trials: list[Trial] = []
    grew: set[float] = set()
    while isinstance(following := next_trial(trials, limits), Next):
        trial, growing = _step(case, following, seed * 1000 + len(trials))
        if growing and trial.outcome != "fail":
            outcome: Outcome = "fail" if any(level <= trial.level for level in grew) else "inconclusive"
            trial = Trial(trial.level, trial.duration_s, outcome, growing=True)
            grew.add(trial.level)
        trials.append(trial)
    return following, trials


def _step(case: Case, following: Next, seed: int) -> tuple[Trial, bool]:
    """One step, the scenario's stages at this rate, judged by the interval as a run is; and whether its queue grew."""
    load = case.scenario.load
    stages = tuple(
        stage.model_copy(
            update={
                "rate": (following.level, following.level),
                "duration_s": following.duration_s if stage.measure else stage.duration_s,
            }
        )
        for stage in load.stages
    )
    schedule = schedule_of(load.model_copy(update={"stages": stages}))
    played = play(case, schedule, seed)
    ((start_s, end_s),) = schedule.measured_windows()
    measured = played.due_s >= start_s
    ttft, due = played.ttft_s[measured], played.due_s[measured]
    at = np.linspace(start_s, end_s, _SAMPLES, endpoint=False)
    in_flight = np.searchsorted(played.due_s, at) - np.searchsorted(np.sort(played.last_s), at)
    growing = backlog_trend(at, in_flight.astype(np.float64)).growing
    interval = quantile_interval(ttft, np.arange(len(ttft), dtype=np.int32), case.quantile, times_s=due)
    limit = case.slo.limit
    if interval.high is not None and interval.high < limit:
        return Trial(following.level, following.duration_s, "pass"), growing
    if interval.low is not None and interval.low > limit:
        return Trial(following.level, following.duration_s, "fail"), growing
    within = float((ttft <= limit).mean()) if len(ttft) else 0.0
    more = samples_needed(len(ttft), interval.effective_n or 0.0, case.quantile, within)
    longer = None if more is None else 1 + more / len(ttft)
    return Trial(following.level, following.duration_s, "inconclusive", longer), growing


def _off(answer: Answer, true_rate: float) -> float | None:
    """How far the found maximum, the geometric middle of pass and fail, is from the truth, as a share."""
    if answer.highest_passed is None or answer.lowest_failed is None:
        return None
    return float(np.sqrt(answer.highest_passed * answer.lowest_failed)) / true_rate - 1


def study(case: Case, rate: float, sweeps: int, measured_s: float) -> None:
    """Print what so many searches in virtual time found, against the true `rate`."""
    found = [search(case, seed, measured_s) for seed in range(1, sweeps + 1)]
    offs = [off for answer, _ in found if (off := _off(answer, rate)) is not None]
    decided = sum(answer.kind == "found" for answer, _ in found)
    covered = sum((a.highest_passed or 0) <= rate <= (a.lowest_failed or np.inf) for a, _ in found)
    near = sum(abs(off) <= WITHIN for off in offs)
    print(f"  {sweeps} searches in virtual time with steps of {measured_s:g} s: {decided} found, the others undecided")
    print(f"  middle of pass and fail against the truth: {near} of {sweeps} within 10 %")
    if offs:
        print(f"  off by {median(offs):+.1%} (median), {min(offs):+.1%} to {max(offs):+.1%}")
    reached = [answer.precision for answer, _ in found if answer.precision is not None]
    if reached:
        print(f"  pass and fail are {median(reached):.1%} apart (median), at most {max(reached):.1%}")
    print(f"  the truth lies between pass and fail in {covered} of {sweeps}")
    print(f"  steps: {median(len(trials) for _, trials in found):g} (median)")
    print(
        f"  load: {median(sum(t.duration_s for t in trials) for _, trials in found) / 60:.1f} min (median)", flush=True
    )


def live(case: Case, rate: float) -> None:
    """Run the real sweep on the real simulator, and print what it found."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "sweep"
        scenario = str(_SCENARIOS / f"capacity_{case.name}.yaml")
        command = ["sweep", scenario, "--find-max", "--profile", case.name, "--cooldown", "1s", "--out", str(out)]
        code = subprocess.run([sys.executable, "-m", "loadgen", *command], check=False).returncode
        result = json.loads((out / "sweep.json").read_text())["result"]
    low, high = result["highest_passed"], result["lowest_failed"]
    off = None if low is None or high is None else float(np.sqrt(low * high)) / rate - 1
    told = "nothing to compare" if off is None else f"{off:+.1%} from the truth of {rate:.3g}/s"
    print(f"{case.name}, live: passed {low}, failed {high} ({told}), exit code {code}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profiles", nargs="*", default=["default", "h100"], help="default: default and h100")
    parser.add_argument("--sweeps", type=int, default=_SWEEPS, help=f"searches in virtual time a profile ({_SWEEPS})")
    parser.add_argument("--steps", type=float, nargs="*", default=[40.0, 300.0], help="their lengths in s (40 300)")
    parser.add_argument("--live", action="store_true", help="also the real sweep on the real simulator")
    options = parser.parse_args()
    for name in options.profiles:
        case = case_of(name)
        rate = truth(case)
        print(f"{name}: {case.slo.text} holds up to {rate:.3g} requests/s ({REQUESTS:,} requests a rate)", flush=True)
        for measured_s in options.steps:
            study(case, rate, options.sweeps, measured_s)
        if options.live:
            live(case, rate)


if __name__ == "__main__":
    main()
