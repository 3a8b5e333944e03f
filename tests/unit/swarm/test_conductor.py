"""The conductor, with workers that are played by the test: what it tells them, and whom it believes."""

import math
import time
from pathlib import Path
from typing import Any

import gevent
import msgspec
import pytest
from locust.rpc import Message

from loadgen.engine.order import Deal, DrainOrder, RunOrder, StartOrder
from loadgen.errors import ExitCode
from loadgen.metrics.counters import Counters
from loadgen.metrics.snapshot import Gauges, Snapshot, encode
from loadgen.scenario.loader import load_scenario
from loadgen.swarm import messages
from loadgen.swarm.conductor import Conductor, WorkerFailedError
from loadgen.swarm.losses import loss_note
from loadgen.swarm.messages import Note, Ready, Returned, Tick, Tock, pack
from tests.support.command import closed_load, open_load, write_scenario

RUN_ID = "run-1"
PERMITS = 12


class PlayedSwarm:
    """Workers with permits; keeps what is sent to them, and answers where an answer is set."""

    def __init__(self, **permits: int) -> None:
        self.permits = permits
        self.sent: list[tuple[str, str, bytes]] = []
        self.ready = Ready(RUN_ID)
        self.finals = True
        self.wants: int | None = None
        self.clocks_ahead_ns: dict[str, int] = {}
        self.conductor: Conductor | None = None

    def permit_counts(self) -> dict[str, int]:
        """See Swarm."""
        return dict(self.permits)

    def wanted(self) -> int:
        """See Swarm."""
        return PERMITS if self.wants is None else self.wants

    def workers(self) -> set[str]:
        """See Swarm."""
        return set(self.permits)

    def send(self, kind: str, data: bytes, worker: str) -> None:
        """See Swarm."""
        self.sent.append((kind, worker, data))
        if kind == messages.PREPARE:
            self.say(messages.READY, pack(self.ready), worker)
        elif kind == messages.DRAIN and self.finals:
            self.report(worker, seq=1000, final=True)
        elif kind == messages.TICK:
            tick = msgspec.msgpack.decode(data, type=Tick)
            theirs = time.time_ns() + self.clocks_ahead_ns.get(worker, 0)
            self.say(messages.TOCK, pack(Tock(tick.run_id, tick.asked_ns, theirs)), worker)

    def say(self, kind: str, data: bytes, worker: str) -> None:
        """A message from a worker."""
        assert self.conductor is not None
        self.conductor.handlers()[kind](None, Message(kind, data, worker))  # type: ignore[no-untyped-call]

    def report(
        self,
        worker: str,
        *,
        seq: int,
        run_id: str = RUN_ID,
        final: bool = False,
        at_s: float = 1.0,
        chunks: int = 0,
        **counted: Any,
    ) -> None:
        """A snapshot from a worker."""
        counters = [Counters(0, 0, **counted)] if counted else []
        snapshot = Snapshot(run_id, worker, seq, at_s, final, Gauges(chunks=chunks), counters, [], [], b"")
        self.say(messages.SNAPSHOT, encode(snapshot), worker)

    def told(self, kind: str, order: Any) -> dict[str, Any]:
        """The last order of this kind that each worker got."""
        return {worker: msgspec.msgpack.decode(data, type=order) for sent, worker, data in self.sent if sent == kind}


@pytest.fixture
def kept() -> list[Snapshot]:
    """Snapshots that counted."""
    return []


@pytest.fixture
def load() -> dict[str, Any]:
    """The scenario's."""
    return open_load(10, "60s")


@pytest.fixture
def swarm(tmp_path: Path, kept: list[Snapshot], load: dict[str, Any]) -> PlayedSwarm:
    """Two workers with six permits each, and a conductor that has them prepared."""
    played = PlayedSwarm(a=6, b=6)
    scenario = load_scenario(write_scenario(tmp_path, load=load)).scenario
    played.conductor = Conductor(played, scenario, RUN_ID, permit_count=PERMITS, on_snapshot=kept.append)
    return played


@pytest.fixture
def conductor(swarm: PlayedSwarm) -> Conductor:
    """The same swarm's conductor."""
    assert swarm.conductor is not None
    return swarm.conductor


