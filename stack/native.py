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
from stack.compose import Compose, Service, read, read_env

_CHECKOUT = Path(__file__).parents[1]
_LOOPBACK = "127.0.0.1"
# In the order in which they come up.
_PARTS = ("simulator", "prometheus", "master", "worker")
_UP_S = 60.0
_POLL_S = 0.1
# A master drains what is in flight and writes the report before it ends.
_DOWN_S = 45.0


@dataclass(frozen=True, slots=True)
class Port:
    """Where a part listens. instead: what else to do than to end what listens there already."""

    host: str
    number: int
    instead: str = ""

    def url(self, path: str) -> str:
        """A page of it, as this machine reaches it."""
        return f"http://{_LOOPBACK if self.host == '0.0.0.0' else self.host}:{self.number}{path}"


# What the containers listen on among themselves, and here on loopback.
_SIMULATOR = Port(
    _LOOPBACK, 8000, "or, if that is the server to be measured, set LOADGEN_TARGET=http://127.0.0.1:8000/v1"
)
_WORKERS_MEET = Port(_LOOPBACK, 5557)
_SERIES = Port(_LOOPBACK, 9464)


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the stack: what it is in the compose file, what starts it, and where it listens.

    page: what answers once it is up; None for a part that listens on nothing.
    """

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    ports: tuple[Port, ...] = ()
    page: str | None = None


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
    """The stack's processes, in the order of their start.

    Without Prometheus where it is not installed, and without the simulator where the target is another: the port that
    it would take may be the target's.
    """
    found = []
    for name in _PARTS:
        service = compose.services[name]
        if name == "prometheus" and shutil.which("prometheus") is None:
            continue
        if name == "simulator" and "//simulator:" not in compose.services["master"].environment["LOADGEN_TARGET"]:
            continue
        # The programs of the environment that this runs in, wherever PATH leads.
        program = [] if name == "prometheus" else [str(Path(sys.executable).with_name(service.command[0]))]
        words = [local(word, folder) for word in (service.command[1:] if program else ["prometheus", *service.command])]
        ours = {key: local(value, folder) for key, value in service.environment.items()}
        listening, page, told = _listening(name, service)
        part = Part(name, (*program, *words, *told), {**environ, **ours}, listening, page)
        found += [part] * service.deploy.replicas
    return found


def _listening(name: str, service: Service) -> tuple[tuple[Port, ...], str | None, list[str]]:
    """Where a part listens, the page that answers once it is up, and the options that put it there."""
    match name:
        case "simulator":
            return (_SIMULATOR,), _SIMULATOR.url("/health"), []
        case "prometheus":
            port = _published(service, "PROMETHEUS_PORT")
            return (port,), port.url("/-/ready"), [f"--web.listen-address={port.host}:{port.number}"]
        case "master":
            port = _published(service, "LOADGEN_UI_PORT")
            options = ["--web-host", port.host, "--web-port", str(port.number)]
            return (port, _WORKERS_MEET, _SERIES), port.url("/"), options
    return (), None, []


def _published(service: Service, variable: str) -> Port:
    """Where the container's port is to be reached. variable: what chooses it. Raises UsageError."""
    host, number, _ = service.ports[0].rsplit(":", 2)
    if not (number.isdecimal() and 0 < int(number) < 65536):
        raise UsageError(f"{variable}={number}; accepted: a port, 1 to 65535")
    return Port(host, int(number), f"or choose another with {variable}")


class Stack:
    """Starts the parts in turn, each once the one before answers. A context manager: leaving it ends them."""

    def __init__(self, parts: Sequence[Part], folder: Path) -> None:
        """folder: for what they print, a file a part, and Prometheus' data."""
        self._parts = parts
        self._folder = folder
        self._running: list[tuple[Part, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> "Stack":
        for name, port in {(part.name, port) for part in self._parts for port in part.ports}:
            _insist_on_free(name, port)
        self._folder.mkdir(parents=True, exist_ok=True)
        for part in self._parts:
            # Last words are to be of this time.
            self._log(part).unlink(missing_ok=True)
        try:
            for part in self._parts:
                self._start(part)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        print("ending: what is in flight ends first, and the report is written", flush=True)
        self._end()

    def wait(self) -> None:
        """Until a part has ended that should not have: raises LoadgenError, with what it said last."""
        while True:
            for part, process in self._running:
                if process.poll() is not None:
                    raise self._broken(part, process, f"ended with {process.returncode}")
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
        deadline = time.monotonic() + _UP_S
        while part.page is not None and not _answers(part.page):
            if process.poll() is not None or time.monotonic() > deadline:
                raise self._broken(part, process, "did not come up")
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

    def _broken(self, part: Part, process: subprocess.Popen[bytes], how: str) -> LoadgenError:
        """With what it said last. A part that has found a mistake of the user's says so by its exit code."""
        said = "\n".join(self._log(part).read_text(errors="replace").splitlines()[-10:])
        kind = UsageError if process.returncode == ExitCode.BAD_INPUT else LoadgenError
        return kind(f"{part.name} {how}:\n{said}")


def _insist_on_free(name: str, port: Port) -> None:
    try:
        with socket.create_server((port.host, port.number)):
            pass
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while")[0]
        what = f"the {name} can't listen on {port.host}:{port.number}: {why}"
        raise UsageError(f"{what}; end what listens there{port.instead and f', {port.instead}'}") from None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1.0):
            return True
    except OSError:
        return False


def _tell(started: Sequence[Part], folder: Path) -> None:
    pages = {part.name: part.ports[0].url("") for part in started if part.ports}
    print(f"Locust's page       {pages['master']}  (the run has begun; it can start the next)")
    if "prometheus" in pages:
        print(f"Prometheus          {pages['prometheus']}")
    else:
        print("Prometheus          not installed (Debian: apt-get install prometheus); the series are at")
        print(f"                    {_SERIES.url('/metrics')}")
    print("Grafana             not started: import grafana/dashboards/*.json into yours")
    print(f"run folders         runs/\nwhat they print     {folder}/*.log\nCtrl-C ends all of it", flush=True)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the stack until Ctrl-C or SIGTERM; the exit code. An argument is the folder of its logs and data."""
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else _CHECKOUT / "runs" / ".stack"
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        environ = {**read_env(_CHECKOUT / ".env"), **os.environ}
        started = parts(read(environ), environ, folder)
        with Stack(started, folder) as stack:
            _tell(started, folder)
            stack.wait()
    except KeyboardInterrupt:
        return ExitCode.PASS
    except LoadgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return ExitCode.PASS


if __name__ == "__main__":
    sys.exit(main())
