"""The worker's side: takes orders from the master, gives them to the engine's thread, sends its reports back.

Everything here runs in greenlets of the gevent hub, which is otherwise idle, except the Outlet's methods, which the
engine's thread calls and which only hand over to the hub.
"""

import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
import msgspec
from gevent.event import Event
from locust.env import Environment
from locust.rpc import Message
from locust.runners import WorkerRunner

from loadgen import __version__
from loadgen.engine.engine import Engine
from loadgen.engine.order import Deal, DrainOrder, RunOrder, StartOrder
from loadgen.engine.thread import EngineThread
from loadgen.errors import ExitCode, LoadgenError
from loadgen.swarm import messages
from loadgen.swarm.locust_swarm import LOCAL_WORKER
from loadgen.swarm.messages import Hello, Note, Ready, Returned, Tick, Tock, pack

# The master takes a worker for gone 4 to 5 s after its last heartbeat and has its permits played by others half a
# second later. One that hears nothing lets go of them before that, so that nothing is played twice.
_LEASE_S = 3.0
_LOOK_S = 0.25


class HubOutlet:
    """The engine's Outlet: posts to the hub, which sends. One a run, so that a late report keeps its run's id."""

    def __init__(self, run_id: str, send: Callable[[str, bytes], None]) -> None:
        self._run_id = run_id
        self._send = send
        self.post: Callable[..., object] = gevent.get_hub().loop.run_callback_threadsafe

    def snapshot(self, encoded: bytes) -> None:
        """See Outlet."""
        self.post(self._send, messages.SNAPSHOT, encoded)

    def exhausted(self) -> None:
        """See Outlet."""
        self.post(self._send, messages.EXHAUSTED, pack(Note(self._run_id)))

    def bug(self, error: BaseException) -> None:
        """See Outlet."""
        note = Note(self._run_id, "".join(traceback.format_exception(error)))
        if isinstance(error, LoadgenError):
            note = Note(self._run_id, str(error), error.exit_code)
        self.post(self._send, messages.BUG, pack(note))


