"""A turn that is tried again is one turn: counted once, late from its intended time, and never silently."""

from pathlib import Path
from typing import Any

import pytest
import uvloop

from loadgen.client.exchange import Exchange, Limits
from loadgen.client.interpret import Interpreted
from loadgen.client.reply import Reply, Usage
from loadgen.engine.attempts import is_retried, wait_s
from loadgen.metrics.turn import Outcome
from loadgen.scenario.request import Retry
from tests.support.command import open_load
from tests.support.recording_server import RecordingServer
from tests.unit.engine.running import Heard, Worker, run_to_the_end, scenario_of, soon, until

SOON = {"attempts": 3, "backoff": "20ms", "jitter": 0}
ONE_ARRIVAL = open_load(10, "100ms")


# --- the policy -----------------------------------------------------------------------------------------------------


def _failed(outcome: Outcome, status: int | None = None, **reply: Any) -> tuple[Exchange, Interpreted]:
    exchange = Exchange("/x", [b"{}"], Limits())
    exchange.status = status
    return exchange, Interpreted(outcome, "no", Reply(ok=outcome == "ok", **reply))


@pytest.mark.parametrize(
    ("on", "outcome", "status", "retried"),
    [
        (("http_429", "http_503"), "http_429", 429, True),
        (("http_429", "http_503"), "http_5xx", 503, True),
        (("http_429", "http_503"), "http_5xx", 500, False),
        (("http_429", "http_503"), "connect", None, False),
        (("http_5xx",), "http_5xx", 500, True),
        (("http_5xx",), "http_429", 429, False),
        (("http_4xx",), "http_429", 429, False),
        (("http_402",), "http_4xx", 402, True),
        (("connect", "timeout"), "timeout", None, True),
        (("truncated",), "truncated", 200, True),
    ],
)
def test_it_is_tried_again_after_what_the_policy_names(
    on: tuple[str, ...], outcome: Outcome, status: int | None, retried: bool
) -> None:
    assert is_retried(Retry(on=on), *_failed(outcome, status)) == retried


@pytest.mark.parametrize(
    "reply", [{"text": "a"}, {"reasoning": "a"}, {"tool_calls": (None,)}, {"usage": Usage(output_tokens=3)}]
)
def test_what_gave_output_is_not_tried_again(reply: dict[str, Any]) -> None:
    assert not is_retried(Retry(on=("truncated",)), *_failed("truncated", 200, **reply))


def test_waits_grow_to_their_bound_and_shrink_by_chance() -> None:
    policy = Retry(attempts=9, backoff=1, factor=2, max_wait=5, jitter=0.25)
    assert [wait_s(policy, attempts, None, 0.0) for attempts in (1, 2, 3, 4, 9)] == [1, 2, 4, 5, 5]
    assert wait_s(policy, 3, None, 0.5) == 3.5


def test_what_the_server_asks_for_takes_the_backoffs_place() -> None:
    policy = Retry(attempts=2, backoff=1, max_wait=5)
    assert wait_s(policy, 1, 0.25, 0.9) == 0.25
    assert wait_s(policy, 1, 5.0, 0.9) == 5.0
    assert wait_s(policy, 1, 5.1, 0.9) is None
    deaf = Retry(attempts=2, backoff=1, jitter=0, retry_after=False)
    assert wait_s(deaf, 1, 30.0, 0.9) == 1


# --- through the engine ---------------------------------------------------------------------------------------------


def _one_turn(folder: Path, server: RecordingServer, retry: dict[str, Any], **target: Any) -> Heard:
    """What is heard of one turn."""
    scenario = scenario_of(folder, load=ONE_ARRIVAL, request={"retry": retry}, target=target)
    return uvloop.run(run_to_the_end(scenario, server.url))


def _counted(heard: Heard) -> tuple[int, int, int, int]:
    counted = heard.aggregate.counted()
    return counted.sent, counted.ok, counted.failed, counted.retries


def test_a_turn_is_tried_until_it_succeeds_and_counts_once(tmp_path: Path) -> None:
    with RecordingServer(failures=[(429, {}), (503, {})]) as server:
        heard = _one_turn(tmp_path, server, SOON)
        first, second, third = server.requests
    assert _counted(heard) == (1, 1, 0, 2)
    (record,) = heard.records
    assert (record["outcome"], record["status"], record["attempts"]) == ("ok", 200, 3)
    assert first.body == second.body == third.body
    # 20 ms, then 40 ms: the whole took at least that from its intended time, the last attempt no part of it.
    assert (second.at_ns - first.at_ns) / 1e9 >= 0.02
    assert (third.at_ns - second.at_ns) / 1e9 >= 0.04
    assert record["e2e_s"] >= 0.06 + record["service_e2e_s"]
    assert record["ttft_s"] >= 0.06 + record["service_ttft_s"]
    assert record["taken_s"] < record["send_s"] - 0.06


