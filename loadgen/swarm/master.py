"""The master's tie to Locust: hears the workers' messages and Locust's events, and passes them to the current run.

One a Locust environment, whether `loadgen master` owns it or plain Locust does; runs come and go on it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from locust.env import Environment

from loadgen.metrics.live import snapshot_e2e
from loadgen.metrics.snapshot import Snapshot
from loadgen.scenario.loader import LoadedScenario
from loadgen.swarm import messages
from loadgen.swarm.conductor import Conductor
from loadgen.swarm.exporter import Exporter
from loadgen.swarm.locust_swarm import LocustSwarm, fill_locust_stats
from loadgen.swarm.run import Run
from loadgen.swarm.web_tab import add_tab

# Arrivals of an open loop are dealt over this many permits a worker: enough that those of a worker that is lost
# spread evenly over the others, few enough to cost nothing.
PERMITS_PER_WORKER = 12


def permits_for(loaded: LoadedScenario, workers: int) -> int:
    """How many permits a scenario takes: its peak of users in closed loop, a fixed number a worker in open loop."""
    load = loaded.scenario.load
    if load.arrivals == "closed":
        return round(max(max(stage.users) for stage in load.stages if stage.users is not None))
    return PERMITS_PER_WORKER * max(1, workers)


class Master:
    """Attach to a master's (or a single process's) Environment once its runner exists; before the hub runs again."""

    def __init__(self, environment: Environment, *, fills_stats: bool = True, exporter: Exporter | None = None) -> None:
        """fills_stats: whether Locust's own statistics are wanted, for its UI or its reports.

        exporter: what shows its runs to Prometheus, where that is wanted.
        """
        self._exporter = exporter
        self._environment = environment
        self._fills_stats = fills_stats
        self._run: Run | None = None
        self.swarm = LocustSwarm(environment)
        runner = environment.runner
        assert runner is not None
        for kind in messages.OF_A_RUN:
            runner.register_message(kind, self._forward(kind))
        runner.register_message(messages.HELLO, self._on_hello)
        environment.events.test_stopping.add_listener(self._on_stopping)  # type: ignore[no-untyped-call]
        environment.events.spawning_complete.add_listener(self._on_spawned)  # type: ignore[no-untyped-call]
        add_tab(environment, lambda: self._run)

    def new_run(
        self, loaded: LoadedScenario, base_url: str, *, permits: int, out: Path | None, command: tuple[str, ...]
    ) -> Run:
        """The run that messages and events go to from now on. Raises UsageError where its folder can't be made."""
        self._run = Run(
            self.swarm,
            loaded,
            base_url,
            permits=permits,
            out=out,
            command=command,
            on_snapshot=self._fill_stats,
            exporter=self._exporter,
        )
        return self._run

    def _fill_stats(self, snapshot: Snapshot, conductor: Conductor) -> None:
        if self._fills_stats:
            fill_locust_stats(self._environment, snapshot_e2e(snapshot, conductor.aggregate.plan))

    def _forward(self, kind: str) -> Callable[..., None]:
        def forward(environment: Environment, msg: Any, **_: Any) -> None:
            if self._run is not None:
                self._run.conductor.handlers()[kind](environment, msg)

        return forward

    def _on_hello(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002 - Locust's signature
        hello = msgspec.msgpack.decode(msg.data, type=messages.Hello)
        self.swarm.hear(msg.node_id, hello.version)

    def _on_stopping(self, **_: Any) -> None:
        # Locust waits for its listeners: what is in flight drains here, before it says quit to the workers.
        if self._run is not None:
            self._run.end()

    def _on_spawned(self, **_: Any) -> None:
        if self._run is not None and self._run.conductor.begun:
            self._run.conductor.redeal()
