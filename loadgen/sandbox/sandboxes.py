"""The worker's side of its sandboxes: hands jobs to the keeper and waits for them without holding up the event loop."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from typing import cast

import msgspec

from loadgen.errors import LoadgenError, UsageError
from loadgen.sandbox.availability import available
from loadgen.sandbox.channel import LENGTH_BYTES, Answer, Ask, frame, length_of
from loadgen.sandbox.model import Job, Outcome, Usage

# It has nothing to do any more, and nobody is timed when the sandboxes are closed.
_LEAVE_S = 2.0
# What a keeper needs of our environment; keys are not among it.
_KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV")


class SandboxError(LoadgenError):
    """A sandbox could not be started or went away: nothing is known of the code that was to run in it."""


def default_parallel() -> int:
    """A processor less than this process may use: the event loop and its server need one."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, usable - 1)


class Sandboxes:
    """A worker's sandboxes, `parallel` at a time: `start` before the load, `run` on its loop, `close` at the end."""

    def __init__(self, parallel: int | None = None, *, unsafe: bool = False) -> None:
        """unsafe: plain processes without isolation, for code that is trusted. parallel: None for default_parallel."""
        self.parallel = default_parallel() if parallel is None else parallel
        self._unsafe = unsafe
        self._keeper: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._line: _Line | None = None
        self._connecting: asyncio.Lock | None = None
        self._usage = Usage(unsafe=unsafe)
        self._number = 0

    def start(self) -> None:
        """Start the keeper; takes some 0.2 s. Raises UsageError where there is no isolation to be had."""
        if not self._unsafe and (why := available()) is not None:
            raise UsageError(f"no sandbox for code that the model wrote: {why}")
        ours, theirs = socket.socketpair()
        with theirs:
            self._keeper = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "loadgen.sandbox.keeper",
                    str(theirs.fileno()),
                    str(self.parallel),
                    "unsafe" if self._unsafe else "isolated",
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                start_new_session=True,
            )
        self._channel = ours

    @property
    def usage(self) -> Usage:
        """What has been used so far."""
        return self._usage

    @property
    def notes(self) -> tuple[str, ...]:
        """What the run's notes say of it."""
        if not self._unsafe:
            return ()
        return (
            "sandbox: unsafe: what the model wrote ran as plain processes of this user, with limits and without "
            "isolation from files, network and processes of this machine",
        )

    async def run(self, job: Job) -> Outcome:
        """Run a job when a place is free. Raises SandboxError where it could not be run."""
        line = await self._connect()
        self._number += 1
        number = self._number
        answer = await line.ask(number, frame(Ask(number, job)))
        if answer.outcome is None:
            raise SandboxError(f"a sandbox could not run its job: {answer.problem}")
        outcome, used = answer.outcome, self._usage
        self._usage = Usage(
            runs=used.runs + 1,
            cpu_s=used.cpu_s + (outcome.cpu_s or 0.0) + outcome.own_cpu_s,
            queued_s=used.queued_s + outcome.queued_s,
            unsafe=used.unsafe,
        )
        return outcome

    async def _connect(self) -> "_Line":
        if self._line is None:
            if self._connecting is None:
                self._connecting = asyncio.Lock()
            async with self._connecting:
                if self._line is None:
                    if self._channel is None:
                        raise SandboxError("the sandboxes have not been started, or are closed")
                    loop = asyncio.get_running_loop()
                    _, line = await loop.create_unix_connection(_Line, sock=self._channel)
                    self._line = line
        return self._line

    def close(self) -> None:
        """End the keeper and every sandbox. On the loop's thread, if `run` was ever called."""
        if self._line is not None:
            self._line.close()
        elif self._channel is not None:
            self._channel.close()
        self._line = self._channel = None
        if self._keeper is not None:
            # It ends by itself once its socket is closed; this is for one that hangs.
            self._keeper.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._keeper.wait(_LEAVE_S)
            self._keeper = None


class _Line(asyncio.Protocol):
    """The connection to the keeper."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._buffer = bytearray()
        self._decoder = msgspec.msgpack.Decoder(Answer)
        self._transport: asyncio.WriteTransport | None = None

    async def ask(self, number: int, message: bytes) -> Answer:
        """Send a job, wait for its answer; the job is ended where nobody waits any more."""
        if self._transport is None:
            raise SandboxError("the process that keeps the sandboxes is gone")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._transport.write(message)
        try:
            return await answer
        except asyncio.CancelledError:
            if self._transport is not None:
                self._transport.write(frame(Ask(number)))
            raise
        finally:
            self._waiting.pop(number, None)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """See asyncio.Protocol."""
        self._transport = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(SandboxError("the process that keeps the sandboxes is gone"))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._buffer += data
        while len(self._buffer) >= LENGTH_BYTES:
            end = LENGTH_BYTES + length_of(self._buffer)
            if len(self._buffer) < end:
                return
            answer = self._decoder.decode(self._buffer[LENGTH_BYTES:end])
            del self._buffer[:end]
            waiting = self._waiting.get(answer.number)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)
