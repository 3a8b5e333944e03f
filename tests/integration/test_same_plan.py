"""The same seed is the same plan, whatever the number of workers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadgen.simulator.process import SimulatorProcess
from tests.support.command import Command, Finished, closed_load, write_scenario

WORKERS = (1, 2, 3)


def _runs(run: Callable[..., Command], folder: Path, target: str, load: dict[str, Any]) -> list[Finished]:
    chat = {
        "name": "chat",
        "kind": "chat",
        "turns": [1, 2],
        "prompt_tokens": {"lognormal": {"median": 60, "p90": 200}},
        "output_tokens": [4, 8, 16],
    }
    other = {"name": "other", "kind": "chat", "prompt_tokens": {"uniform": {"min": 20, "max": 90}}, "output_tokens": 4}
    scenario = write_scenario(folder, workloads=[chat, other], load=load)
    commands = [run(scenario, "--target", target, "--workers", str(count)) for count in WORKERS]
    ended = [command.wait() for command in commands]
    for finished, count in zip(ended, WORKERS, strict=True):
        assert finished.summary["run"]["workers"] == count
        assert finished.summary["run"]["snapshots_missing"] == 0
        assert len({record["worker"] for record in finished.records}) == count
    return ended


def test_open_loop(run: Callable[..., Command], tmp_path: Path, fast_simulator: SimulatorProcess) -> None:
    stages = [{"name": "ramp", "duration": "1s", "rate": [10, 60]}, {"name": "steady", "duration": "2s", "rate": 40}]
    load = {"arrivals": "gamma", "burstiness": 0.4, "stages": stages}

    def plan(finished: Finished) -> list[tuple[Any, ...]]:
        first = [record for record in finished.records if record["turn"] == 0]
        return sorted(
            (int(record["session"]), record["workload"], round(record["intended_s"], 6), record["input_tokens_asked"])
            for record in first
        )

    one, two, three = (plan(finished) for finished in _runs(run, tmp_path, fast_simulator.url, load))
    assert len(one) > 60
    assert one == two == three
    # No arrival is left out: the sessions are numbered as they come.
    assert [session for session, *_ in one] == list(range(len(one)))


def test_closed_loop(run: Callable[..., Command], tmp_path: Path, fast_simulator: SimulatorProcess) -> None:
    # Three runs at once on a busy machine: a worker that comes up a second late still has its permits hold sessions.
    ended = _runs(run, tmp_path, fast_simulator.url, closed_load(6, "3s"))
    plans: list[dict[str, tuple[Any, ...]]] = [
        {
            record["session"]: (record["workload"], record["input_tokens_asked"], record["input_tokens"])
            for record in finished.records
            if record["turn"] == 0
        }
        for finished in ended
    ]
    # How many sessions a permit holds is up to the server; those that all three runs held must be the same.
    common = plans[0].keys() & plans[1].keys() & plans[2].keys()
    assert {session.partition(".")[0] for session in common} == {str(permit) for permit in range(6)}
    for session in common:
        assert plans[0][session] == plans[1][session] == plans[2][session], session
