"""The worker's side: takes orders from the master, gives them to the engine's thread, sends its reports back.

Everything here runs in greenlets of the gevent hub, which is otherwise idle, except the Outlet's methods, which the
engine's thread calls and which only hand over to the hub.
"""

import traceback
from collections.abc import Callable
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
from loadgen.swarm.messages import Hello, Note, Ready, pack


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
        text = "".join(traceback.format_exception(error))
        self.post(self._send, messages.BUG, pack(Note(self._run_id, text)))


class Worker:
    """Attach to a worker's (or a single process's) Environment; lives as long as the process."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._engine: Engine | None = None
        self._outlet: HubOutlet | None = None
        self._drained = Event()
        self._thread = EngineThread(self._on_bug)
        self._thread.start()
        runner = environment.runner
        assert runner is not None
        self._runner = runner
        runner.register_message(messages.PREPARE, self._prepare, concurrent=True)
        runner.register_message(messages.START, self._start)
        runner.register_message(messages.DEAL, self._deal)
        runner.register_message(messages.DRAIN, self._drain)
        environment.events.test_stopping.add_listener(self._on_stopping)  # type: ignore[no-untyped-call]
        if isinstance(runner, WorkerRunner):
            self._send(messages.HELLO, pack(Hello(__version__)))

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
        self._outlet = HubOutlet(order.run_id, self._send)
        try:
            # In a real thread: building may take seconds, and a hub that does not beat is a worker that is missing.
            self._engine = gevent.get_hub().threadpool.apply(Engine, (order, self._name, self._outlet))
        except LoadgenError as error:
            self._engine = None
            self._send(messages.READY, pack(Ready(order.run_id, str(error), error.exit_code)))
        except Exception:
            self._engine = None
            self._send(messages.READY, pack(Ready(order.run_id, traceback.format_exc(), ExitCode.BUG)))
        else:
            self._send(messages.READY, pack(Ready(order.run_id)))

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
