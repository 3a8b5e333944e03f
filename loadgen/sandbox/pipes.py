"""The command's pipes, read and written by the sandbox's first process without ever waiting for one of them."""

import os
import select
from typing import NamedTuple

_READ = 64 * 1024
# A test that prints a little too much is cut short; one that prints without end is stopped.
FLOOD = 64


class Kept:
    """The beginning and the end of a stream, `limit` bytes of it in all; and how much there was."""

    def __init__(self, limit: int) -> None:
        self._head_limit = limit // 2
        self._tail_limit = limit - self._head_limit
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, data: bytes) -> None:
        """Take in what came."""
        self.total += len(data)
        room = self._head_limit - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > self._tail_limit + _READ:
            del self._tail[: -self._tail_limit]

    @property
    def truncated(self) -> bool:
        """Whether some of it is lost."""
        return self.total > self._head_limit + self._tail_limit

    @property
    def text(self) -> bytes:
        """What is kept; a line says what is not."""
        if not self.truncated:
            return bytes(self._head + self._tail)
        tail = self._tail[-self._tail_limit :]
        left_out = self.total - len(self._head) - len(tail)
        return b"%s\n[... %d bytes left out ...]\n%s" % (self._head, left_out, tail)


class Ends(NamedTuple):
    """The command's ends of its pipes."""

    stdin: int
    output: int
    report: int | None


class Pipes:
    """Output and report of one command, and what it reads."""

    def __init__(self, stdin: bytes, output_limit: int, report_limit: int, *, report: bool) -> None:
        """report: whether there is a pipe for one."""
        self.output, self.report = Kept(output_limit), Kept(report_limit)
        self._stdin = memoryview(stdin)
        read, self._feed = os.pipe()
        self._output, output = os.pipe()
        self._kept = {self._output: self.output}
        report_write: int | None = None
        if report:
            report_read, report_write = os.pipe()
            self._kept[report_read] = self.report
        self.ends = Ends(read, output, report_write)
        self._poll = select.poll()
        for descriptor in (*self._kept, self._feed):
            os.set_blocking(descriptor, False)
        for descriptor in self._kept:
            self._poll.register(descriptor, select.POLLIN)
        self._poll.register(self._feed, select.POLLOUT)

    def close_ends(self) -> None:
        """In the parent, once the command has its own."""
        for end in self.ends:
            if end is not None:
                os.close(end)

    def wake_for(self, descriptor: int) -> None:
        """Have `turn` return when this one is ready to be read, too (a pidfd)."""
        self._poll.register(descriptor, select.POLLIN)

    def turn(self, timeout_s: float) -> None:
        """Move what can be moved, waiting so long for the first of it."""
        for descriptor, _ in self._poll.poll(max(0.0, timeout_s * 1e3)):
            if descriptor == self._feed:
                self._feed_some()
            elif (kept := self._kept.get(descriptor)) is not None:
                self._take(descriptor, kept)

    def finish(self) -> None:
        """Read what is still in the pipes; nobody writes any more."""
        for descriptor, kept in list(self._kept.items()):
            while descriptor in self._kept and self._take(descriptor, kept):
                pass

    def _take(self, descriptor: int, kept: Kept) -> bool:
        try:
            data = os.read(descriptor, _READ)
        except BlockingIOError:
            return False
        if not data:
            self._poll.unregister(descriptor)
            del self._kept[descriptor]
            os.close(descriptor)
            return False
        kept.add(data)
        return True

    def _feed_some(self) -> None:
        try:
            self._stdin = self._stdin[os.write(self._feed, self._stdin) :] if self._stdin else self._stdin
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._stdin = self._stdin[:0]
        if not self._stdin:
            self._poll.unregister(self._feed)
            os.close(self._feed)
