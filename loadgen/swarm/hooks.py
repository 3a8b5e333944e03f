"""Plain Locust: `locust -f locustfile.py` with its own command line and web UI, running our engine.

The locustfile calls `attach` from Locust's init event. LOADGEN_SCENARIO, LOADGEN_TARGET and the other variables of
`loadgen.settings` say what to run; `-u` is the number of permits (concurrent sessions in closed loop), `-t` ends a run
early. Every start is a new run with a folder of its own.
"""

import sys
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from loadgen.errors import LoadgenError, UsageError
from loadgen.scenario.loader import LoadedScenario, load_scenario
from loadgen.settings import Settings
from loadgen.swarm.master import Master, permits_for
from loadgen.swarm.worker import Worker

# Locust gives no word when it can't spread its users; better to begin with those that are there.
_SPAWN_TIMEOUT_S = 60.0


def attach(environment: Environment, **_: Any) -> None:
    """Make this Locust process a loadgen one: worker, master, or both in one. For Locust's init event."""
    if isinstance(environment.runner, WorkerRunner):
        Worker(environment)
        return
    try:
        settings = Settings()
        loaded = load_scenario(settings.scenario, overrides=settings.overrides())
        if loaded.scenario.target.base_url is None:
            raise UsageError("no target: set LOADGEN_TARGET (`loadgen simulate` serves one to try with)")
    except LoadgenError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(int(error.exit_code))
    _Hooks(environment, loaded, loaded.scenario.target.base_url, settings)


class _Hooks:
    """Starts a run at each of Locust's test starts."""

    def __init__(self, environment: Environment, loaded: LoadedScenario, base_url: str, settings: Settings) -> None:
        self._environment = environment
        self._loaded = loaded
        self._base_url = base_url
        self._settings = settings
        self._spawned = Event()
        self._master = Master(environment)
        if isinstance(environment.runner, LocalRunner):
            Worker(environment)
        options = environment.parsed_options
        if options is not None and options.num_users is None:
            options.num_users = permits_for(loaded, getattr(options, "expect_workers", 1) or 1)
        if options is not None and options.spawn_rate is None:
            options.spawn_rate = options.num_users
        environment.events.quitting.add_listener(self._on_quitting)  # type: ignore[no-untyped-call]
        environment.events.test_start.add_listener(self._on_start)  # type: ignore[no-untyped-call]
        environment.events.spawning_complete.add_listener(self._on_spawned)  # type: ignore[no-untyped-call]

    def _on_start(self, **_: Any) -> None:
        self._spawned.clear()
        gevent.spawn(self._run)

    def _on_quitting(self, **_: Any) -> None:
        # Ctrl-C under Locust comes here, after an ordinary end there is nothing left to interrupt. Locust reads the
        # exit code next, before it stops its runner.
        self._master.interrupt_and_end()

    def _on_spawned(self, **_: Any) -> None:
        self._spawned.set()

    def _run(self) -> None:
        runner = self._environment.runner
        assert runner is not None
        try:
            run = self._master.new_run(
                self._loaded,
                self._base_url,
                permits=runner.target_user_count,
                out=self._settings.out,
                command=tuple(sys.argv),
            )
        except LoadgenError as error:
            sys.stderr.write(f"error: {error}\n")
            self._environment.process_exit_code = int(error.exit_code)
            runner.quit()
            return
        workers = runner.worker_count if isinstance(runner, MasterRunner) else 1
        run.conduct(workers, lambda: self._spawned.wait(_SPAWN_TIMEOUT_S))
        run.end()  # before Locust says quit: the workers have to drain first
        self._environment.process_exit_code = int(run.exit_code)
        if self._environment.web_ui is None:
            runner.quit()
        else:
            runner.stop()
