"""What `loadgen master` and `loadgen worker` do: build a Locust environment without its command line, and live in it.

Locust as a library rather than its own main: that polls once a second for workers, prints its own tables and can't be
told a free port. Imported only after LOCUST_SKIP_MONKEY_PATCH is set (see `loadgen.cli`).
"""

import argparse
import logging
import math
import os
import signal
import socket
import sys
from pathlib import Path

import gevent
import gevent.monkey
from gevent.event import Event
from locust import runners
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import STATE_STOPPING, MasterRunner, WorkerRunner

from loadgen.errors import ExitCode, UsageError
from loadgen.scenario.loader import LoadedScenario
from loadgen.scenario.quantities import format_duration
from loadgen.swarm.exporter import Exporter
from loadgen.swarm.master import Master, permits_for
from loadgen.swarm.permit import Permit
from loadgen.swarm.worker import Worker

# What Locust asks of its parsed command line when it has none; sent to the workers with every spawn.
_OPTIONS = {
    "enable_rebalancing": True,
    "headless": True,
    "web_base_path": "",
    "stop_timeout": 0.0,
    "num_users": None,
    "spawn_rate": None,
    "run_time": None,
    "stats_history_enabled": False,
}
_LOOPBACK = "127.0.0.1"
# A master that is there answers sooner.
_QUIET_S = 1.0
# Locust waits for its workers to stop, looking once a second, and then answers.
_STOP_TIMEOUT_S = 5.0
_ANSWER_S = 0.1
# Locust calls itself once for every 5 s that it has waited.
_LONGEST_WAIT_S = 3600.0


def _environment() -> Environment:
    # Locust's warnings (spawn rates, CPU) speak of users that are only permits here; its errors are real.
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    environment = Environment(user_classes=[Permit], catch_exceptions=True)
    environment.parsed_options = argparse.Namespace(**_OPTIONS)
    return environment


def run_master(
    loaded: LoadedScenario,
    base_url: str,
    *,
    host: str,
    port: int,
    workers: int,
    out: Path | None,
    command: tuple[str, ...],
    announce_fd: int | None = None,
    web_port: int | None = None,
    prometheus: tuple[str, int] | None = None,
) -> ExitCode:
    """Wait for workers, run the scenario, leave the run folder. announce_fd: where to write the address as a line.

    web_port: where to serve Locust's web UI; prometheus: host and port to be scraped at; None for nowhere. Raises
    UsageError where the run folder or a port can't be had.
    """
    # Unpatched, a headless master hangs in time.sleep; more than this would patch the threads the preflight needs, and
    # a patched os.fork hangs an unpatched subprocess.
    gevent.monkey.patch_time()
    environment = _environment()
    try:
        runner = environment.create_master_runner(host, port)
    except (RPCError, SystemExit) as error:
        raise UsageError(f"the master can't listen on {host}:{port}: {error}; name another port") from None
    permits = permits_for(loaded, workers)
    options = environment.parsed_options
    assert options is not None
    options.num_users = options.spawn_rate = permits  # what the UI's form begins with
    if web_port is not None:
        _serve_ui(environment, web_port)
        sys.stdout.write(f"web UI: http://{_LOOPBACK}:{web_port}\n")
        sys.stdout.flush()
    exporter = None if prometheus is None else Exporter(*prometheus)
    run = Master(environment, fills_stats=web_port is not None, exporter=exporter).new_run(
        loaded, base_url, permits=permits, out=out, command=command
    )

    def interrupt(*, at_once: bool = False) -> None:
        if not run.ended:
            run.interrupt(at_once=at_once)
        elif exporter is not None:
            exporter.stop()

    gevent.signal_handler(signal.SIGINT, interrupt)
    gevent.signal_handler(signal.SIGTERM, lambda: interrupt(at_once=True))
    if announce_fd is not None:
        with os.fdopen(announce_fd, "w") as announcement:
            announcement.write(f"{host}:{runner.server.port}\n")
    try:
        run.conduct(workers, lambda: runner.start(permits, permits))
    finally:
        run.end()  # a bug of ours too must leave what was measured
        _finish_stopping(runner)
        runner.quit()
    if exporter is not None:
        _linger(exporter)
    return run.exit_code