class Worker:
    """Attach to a worker's (or a single process's) Environment; lives as long as the process."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._engine: Engine | None = None
        self._outlet: HubOutlet | None = None
        self._preparing = ""
        self._drained = Event()
        self._heard_s: float | None = None
        self._let_go_s: float | None = None
        self.refused: str | None = None
        self._thread = EngineThread(self._on_bug)
        self._thread.start()
        runner = environment.runner
        assert runner is not None
        self._runner = runner
        # In a greenlet of its own: heartbeats are to be answered meanwhile.
        runner.register_message(messages.PREPARE, self._prepare, concurrent=True)
        runner.register_message(messages.START, self._start)
        runner.register_message(messages.DEAL, self._deal)
        runner.register_message(messages.DRAIN, self._drain)
        runner.register_message(messages.TICK, self._tell_time)
        runner.register_message(messages.REFUSE, self._be_refused)
        environment.events.test_stopping.add_listener(self._on_stopping)  # type: ignore[no-untyped-call]
        if isinstance(runner, WorkerRunner):
            environment.events.heartbeat_received.add_listener(self._on_heartbeat)  # type: ignore[no-untyped-call]
            environment.events.quitting.add_listener(self.leave)  # type: ignore[no-untyped-call]
            self._send(messages.HELLO, pack(Hello(__version__)))
            gevent.spawn(self._watch_master)

    @property
    def _name(self) -> str:
        return self._runner.client_id if isinstance(self._runner, WorkerRunner) else LOCAL_WORKER

    def drain_now(self, grace_s: float, timeout_s: float) -> None:
        """End what runs without being told by a master: it is gone, or this process is asked to stop."""
        engine = self._engine
        if engine is None:
            return
        self._drained.clear()
        self._thread.post(lambda: self._drain_engine(engine, DrainOrder(engine.run_id, grace_s)))
        self._drained.wait(timeout_s)

    def leave(self, **_: Any) -> None:
        """Tell the master, let it deal this worker's share to others, and end what is in flight. For SIGTERM."""
        engine = self._engine
        if engine is None:
            return
        self._drained.clear()
        self._send(messages.LEAVING, pack(Note(engine.run_id)))
        while self._engine is engine and not self._drained.wait(_LOOK_S):
            if self._silent_s > _LEASE_S:
                self.drain_now(grace_s=0.0, timeout_s=2.0)
                return

    @property
    def _silent_s(self) -> float:
        """For how long nothing has been heard of the master; 0 before its first heartbeat."""
        return 0.0 if self._heard_s is None else time.monotonic() - self._heard_s

    def _on_heartbeat(self, **_: Any) -> None:
        self._heard_s = time.monotonic()
        if self._let_go_s is not None and (engine := self._engine) is not None:
            self._send(messages.RETURNED, pack(Returned(engine.run_id, self._let_go_s)))
        self._let_go_s = None

    def _watch_master(self) -> None:
        """Let go of the permits while the master is not heard: it deals them to others."""
        while True:
            gevent.sleep(_LOOK_S)
            engine = self._engine
            if engine is None or self._let_go_s is not None or self._silent_s <= _LEASE_S:
                continue
            self._thread.post(partial(self._let_go, engine, self._heard_s))
            gevent.sleep(_LOOK_S)

    async def _let_go(self, engine: Engine, since_s: float | None) -> None:
        if self._outlet is not None and (from_s := engine.let_go()) is not None:
            self._outlet.post(self._note_let_go, engine, from_s, since_s)

    def _note_let_go(self, engine: Engine, from_s: float, since_s: float | None) -> None:
        if self._engine is not engine:
            return
        self._let_go_s = from_s
        if self._heard_s != since_s:  # heard again in this very moment
            self._on_heartbeat()

    def _tell_time(self, environment: Environment, msg: Message, **_: Any) -> None:  # noqa: ARG002 - Locust's signature
        tick = msgspec.msgpack.decode(msg.data, type=Tick)
        self._send(messages.TOCK, pack(Tock(tick.run_id, tick.asked_ns, time.time_ns())))

    def _be_refused(self, environment: Environment, msg: Message, **_: Any) -> None:  # noqa: ARG002
        self.refused = msgspec.msgpack.decode(msg.data, type=Note).text
        gevent.spawn(self._runner.quit)

    def _on_stopping(self, **_: Any) -> None:
        # Locust stops its workers when they have lost their master; a load that nobody watches must end. After an
        # orderly drain there is nothing left to do here. In a single process the conductor drains.
        if isinstance(self._runner, WorkerRunner):
            self.drain_now(grace_s=0.0, timeout_s=5.0)

    def _prepare(self, environment: Environment, msg: Message, **_: Any) -> None:  # noqa: ARG002 - Locust's signature
        order = msgspec.msgpack.decode(msg.data, type=RunOrder)
        if self._engine is not None:
            # A run that was never drained, because its master died: nothing of it may run on into this one.
            self.drain_now(grace_s=0.0, timeout_s=5.0)
        self._engine, self._let_go_s, self._preparing = None, None, order.run_id
        outlet = HubOutlet(order.run_id, self._send)
        # In a thread, for it may take minutes, and a worker whose hub stands still is taken for dead.
        made = gevent.get_hub().threadpool.apply(_engine_or_error, (order, self._name, outlet))
        if self._preparing != order.run_id:
            return  # another run has been ordered meanwhile
        if isinstance(made, Engine):
            self._engine, self._outlet = made, outlet
            self._send(messages.READY, pack(Ready(order.run_id, notes=made.notes)))
        elif isinstance(made, LoadgenError):
            self._send(messages.READY, pack(Ready(order.run_id, str(made), made.exit_code)))
        else:
            text = "".join(traceback.format_exception(made))
            self._send(messages.READY, pack(Ready(order.run_id, text, ExitCode.BUG)))

    def _start(self, environment: Environment, msg: Message, **_: Any) -> None:  # noqa: ARG002
        order = msgspec.msgpack.decode(msg.data, type=StartOrder)
        if (engine := self._of(order.run_id)) is not None:
            self._thread.post(lambda: engine.start(order))

    def _deal(self, environment: Environment, msg: Message, **_: Any) -> None:  # noqa: ARG002
        order = msgspec.msgpack.decode(msg.data, type=Deal)
        if (engine := self._of(order.run_id)) is not None:
            self._thread.post(lambda: engine.deal(order))

    def _drain(self, environment: Environment, msg: Message, **_: Any) -> None:  # noqa: ARG002
        order = msgspec.msgpack.decode(msg.data, type=DrainOrder)
        if (engine := self._of(order.run_id)) is not None:
            self._thread.post(lambda: self._drain_engine(engine, order))

    def _of(self, run_id: str) -> Engine | None:
        """The engine, if it is of that run: orders of another run are not for it."""
        return self._engine if self._engine is not None and self._engine.run_id == run_id else None

    async def _drain_engine(self, engine: Engine, order: DrainOrder) -> None:
        await engine.drain(order)
        assert self._outlet is not None
        self._outlet.post(self._forget, engine)

    def _forget(self, engine: Engine) -> None:
        if self._engine is engine:
            self._engine = None
        self._drained.set()

    def _send(self, kind: str, data: bytes) -> None:
        self._runner.send_message(kind, data)

    def _on_bug(self, error: BaseException) -> None:
        if self._outlet is not None:
            self._outlet.bug(error)


def _engine_or_error(order: RunOrder, worker: str, outlet: HubOutlet) -> Engine | Exception:
    # Returned, for gevent prints the traceback of whatever is raised in its threads.
    try:
        return Engine(order, worker, outlet)
    except Exception as error:
        return error