@pytest.fixture
def begun(swarm: PlayedSwarm, conductor: Conductor) -> Conductor:
    """As `conductor`, the load started on both workers."""
    conductor.prepare(["a", "b"])
    conductor.begin("http://127.0.0.1:1/v1", "m")
    return conductor


def test_workers_are_prepared_for_this_run(swarm: PlayedSwarm, conductor: Conductor) -> None:
    conductor.prepare(["a", "b"])
    assert {order.run_id for order in swarm.told(messages.PREPARE, RunOrder).values()} == {RUN_ID}
    assert not conductor.begun


def test_a_worker_that_cant_prepare_ends_the_run_with_its_own_code(swarm: PlayedSwarm, conductor: Conductor) -> None:
    swarm.ready = Ready(RUN_ID, "line 3 of the recording is broken", ExitCode.BAD_INPUT)
    with pytest.raises(WorkerFailedError, match="line 3") as failed:
        conductor.prepare(["a", "b"])
    assert failed.value.exit_code == ExitCode.BAD_INPUT


def test_a_worker_that_dies_while_preparing_is_not_waited_for(swarm: PlayedSwarm, conductor: Conductor) -> None:
    swarm.ready = Ready("another run")
    preparing = gevent.spawn(conductor.prepare, ["a", "b"])
    gevent.sleep(0)
    swarm.say(messages.READY, pack(Ready(RUN_ID)), "a")
    del swarm.permits["b"]
    preparing.get(timeout=10)


def test_all_permits_are_dealt_at_the_start(swarm: PlayedSwarm, begun: Conductor) -> None:
    starts = swarm.told(messages.START, StartOrder)
    assert starts.keys() == {"a", "b"}
    assert sorted(starts["a"].permits + starts["b"].permits) == list(range(PERMITS))
    assert starts["a"].start_unix_ns == starts["b"].start_unix_ns == begun.start_unix_ns
    assert {(start.permit_count, start.epoch, start.from_s) for start in starts.values()} == {(PERMITS, 0, 0.0)}


def test_a_lost_workers_permits_are_dealt_to_the_other(swarm: PlayedSwarm, begun: Conductor) -> None:
    del swarm.permits["b"]
    swarm.permits["a"] = PERMITS
    begun.lose("b")
    begun.redeal()
    deals = swarm.told(messages.DEAL, Deal)
    assert deals.keys() == {"a"}
    assert deals["a"].permits == tuple(range(PERMITS))
    assert deals["a"].epoch == 1
    assert deals["a"].from_s > begun.elapsed_s
    assert begun.aggregate.lost_workers == ["b"]


def test_a_deal_that_changes_nothing_is_not_sent(swarm: PlayedSwarm, begun: Conductor) -> None:
    begun.redeal()
    assert not swarm.told(messages.DEAL, Deal)
    assert begun.epoch == 0


def test_a_worker_that_joins_later_is_prepared_and_started_in_its_turn(swarm: PlayedSwarm, begun: Conductor) -> None:
    swarm.permits |= {"a": 4, "b": 4, "c": 4}
    begun.admit("c")
    start = swarm.told(messages.START, StartOrder)["c"]
    deals = swarm.told(messages.DEAL, Deal)
    assert (len(start.permits), start.epoch) == (4, 1)
    assert start.start_unix_ns == begun.start_unix_ns
    # All of them change over at the same instant.
    assert {deals["a"].from_s, deals["b"].from_s} == {start.from_s}
    assert sorted(start.permits + deals["a"].permits + deals["b"].permits) == list(range(PERMITS))


def test_a_worker_that_is_not_ready_gets_nothing(swarm: PlayedSwarm, begun: Conductor) -> None:
    swarm.permits |= {"a": 4, "b": 4, "c": 4}
    begun.redeal()
    assert "c" not in swarm.told(messages.START, StartOrder)


def test_nothing_of_another_run_counts(swarm: PlayedSwarm, begun: Conductor, kept: list[Snapshot]) -> None:
    swarm.report("a", seq=1, run_id="another run", ok=5)
    swarm.report("stranger", seq=7, run_id="another run", ok=5, final=True)
    swarm.say(messages.BUG, pack(Note("another run", "broken")), "a")
    for worker in "ab":
        swarm.say(messages.EXHAUSTED, pack(Note("another run")), worker)
    assert not kept
    assert begun.aggregate.counted().sent == 0
    assert not begun.aggregate.workers
    assert begun.failure is None
    assert not begun.over


