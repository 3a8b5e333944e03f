"""The simulator and the scripted server as child processes, for tests and benchmarks: start, address, stop.

A child stops when its stdin closes, so it never outlives the process that started it, however that one ends.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_STOP_TIMEOUT_S = 10.0
_READY = "listening on "


@dataclass(frozen=True, slots=True)
class RequestStamps:
    """One finished request by the scripted server's own stamps, in ns of `time.monotonic_ns`.

    received_ns: its last byte was read; writes_ns: right before each send() of a group of chunks, ascending.
    """

    id: str
    received_ns: int
    writes_ns: list[int]


class ServerProcess:
    """A server of this package in a process of its own; a context manager. `url` has no path and no slash.

    Raises RuntimeError, with what the child wrote to stderr, where it does not come up.
    """

    url: str
    pid: int

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self._command = [sys.executable, "-m", module, *arguments, "--exit-with-stdin"]

    def __enter__(self) -> Self:
        # A file, not a pipe: nobody reads it while the child runs, and a full pipe would stop the child.
        self._complaints = tempfile.TemporaryFile()
        self._child = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, text=True
        )
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line.startswith(_READY):
            self._child.communicate()
            complaint = self.complaints().strip()
            self._complaints.close()
            raise RuntimeError(f"{' '.join(self._command)} ended with {self._child.returncode}: {complaint}")
        self.url = line.removeprefix(_READY).split()[0]
        self.pid = self._child.pid
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def complaints(self) -> str:
        """What the child has written to stderr so far; until it is stopped."""
        file = self._complaints.fileno()
        return os.pread(file, os.fstat(file).st_size, 0).decode("utf-8", "replace")

    def stop(self) -> int:
        """End the child if it still runs; its exit code (negative: the signal that ended it)."""
        self._child.terminate()
        try:
            self._child.communicate(timeout=_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
        self._complaints.close()
        return self._child.returncode


class ScriptedServer(ServerProcess):
    """The scripted server (scripted.py says what each number means). `cpu`: run on this CPU only."""

    def __init__(
        self,
        *,
        ttft_ms: float = 50.0,
        interval_ms: float = 20.0,
        chunks: int = 200,
        coalesce: int = 1,
        one_write: bool = False,
        keep_stamps: bool = True,
        cpu: int | None = None,
    ) -> None:
        arguments = [f"--ttft-ms={ttft_ms}", f"--interval-ms={interval_ms}"]
        arguments += [f"--chunks={chunks}", f"--coalesce={coalesce}"]
        arguments += ["--one-write"] * one_write + ["--no-stamps"] * (not keep_stamps)
        arguments += [] if cpu is None else [f"--cpu={cpu}"]
        super().__init__("loadgen.simulator.scripted", arguments)

    def stamps(self) -> list[RequestStamps]:
        """The requests finished since the last call, in the order in which they ended."""
        with urllib.request.urlopen(self.url + "/stamps", timeout=_STOP_TIMEOUT_S) as response:  # noqa: S310
            return [RequestStamps(**json.loads(line)) for line in response]


class SimulatorProcess(ServerProcess):
    """The simulator (command.py says what each option means).

    `api_key_env` names an environment variable that holds the key to ask for; `more` are further options as on the
    command line.
    """

    def __init__(
        self,
        *,
        profile: str = "fast",
        seed: int = 1,
        model: str = "simulated-model",
        dialect: str = "openai",
        faults: Sequence[str] = (),
        more: Sequence[str] = (),
        api_key_env: str | None = None,
        cpu: int | None = None,
    ) -> None:
        arguments = ["--port=0", f"--profile={profile}", f"--seed={seed}", f"--model={model}", f"--dialect={dialect}"]
        arguments += [f"--fault={fault}" for fault in faults] + list(more)
        arguments += [] if api_key_env is None else [f"--api-key-env={api_key_env}"]
        arguments += [] if cpu is None else [f"--cpu={cpu}"]
        super().__init__("loadgen.simulator", arguments)
