"""The keeper: a small process beside a worker that starts sandboxes, so many at a time, and sees to their end.

Starting a process and copying files would stall the worker's event loop, and forking the worker would copy the page
tables of all it holds. This process is small, has one thread, knows no keys, and ends, with every sandbox, when the
worker closes the socket between them, however that comes about.

    python -m loadgen.sandbox.keeper DESCRIPTOR PARALLEL isolated|unsafe
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import msgspec

from loadgen.sandbox.channel import LENGTH_BYTES, Answer, Ask, frame, length_of
from loadgen.sandbox.frames import LENGTH_BYTES as HEAD_BYTES
from loadgen.sandbox.frames import Header, head_length, parse_head
from loadgen.sandbox.launch import Place, outcome_of, place_here
from loadgen.sandbox.model import Job, Outcome

# The first process of a sandbox keeps the limits itself. It stands back behind all others, so where they leave it
# nothing for this long after the limit, the keeper ends it.
_PATIENCE_S = 10.0
_NICENESS = 10


class Keeper:
    """Serves one worker."""

    def __init__(self, place: Place, parallel: int) -> None:
        self._place = place
        self._free = asyncio.Semaphore(parallel)
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def serve(self, channel: socket.socket) -> None:
        """Until the worker closes its end; then every sandbox is ended."""
        reader, writer = await asyncio.open_unix_connection(sock=channel)
        decoder = msgspec.msgpack.Decoder(Ask)
        try:
            while True:
                length = length_of(await reader.readexactly(LENGTH_BYTES))
                self._take(decoder.decode(await reader.readexactly(length)), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _take(self, ask: Ask, writer: asyncio.StreamWriter) -> None:
        if ask.job is None:
            if (task := self._tasks.get(ask.number)) is not None:
                task.cancel()
            return
        task = asyncio.get_running_loop().create_task(self._answer(ask.number, ask.job, writer))
        self._tasks[ask.number] = task
        task.add_done_callback(lambda _: self._tasks.pop(ask.number, None))

    async def _answer(self, number: int, job: Job, writer: asyncio.StreamWriter) -> None:
        came_s = time.monotonic()
        async with self._free:
            queued_s = time.monotonic() - came_s
            try:
                answer = Answer(number, await self._run(job, queued_s))
            except (OSError, EOFError, ValueError) as error:
                answer = Answer(number, problem=str(error) or "the sandbox ended without a word")
        with contextlib.suppress(ConnectionError):
            writer.write(frame(answer))
            await writer.drain()

    async def _run(self, job: Job, queued_s: float) -> Outcome:
        process, channel = self._place.start(tied=True)
        try:
            reader, writer = await asyncio.open_unix_connection(sock=channel)
            try:
                writer.write(self._place.order(job))
                async with asyncio.timeout(job.limits.wall_s + _PATIENCE_S):
                    header, blobs = await _answer_of(reader)
            finally:
                writer.close()
        except TimeoutError:
            raise OSError(f"the sandbox had no processor for {_PATIENCE_S:.0f} s after its limit") from None
        finally:
            await _ended(process, isolated=self._place.isolated)
        return outcome_of(header, blobs, queued_s)


async def _answer_of(reader: asyncio.StreamReader) -> tuple[Header, list[bytes]]:
    """A sandbox's answer. Raises EOFError where it ended without one."""
    try:
        head, sizes = parse_head(await reader.readexactly(head_length(await reader.readexactly(HEAD_BYTES))))
        return head, [await reader.readexactly(size) for size in sizes]
    except (asyncio.IncompleteReadError, ConnectionError):
        raise EOFError from None


async def _ended(process: "subprocess.Popen[bytes]", *, isolated: bool) -> None:
    """End what may be left of a sandbox, by its first process's parent, and wait for that: it is never long."""
    if isolated:
        process.kill()
    else:
        process.terminate()  # it removes its folder then
    if process.poll() is None and hasattr(os, "pidfd_open"):
        loop, gone, descriptor = asyncio.get_running_loop(), asyncio.Event(), os.pidfd_open(process.pid)
        loop.add_reader(descriptor, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
    process.wait()


def main(arguments: list[str]) -> None:
    """Serve on the descriptor that is the first argument."""
    descriptor, parallel, mode = arguments
    # Ctrl-C is the worker's matter.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    channel = socket.socket(fileno=int(descriptor))
    place = place_here(isolated=mode == "isolated")

    async def serve() -> None:
        await Keeper(place, int(parallel)).serve(channel)

    asyncio.run(serve())


if __name__ == "__main__":
    main(sys.argv[1:])