def test_a_report_counts_once(swarm: PlayedSwarm, begun: Conductor, kept: list[Snapshot]) -> None:
    for _ in range(2):
        swarm.report("a", seq=1, ok=5)
    assert begun.aggregate.counted().ok == 5
    assert len(kept) == 1


@pytest.mark.parametrize("load", [closed_load(PERMITS, "60s")])
def test_it_is_over_when_no_worker_has_anything_left(swarm: PlayedSwarm, begun: Conductor) -> None:
    swarm.say(messages.EXHAUSTED, pack(Note(RUN_ID)), "a")
    assert not begun.over
    swarm.say(messages.EXHAUSTED, pack(Note(RUN_ID)), "b")
    assert begun.over


def test_a_rate_lasts_as_long_as_its_schedule_although_nothing_more_arrives(
    swarm: PlayedSwarm, begun: Conductor
) -> None:
    for worker in "ab":
        swarm.say(messages.EXHAUSTED, pack(Note(RUN_ID)), worker)
    assert not begun.over


@pytest.mark.parametrize("load", [closed_load(PERMITS, "60s")])
def test_new_permits_give_an_exhausted_worker_work_again(swarm: PlayedSwarm, begun: Conductor) -> None:
    swarm.say(messages.EXHAUSTED, pack(Note(RUN_ID)), "a")
    del swarm.permits["b"]
    swarm.permits["a"] = PERMITS
    begun.redeal()
    assert not begun.over


def test_without_workers_it_is_deserted(swarm: PlayedSwarm, begun: Conductor) -> None:
    assert not begun.deserted
    swarm.permits.clear()
    assert begun.deserted


def test_a_drain_waits_for_the_last_report_of_all_that_live(swarm: PlayedSwarm, begun: Conductor) -> None:
    del swarm.permits["b"]
    begun.drain(3.0)
    assert swarm.told(messages.DRAIN, DrainOrder) == {"a": DrainOrder(RUN_ID, 3.0)}
    assert begun.aggregate.finished_workers == {"a"}
    assert begun.aggregate.lost_workers == ["b"]


def test_a_drain_gives_up_a_worker_that_dies_in_it(swarm: PlayedSwarm, begun: Conductor) -> None:
    swarm.finals = False
    draining = gevent.spawn(begun.drain, 60.0)
    gevent.sleep(0)
    swarm.report("a", seq=1, final=True)
    del swarm.permits["b"]
    draining.get(timeout=10)
    assert begun.aggregate.lost_workers == ["b"]


def test_a_target_is_lost_after_ten_seconds_of_nothing_but_connect_failures(
    swarm: PlayedSwarm, begun: Conductor
) -> None:
    for second in range(1, 12):
        swarm.report("a", seq=second, at_s=second, failed=3, failures={"connect": 3})
        assert begun.target_lost == (second >= 11)


@pytest.mark.parametrize("sign", [{"ok": 1}, {"failed": 1, "failures": {"http_5xx": 1}}])
def test_one_answer_of_any_kind_shows_that_it_is_there(
    sign: dict[str, Any], swarm: PlayedSwarm, begun: Conductor
) -> None:
    for second in range(1, 9):
        swarm.report("a", seq=second, at_s=second, failed=3, failures={"connect": 3})
    swarm.report("b", seq=1, at_s=9.0, **sign)
    for second in range(10, 15):
        swarm.report("a", seq=second, at_s=second, failed=3, failures={"connect": 3})
    assert not begun.target_lost


def test_streams_that_flow_show_that_it_is_there_though_none_has_ended(swarm: PlayedSwarm, begun: Conductor) -> None:
    for second in range(1, 15):
        swarm.report("a", seq=second, at_s=second, chunks=5_000 * second, failed=1, failures={"connect": 1})
    assert not begun.target_lost


def test_no_load_begins_without_a_worker(swarm: PlayedSwarm, conductor: Conductor) -> None:
    swarm.ready = Ready("another run")
    preparing = gevent.spawn(conductor.prepare, ["a", "b"])
    gevent.sleep(0)
    swarm.permits.clear()
    with pytest.raises(WorkerFailedError, match="every worker was lost"):
        preparing.get(timeout=10)


