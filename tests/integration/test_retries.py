"""A retry policy on the command line: turns, attempts and what the server saw add up, and all of it is shown."""

from collections.abc import Callable
from pathlib import Path

from tests.support.command import Command, open_load, write_scenario
from tests.support.recording_server import RecordingServer


def test_retries_are_counted_beside_the_turns(run: Callable[..., Command], tmp_path: Path) -> None:
    retry = {"attempts": 3, "backoff": "20ms"}
    scenario = write_scenario(
        tmp_path, request={"retry": retry}, target={"dialect": "openai"}, calibrate="off", load=open_load(20, "1s")
    )
    # The first reply is the preflight's, which asks once.
    failures = [(200, {}), *[(429, {"retry-after-ms": "5"})] * 5, *[(503, {})] * 2]
    with RecordingServer(failures=failures) as server:
        finished = run(scenario, "--target", server.url).wait()
        seen = len(server.requests) - 1
    assert finished.completed, finished.output
    requests = finished.summary["requests"]
    assert requests["sent"] == requests["ok"] + requests["failed"] == len(finished.records) == 20
    assert requests["retries"] == sum(record["attempts"] - 1 for record in finished.records)
    assert seen == requests["sent"] + requests["retries"] + requests["reconnects"]
    # Each of the 7 failures was tried again, unless it was a turn's third.
    assert requests["retries"] + requests["failed"] == 7
    assert f"Retries: {requests['retries']}," in finished.output
    for record in finished.records:
        waited_s = record["e2e_s"] - record["service_e2e_s"]
        assert waited_s >= 0.005 * (record["attempts"] - 1)