def test_one_attempt_is_the_default(tmp_path: Path) -> None:
    with RecordingServer(failures=[(429, {})]) as server:
        heard = _one_turn(tmp_path, server, {})
        assert len(server.requests) == 1
    assert _counted(heard) == (1, 0, 1, 0)
    assert (heard.records[0]["outcome"], heard.records[0]["attempts"]) == ("http_429", 1)


def test_a_turn_whose_attempts_all_fail_has_failed_once(tmp_path: Path) -> None:
    with RecordingServer(status=503) as server:
        heard = _one_turn(tmp_path, server, SOON)
        assert len(server.requests) == 3
    assert _counted(heard) == (1, 0, 1, 2)
    assert heard.aggregate.counted().failures == {"http_5xx": 1}
    assert heard.records[0]["attempts"] == 3


def test_retry_after_is_waited_for(tmp_path: Path) -> None:
    with RecordingServer(failures=[(429, {"retry-after": "0.15"})]) as server:
        heard = _one_turn(tmp_path, server, SOON)
        first, second = server.requests
    assert (second.at_ns - first.at_ns) / 1e9 >= 0.15
    assert heard.records[0]["outcome"] == "ok"


def test_a_server_that_asks_for_too_long_is_not_tried_again(tmp_path: Path) -> None:
    with RecordingServer(failures=[(429, {"Retry-After": "3600"})]) as server:
        heard = _one_turn(tmp_path, server, SOON)
        assert len(server.requests) == 1
    assert (heard.records[0]["outcome"], heard.records[0]["attempts"]) == ("http_429", 1)


def test_the_whole_turns_time_bounds_its_attempts(tmp_path: Path) -> None:
    with RecordingServer(status=503) as server:
        heard = _one_turn(tmp_path, server, {"attempts": 100, "backoff": "60ms", "factor": 1}, timeout="600ms")
    (record,) = heard.records
    assert record["outcome"] == "http_5xx"
    # Waits of 45 to 60 ms each.
    assert 2 <= record["attempts"] <= 1 + 600 // 45


def test_an_attempt_gets_only_what_is_left_of_the_time(tmp_path: Path) -> None:
    with RecordingServer(failures=[(503, {})], holds_after=1) as server:
        heard = _one_turn(tmp_path, server, {"attempts": 2, "backoff": "200ms", "jitter": 0}, timeout="400ms")
    (record,) = heard.records
    assert (record["outcome"], record["attempts"]) == ("timeout", 2)
    assert record["e2e_s"] >= 0.4
    assert record["e2e_s"] - record["service_e2e_s"] >= 0.2
    left_s = float(record["error"].split()[-2])
    assert left_s <= 0.2


def test_a_refused_connection_can_be_tried_again(tmp_path: Path) -> None:
    with RecordingServer() as server:
        pass
    heard = _one_turn(tmp_path, server, SOON | {"on": ["connect"]})
    assert heard.records[0] | {"outcome": "connect", "attempts": 3} == heard.records[0]


def test_a_turn_cut_off_between_attempts_is_cancelled(tmp_path: Path) -> None:
    retry = {"attempts": 3, "backoff": "50s"}
    scenario = scenario_of(tmp_path, load=ONE_ARRIVAL, request={"retry": retry})

    async def main() -> None:
        with RecordingServer(status=503) as server:
            worker = Worker(scenario, server.url)
            await worker.start(soon(), (0,), permit_count=1)
            await until(lambda: len(server.requests) == 1, "the first attempt")
            await until(lambda: worker.engine._runner.gauges().reads == 1, "its answer")
            # It waits, and it is in flight: what is open counts against max_in_flight.
            assert worker.engine._runner.in_flight == 1
            heard = await worker.drain(0)
            assert len(server.requests) == 1
        assert _counted(heard) == (1, 0, 0, 0)
        assert heard.aggregate.counted().cancelled == 1
        (record,) = heard.records
        assert (record["outcome"], record["attempts"]) == ("cancelled", 1)
        assert (record["status"], record["send_s"], record["ttft_s"]) == (None, None, None)
        # Nothing has come of it yet, and how long that was is kept.
        assert heard.aggregate.merged("ttft_censored").n == heard.aggregate.merged("e2e_censored").n == 1
        assert worker.engine._runner.in_flight == 0

    uvloop.run(main())