def _linger(exporter: Exporter) -> None:
    """Let a scraper that has followed the run fetch its last values."""
    if exporter.fading:
        sys.stdout.write("waiting for Prometheus to fetch the last values; Ctrl-C to end now\n")
        sys.stdout.flush()
        exporter.linger()
    exporter.close()


def _serve_ui(environment: Environment, port: int) -> None:
    """Locust's web UI, on loopback only, for whoever reaches it can change the load. Raises UsageError: port in use."""
    try:
        with socket.create_server((_LOOPBACK, port)):
            pass
    except OSError as error:
        raise UsageError(f"no web UI on port {port}: {error.strerror}; name another with --web-port") from None
    # For every page, Locust's UI parses this process's command line as its own.
    del sys.argv[1:]
    environment.create_web_ui(_LOOPBACK, port)


def _finish_stopping(runner: MasterRunner) -> None:
    """Where the UI's stop button ended the run: let it answer the browser before the UI is gone."""
    if runner.state == STATE_STOPPING:
        stopped = Event()
        runner.environment.events.test_stop.add_listener(lambda **_: stopped.set())  # type: ignore[no-untyped-call]
        stopped.wait(_STOP_TIMEOUT_S)
        gevent.sleep(_ANSWER_S)


def run_worker(host: str, port: int, wait_s: float) -> ExitCode:
    """Work for the master at this address until it says quit, is gone for a minute, or SIGTERM comes.

    wait_s: how long to look for the master. Raises UsageError where none answers, or it refuses this worker.
    """
    if wait_s > _LONGEST_WAIT_S:
        raise UsageError(f"--wait {format_duration(wait_s)}: accepted: at most {format_duration(_LONGEST_WAIT_S)}")
    environment = _environment()
    joining = gevent.spawn(_join, environment, f"{host}:{port}", wait_s)
    worker: Worker | None = None
    asked = 0

    def terminate() -> None:
        nonlocal asked
        asked += 1
        runner = environment.runner
        if worker is None or runner is None:
            joining.kill(block=False)
        elif asked > 1:
            worker.drain_now(grace_s=0.0, timeout_s=2.0)
        else:
            worker.leave()
            # The master hears at once that nobody is there any more, rather than when heartbeats stay out.
            runner.send_message("quit")
            runner.quit()

    gevent.signal_handler(signal.SIGTERM, terminate)
    gevent.signal_handler(signal.SIGINT, terminate)
    joined = joining.get()
    if asked:
        return ExitCode.INTERRUPTED
    if joined is None:
        raise UsageError(f"no master answers at {host}:{port}; start `loadgen master` there, or wait longer (--wait)")
    worker = Worker(environment)
    joined.greenlet.join()
    if worker.refused is not None:
        raise UsageError(f"the master at {host}:{port} refuses this worker: {worker.refused}")
    return ExitCode.PASS


def _join(environment: Environment, address: str, wait_s: float) -> WorkerRunner | None:
    """The runner once its master has answered; None where none does in time."""
    host, _, port = address.rpartition(":")
    telling = gevent.spawn(_tell_waiting, address, wait_s)
    # Locust counts its attempts.
    runners.CONNECT_RETRY_COUNT = math.ceil(wait_s / runners.CONNECT_TIMEOUT)
    try:
        with gevent.Timeout(wait_s):
            return environment.create_worker_runner(host, int(port))
    except (ConnectionError, gevent.Timeout):
        return None
    finally:
        telling.kill()


def _tell_waiting(address: str, wait_s: float) -> None:
    gevent.sleep(_QUIET_S)
    sys.stderr.write(f"no master at {address} yet; looking for it for {format_duration(wait_s)}\n")
