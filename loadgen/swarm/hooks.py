"""Plain Locust: `locust -f locustfile.py` with its own command line and web UI, running our engine.

The locustfile calls `attach` from Locust's init event. LOADGEN_SCENARIO, LOADGEN_TARGET and the other variables of
`loadgen.settings` say what to run; `-u` is the number of permits (concurrent sessions in closed loop), `-r` how many
are added a second, `-t` ends a run early. Every start is a new run with a folder of its own.
"""

import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from loadgen.errors import LoadgenError, UsageError
from loadgen.outputs.run_folder import free_path
from loadgen.scenario.loader import LoadedScenario, load_scenario
from loadgen.settings import Settings
from loadgen.swarm.exporter import Exporter
from loadgen.swarm.master import Master, permits_for
from loadgen.swarm.run import Run
from loadgen.swarm.worker import Worker

# As long as Locust itself waits for its workers' word. What is spread more slowly (-r) is dealt as it comes.
_SPAWN_TIMEOUT_S = 1.5
_LOOPBACK = "127.0.0.1"


def keep_to_loopback(parser: ArgumentParser, **_: Any) -> None:
    """Listen on loopback unless told otherwise. For Locust's init_command_line_parser event.

    Locust's own default is every interface, and whoever reaches the UI or a master's port can start a load or join it.
    """
    parser.set_defaults(web_host=_LOOPBACK, master_bind_host=_LOOPBACK)


def attach(environment: Environment, **_: Any) -> None:
    """Make this Locust process a loadgen one: worker, master, or both in one. For Locust's init event."""
    if isinstance(environment.runner, WorkerRunner):
        Worker(environment)
        return
    try:
        settings = Settings.read()
        loaded = load_scenario(settings.scenario, overrides=settings.overrides())
        if loaded.scenario.target.base_url is None:
            raise UsageError("no target: set LOADGEN_TARGET (`loadgen simulate` serves one to try with)")
        port = settings.prometheus_port
        exporter = None if port is None else Exporter(settings.prometheus_host, port)
    except LoadgenError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(int(error.exit_code))
    _Hooks(environment, loaded, loaded.scenario.target.base_url, settings, exporter)


class _Hooks:
    """Starts a run at each of Locust's test starts, and ends it at each of its stops."""

    def __init__(
        self,
        environment: Environment,
        loaded: LoadedScenario,
        base_url: str,
        settings: Settings,
        exporter: Exporter | None,
    ) -> None:
        self._environment = environment
        self._loaded = loaded
        self._base_url = base_url
        self._settings = settings
        self._spawned = Event()
        self._exporter = exporter
        self._master = Master(environment, exporter=exporter)
        self._run: Run | None = None
        self._runs = 0
        if isinstance(environment.runner, LocalRunner):
            Worker(environment)
        options = environment.parsed_options
        if options is not None and options.num_users is None:
            options.num_users = permits_for(loaded, getattr(options, "expect_workers", 1) or 1)
        if options is not None and options.spawn_rate is None:
            options.spawn_rate = options.num_users
        events = environment.events
        events.test_start.add_listener(self._on_start)  # type: ignore[no-untyped-call]
        events.spawning_complete.add_listener(self._on_spawned)  # type: ignore[no-untyped-call]
        events.test_stopping.add_listener(self._on_stopped)  # type: ignore[no-untyped-call]
        events.quitting.add_listener(self._on_quitting)  # type: ignore[no-untyped-call]

    def _on_start(self, **_: Any) -> None:
        self._spawned.clear()
        runner = self._environment.runner
        assert runner is not None
        try:
            self._run = self._master.new_run(
                self._loaded,
                self._base_url,
                permits=runner.target_user_count,
                out=self._folder(),
                command=tuple(sys.argv),
            )
        except LoadgenError as error:
            self._run = None
            sys.stderr.write(f"error: {error}\n")
            self._environment.process_exit_code = int(error.exit_code)
            gevent.spawn(self._stop)
            return
        gevent.spawn(self._conduct, self._run)

    def _folder(self) -> Path | None:
        """LOADGEN_OUT for the first run of this process; what is started after it goes beside it."""
        self._runs += 1
        out = self._settings.out
        return out if out is None or self._runs == 1 else free_path(out)

    def _conduct(self, run: Run) -> None:
        runner = self._environment.runner
        workers = runner.worker_count if isinstance(runner, MasterRunner) else 1
        run.conduct(workers, lambda: self._spawned.wait(_SPAWN_TIMEOUT_S))
        if self._run is run and not run.ending:
            run.end()
            if self._exporter is not None and self._environment.web_ui is None:
                self._exporter.linger()
            self._stop()

    def _stop(self) -> None:
        """The run is over: so is Locust, unless its UI waits for the next one."""
        runner = self._environment.runner
        assert runner is not None
        if self._environment.web_ui is None:
            runner.quit()
        else:
            runner.stop()

    def _on_spawned(self, **_: Any) -> None:
        self._spawned.set()

    def _on_stopped(self, **_: Any) -> None:
        # After the master's listener, which has ended the run: whoever stops it, -t or the UI, here its code is known.
        if self._run is not None:
            self._environment.process_exit_code = int(self._run.exit_code)

    def _on_quitting(self, **_: Any) -> None:
        # Ctrl-C or SIGTERM in mid-run. Locust settles its exit code before it stops its runner.
        run = self._run
        if run is None or run.ended:
            return
        gevent.signal_handler(signal.SIGINT, run.interrupt)
        run.interrupt()
        run.end()
        self._environment.process_exit_code = int(run.exit_code)
