"""What `loadgen master` and `loadgen worker` do: build a Locust environment without its command line, and live in it.

Locust as a library rather than its own main: that polls once a second for workers, prints its own tables and can't be
told a free port. Imported only after LOCUST_SKIP_MONKEY_PATCH is set (see `loadgen.cli`).
"""

import argparse
import logging
import os
import signal
from pathlib import Path

import gevent
import gevent.monkey
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import WorkerRunner

from loadgen.errors import ExitCode, UsageError
from loadgen.scenario.loader import LoadedScenario
from loadgen.swarm.master import Master, permits_for
from loadgen.swarm.permit import Permit
from loadgen.swarm.worker import Worker

# What Locust asks of its parsed command line when it has none; sent to the workers with every spawn.
_OPTIONS = {"enable_rebalancing": True, "headless": True, "web_base_path": "", "stop_timeout": 0.0}


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
) -> ExitCode:
    """Wait for workers, run the scenario, leave the run folder. announce_fd: where to write the address as a line.

    Raises UsageError where the run folder or the port can't be had.
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
    run = Master(environment).new_run(loaded, base_url, permits=permits, out=out, command=command)
    gevent.signal_handler(signal.SIGINT, run.interrupt)
    gevent.signal_handler(signal.SIGTERM, lambda: run.interrupt(at_once=True))
    if announce_fd is not None:
        with os.fdopen(announce_fd, "w") as announcement:
            announcement.write(f"{host}:{runner.server.port}\n")
    try:
        run.conduct(workers, lambda: runner.start(permits, permits))
    finally:
        run.end()  # a bug of ours too must leave what was measured
        runner.quit()
    return run.exit_code


def run_worker(host: str, port: int) -> ExitCode:
    """Work for the master at this address until it says quit, is gone for a minute, or SIGTERM comes."""
    environment = _environment()
    try:
        runner = environment.create_worker_runner(host, port)
    except ConnectionError:
        raise UsageError(f"no master answers at {host}:{port}; start `loadgen master` first") from None
    assert isinstance(runner, WorkerRunner)
    worker = Worker(environment)

    def terminate() -> None:
        worker.drain_now(grace_s=0.0, timeout_s=2.0)
        runner.quit()

    gevent.signal_handler(signal.SIGTERM, terminate)
    gevent.signal_handler(signal.SIGINT, terminate)
    runner.greenlet.join()
    return ExitCode.PASS
