"""`make stack`: what docker-compose.yml starts, as processes of this machine, for machines without Docker.

Reads the commands and variables from that file, so that both stacks are one configuration, and puts this machine's
addresses and folders in place of the containers'. Grafana and the llama.cpp engine are only in the containers.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadgen.errors import ExitCode, LoadgenError, UsageError
from stack.compose import Compose, read, read_env

_CHECKOUT = Path(__file__).parents[1]
_LOOPBACK = "127.0.0.1"
# In the order in which they come up, each with the path that answers once it is: a worker listens on nothing.
_PARTS = {"simulator": "/health", "prometheus": "/-/ready", "master": "/", "worker": None}
# Where each listens in its container, which is where it listens here.
_PORTS = {"simulator": 8000, "prometheus": 9090, "master": 8089}
_UP_S = 60.0
_POLL_S = 0.1
# A master drains what is in flight and writes the report before it ends.
_DOWN_S = 45.0


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the stack: what it is in the compose file, and what starts it."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]


def local(text: str, folder: Path) -> str:
    """A word of the compose file with this machine's addresses and folders. folder: for Prometheus' data."""
    for there, here in {
        "0.0.0.0": _LOOPBACK,
        "//simulator:": f"//{_LOOPBACK}:",
        "master:5557": f"{_LOOPBACK}:5557",
        "/etc/prometheus": str(_CHECKOUT / "prometheus"),
        "path=/prometheus": f"path={folder / 'prometheus'}",
    }.items():
        text = text.replace(there, here)
    return text


def parts(compose: Compose, environ: Mapping[str, str], folder: Path) -> list[Part]:
    """The stack's processes, in the order of their start; without Prometheus where it is not installed."""
    found = []
    for name in _PARTS:
        service = compose.services[name]
        if name == "prometheus":
            if shutil.which("prometheus") is None:
                continue
            command = ["prometheus", *service.command, f"--web.listen-address={_LOOPBACK}:{_PORTS[name]}"]
        else:
            # The programs of the environment that this runs in, wherever PATH leads.
            command = [str(Path(sys.executable).with_name(service.command[0])), *service.command[1:]]
        ours = {key: local(value, folder) for key, value in service.environment.items()}
        part = Part(name, tuple(local(word, folder) for word in command), {**environ, **ours})
        found += [part] * service.deploy.replicas
    return found


class Stack:
    """Starts the parts in turn, each once the one before answers. A context manager: leaving it ends them."""

    def __init__(self, parts: Sequence[Part], folder: Path) -> None:
        """folder: for what they print, a file a part, and Prometheus' data."""
        self._parts = parts
        self._folder = folder
        self._running: list[tuple[Part, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> "Stack":
        for name in {part.name for part in self._parts}:
            _insist_on_free(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            for part in self._parts:
                self._start(part)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def wait(self) -> None:
        """Until a part has ended that should not have: raises LoadgenError, with what it said last."""
        while True:
            for part, process in self._running:
                if process.poll() is not None:
                    raise LoadgenError(f"{part.name} ended with {process.returncode}:\n{self._said(part)}")
            time.sleep(_POLL_S)

    def _start(self, part: Part) -> None:
        tied = (sys.executable, "-m", "stack.tied", str(os.getpid()), *part.command)
        with self._log(part).open("ab") as log:
            # A session of its own: Ctrl-C reaches us alone, and we end them in order.
            process = subprocess.Popen(
                tied,
                cwd=_CHECKOUT,
                env=part.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append((part, process))
        path = _PARTS[part.name]
        deadline = time.monotonic() + _UP_S
        while path is not None and not _answers(f"http://{_LOOPBACK}:{_PORTS[part.name]}{path}"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise LoadgenError(f"{part.name} did not come up:\n{self._said(part)}")
            time.sleep(_POLL_S)

    def _end(self) -> None:
        # The master first: it ends its workers once their last reports are in.
        for name in ("master", "worker", "simulator", "prometheus"):
            ending = [process for part, process in self._running if part.name == name]
            for process in ending:
                process.terminate()
            for process in ending:
                try:
                    process.wait(_DOWN_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._running.clear()

    def _log(self, part: Part) -> Path:
        return self._folder / f"{part.name}.log"

    def _said(self, part: Part) -> str:
        return "\n".join(self._log(part).read_text(errors="replace").splitlines()[-10:])


def _insist_on_free(name: str) -> None:
    port = _PORTS.get(name)
    if port is None:
        return
    try:
        with socket.create_server((_LOOPBACK, port)):
            pass
    except OSError as error:
        raise UsageError(f"no {name} on port {port}: {error.strerror}; end what listens there") from None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1.0):
            return True
    except OSError:
        return False


def _tell(started: Sequence[Part], environ: Mapping[str, str], folder: Path) -> None:
    names = {part.name for part in started}
    print(f"Locust's page       http://{_LOOPBACK}:{_PORTS['master']}  (the run has begun; it can start the next)")
    if "prometheus" in names:
        print(f"Prometheus          http://{_LOOPBACK}:{_PORTS['prometheus']}")
    else:
        print("Prometheus          not installed (Debian: apt-get install prometheus); the series are at")
        print(f"                    http://{_LOOPBACK}:{environ.get('LOADGEN_PROMETHEUS_PORT', '9464')}/metrics")
    print("Grafana             not started: import grafana/dashboards/*.json into yours")
    print(f"run folders         runs/\nwhat they print     {folder}/*.log\nCtrl-C ends all of it", flush=True)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the stack until Ctrl-C or SIGTERM; the exit code. An argument is the folder of its logs and data."""
    environ = {**read_env(_CHECKOUT / ".env"), **os.environ}
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else _CHECKOUT / "runs" / ".stack"
    compose = read(environ)
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        started = parts(compose, environ, folder)
        with Stack(started, folder) as stack:
            _tell(started, compose.services["master"].environment, folder)
            stack.wait()
    except KeyboardInterrupt:
        return ExitCode.PASS
    except LoadgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return ExitCode.PASS


if __name__ == "__main__":
    sys.exit(main())