def test_a_late_worker_that_cant_prepare_is_left_out_and_the_run_goes_on(swarm: PlayedSwarm, begun: Conductor) -> None:
    swarm.ready = Ready(RUN_ID, "no such recording here", ExitCode.BAD_INPUT)
    swarm.permits["c"] = 1
    begun.admit("c")
    assert "no such recording here" in begun.notes[-1]
    assert begun.failure is None
    swarm.ready = Ready(RUN_ID)
    swarm.permits["d"] = 1
    begun.admit("d")
    assert "worker d joined" in begun.notes[-1]


def test_the_measured_time_ends_where_the_drain_begins(swarm: PlayedSwarm, begun: Conductor) -> None:
    begun.drain(0.0)
    ended_s = begun.load_ended_s
    begun.drain(0.0)
    assert begun.load_ended_s == ended_s <= begun.elapsed_s


def test_a_bug_names_its_worker(swarm: PlayedSwarm, begun: Conductor) -> None:
    swarm.say(messages.BUG, pack(Note(RUN_ID, "a bolt is loose")), "b")
    swarm.say(messages.BUG, pack(Note(RUN_ID, "a second one")), "a")
    assert str(begun.failure).endswith("this is a bug of loadgen; the run can't be trusted: worker b: a bolt is loose")
    assert begun.failure is not None
    assert begun.failure.exit_code == ExitCode.BUG


def test_what_the_user_can_mend_is_told_as_such(swarm: PlayedSwarm, begun: Conductor) -> None:
    swarm.say(messages.BUG, pack(Note(RUN_ID, "t.csv: was changed", ExitCode.BAD_INPUT)), "b")
    assert str(begun.failure) == "t.csv: was changed (on worker b)"
    assert begun.failure is not None
    assert begun.failure.exit_code == ExitCode.BAD_INPUT


def test_a_workers_start_is_told_on_its_own_clock(swarm: PlayedSwarm, conductor: Conductor) -> None:
    swarm.clocks_ahead_ns = {"a": 212_000_000, "b": 0}
    conductor.prepare(["a", "b"])
    conductor.begin("http://127.0.0.1:1/v1", "m")
    starts = swarm.told(messages.START, StartOrder)
    assert starts["a"].clock_ns == pytest.approx(212_000_000, abs=2_000_000)
    # Clocks that may well agree are left alone: a correction would only add the error of measuring.
    assert starts["b"].clock_ns == 0
    (note,) = conductor.notes
    assert "the clock of worker a is 212" in note
    assert "ahead of the master's" in note


def test_a_lost_workers_arrivals_are_counted_from_its_last_report(swarm: PlayedSwarm, begun: Conductor) -> None:
    share = swarm.told(messages.START, StartOrder)["b"].permits
    swarm.report("b", seq=1, at_s=15.0)
    assert begun.start_unix_ns is not None
    begun.start_unix_ns -= 20_000_000_000  # twenty seconds later
    del swarm.permits["b"]
    begun.follow()
    taken_over_s = swarm.told(messages.DEAL, Deal)["a"].from_s
    begun.start_unix_ns -= 20_000_000_000
    begun.drain(0.0)
    (loss,) = begun.losses()
    assert (loss.worker, loss.from_s, loss.to_s, loss.permits) == ("b", 15.0, taken_over_s, len(share))
    assert not loss.returned
    # Ten arrivals a second, dealt over the permits in turn.
    assert loss.arrivals == sum(number % PERMITS in share for number in range(150, math.ceil(taken_over_s * 10)))
    assert f"its {loss.arrivals} arrivals of the plan were not played, or not reported" in loss_note(loss)


def test_a_worker_that_comes_back_is_dealt_its_share_again(swarm: PlayedSwarm, begun: Conductor) -> None:
    del swarm.permits["b"]
    begun.follow()
    swarm.permits["b"] = 6
    swarm.say(messages.RETURNED, pack(Returned(RUN_ID, 0.25)), "b")
    begun.follow()
    deals = swarm.told(messages.DEAL, Deal)
    assert sorted(deals["a"].permits + deals["b"].permits) == list(range(PERMITS))
    assert deals["a"].from_s == deals["b"].from_s
    assert begun.epoch == 2
    begun.drain(0.0)
    assert all(loss.returned and loss.from_s == 0.25 for loss in begun.losses())


def test_one_that_was_never_missed_gets_back_what_it_let_go(swarm: PlayedSwarm, begun: Conductor) -> None:
    had = swarm.told(messages.START, StartOrder)["b"].permits
    swarm.say(messages.RETURNED, pack(Returned(RUN_ID, 0.25)), "b")
    gevent.sleep(0)
    assert swarm.told(messages.DEAL, Deal)["b"].permits == had


def test_a_worker_that_leaves_hands_over_before_it_drains(swarm: PlayedSwarm, begun: Conductor) -> None:
    swarm.say(messages.LEAVING, pack(Note(RUN_ID)), "b")
    gevent.sleep(0)
    deals = swarm.told(messages.DEAL, Deal)
    assert deals["a"].permits == tuple(range(PERMITS))
    assert deals["b"].permits == ()
    assert deals["a"].from_s == deals["b"].from_s
    assert "b" not in swarm.told(messages.DRAIN, DrainOrder)
    assert begun.wait_for(lambda: "b" in swarm.told(messages.DRAIN, DrainOrder), 5)
    # What it had planned until then has started.
    assert begun.elapsed_s > deals["b"].from_s
    del swarm.permits["b"]
    begun.follow()
    begun.drain(0.0)
    assert begun.losses() == []


def test_a_worker_that_joins_late_and_cant_ends_nothing(swarm: PlayedSwarm, begun: Conductor) -> None:
    swarm.ready = Ready(RUN_ID, "no such recording", ExitCode.BAD_INPUT)
    swarm.permits["c"] = 4
    begun.follow()
    gevent.sleep(0)
    assert "c" not in swarm.told(messages.START, StartOrder)
    assert any("no such recording (on worker c)" in note for note in begun.notes)
    assert begun.failure is None


def test_users_of_a_closed_loop_are_those_locust_was_told(tmp_path: Path) -> None:
    swarm = PlayedSwarm(a=2, b=2)
    swarm.wants = 6
    scenario = load_scenario(write_scenario(tmp_path, load=closed_load(4, "60s"))).scenario
    conductor = swarm.conductor = Conductor(swarm, scenario, RUN_ID, permit_count=4, on_snapshot=lambda _: None)
    conductor.prepare(["a", "b"])
    conductor.begin("http://127.0.0.1:1/v1", "m")

    def held(kind: str, order: Any) -> list[int]:
        return sorted(permit for deal in swarm.told(kind, order).values() for permit in deal.permits)

    # Locust has spread four of six so far.
    assert held(messages.START, StartOrder) == [0, 1, 2, 3]
    swarm.permits = {"a": 3, "b": 3}
    conductor.follow()
    assert held(messages.DEAL, Deal) == [0, 1, 2, 3, 4, 5]
    assert swarm.told(messages.DEAL, Deal)["a"].permit_count == 6
    swarm.wants = 1
    conductor.follow()
    assert held(messages.DEAL, Deal) == [0]


@pytest.mark.parametrize("repeat", [True, False])
def test_a_recording_to_be_played_once_that_may_be_played_again_is_noted(tmp_path: Path, repeat: bool) -> None:
    recording = tmp_path / "recording.jsonl"
    recording.write_text('{"timestamp": 0, "input_length": 1, "output_length": 1}\n')
    replay = {"name": "trace", "kind": "replay", "format": "mooncake", "path": str(recording), "repeat": repeat}
    scenario = load_scenario(write_scenario(tmp_path, workloads=[replay], load=closed_load(4, "60s"))).scenario
    swarm = PlayedSwarm(a=2, b=1)
    swarm.wants = 4
    conductor = swarm.conductor = Conductor(swarm, scenario, RUN_ID, permit_count=4, on_snapshot=lambda _: None)
    conductor.prepare(["a", "b"])
    conductor.begin("http://127.0.0.1:1/v1", "m")
    swarm.permits = {"a": 2, "b": 2}
    conductor.follow()  # the last permit, which nobody had before
    assert conductor.notes == []
    del swarm.permits["b"]
    conductor.follow()
    # Once, however often permits change hands after that.
    swarm.permits["b"] = 2
    conductor.follow()
    del swarm.permits["b"]
    conductor.follow()
    told = [note for note in conductor.notes if "may have been played twice" in note]
    assert len(told) == (0 if repeat else 1)
    assert all("trace" in note for note in told)
