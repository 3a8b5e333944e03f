"""A server with fixed timing and nothing else: the ground truth that the client is held against.

Run as `python -m loadgen.simulator.scripted`, by tests and the benchmark. It answers every POST to
.../chat/completions with an SSE stream by script (script.py) and stamps each write right before its send(), on the
clock of `time.monotonic_ns`, so that another process of the same machine can compare. One plain epoll loop on one
thread: no framework stands between the due time and the socket. It must never wait for one connection, and never
judges what it is asked.
"""

import argparse
import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import fields
from heapq import heappop, heappush, heapreplace

from loadgen.simulator.script import MODEL, Script, checked, ending, find_script, override, payloads
from loadgen.timerfd import TimerFd

_BACKLOG = 4096
# One read never holds up the streams for longer than a copy of this size takes (about 30 µs).
_READ_BYTES = 256 * 1024
# Sends between two looks at the sockets: a request's receive stamp is late by at most these.
_SENDS_PER_PASS = 64
# The timer goes off this early and the loop waits out the rest awake: an alarm alone is 70 µs late, and up to 180 µs
# on a core that was fast asleep.
_SPIN_NS = 150_000
_CHARS_PER_TOKEN = 4
_MODELS = b'{"object":"list","data":[{"id":"%s","object":"model","created":0,"owned_by":"loadgen"}]}' % MODEL


class _Stream:
    """A reply that is being played on one connection."""

    __slots__ = (
        "connection",
        "due_ns",
        "id",
        "interval_ns",
        "last",
        "left",
        "middle",
        "next",
        "received_ns",
        "stamps",
    )

    def __init__(self, connection: "_Connection", script: Script, received_ns: int, request_id: str) -> None:
        ready = payloads(script)
        end = ending(connection.body_bytes // _CHARS_PER_TOKEN, script.chunks)
        self.connection = connection
        self.id = request_id
        self.left = script.writes
        self.next = ready.first if self.left > 1 else ready.only + end
        self.middle = ready.middle
        self.last = ready.last + end
        self.interval_ns = round(script.interval_ms * 1e6)
        self.received_ns = received_ns
        self.due_ns = received_ns + round(script.ttft_ms * 1e6)
        self.stamps = array("q")


class _Connection:
    """One socket: what was read and not yet understood, and what could not be sent yet."""

    __slots__ = (
        "body_bytes",
        "head",
        "inbox",
        "open",
        "outbox",
        "script_at",
        "searched",
        "socket",
        "streaming",
    )

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.open = True
        self.streaming = False
        self.expect_head()

    def expect_head(self) -> None:
        """Begin a new request."""
        self.head: bytes | None = None
        self.body_bytes = 0
        self.script_at = -1
        self.searched = 0


class ScriptedServer:
    """The loop and its state. One thread; `run()` blocks."""

    def __init__(self, host: str, port: int, script: Script, *, stamps: bool = True) -> None:
        self._script = script
        self._stamping = stamps
        self._finished: list[tuple[str, int, array[int]]] = []
        self._requests = 0
        self._due: list[tuple[int, int, _Stream]] = []
        self._connections: dict[int, _Connection] = {}
        self._buffer = bytearray(_READ_BYTES)
        self._timer = TimerFd()
        self._epoll = select.epoll()
        self._listener = socket.create_server((host, port), backlog=_BACKLOG)
        self._listener.setblocking(False)
        # Accepted sockets inherit it on Linux.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._listener.getsockname()[1]
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._epoll.register(self._timer.fd, select.EPOLLIN)

    def run(self, *, exit_with_stdin: bool = False) -> None:
        """Serve until stdin is at its end (`exit_with_stdin`) or a signal handler raises."""
        stdin = sys.stdin.fileno() if exit_with_stdin else -1
        if exit_with_stdin:
            self._epoll.register(stdin, select.EPOLLIN)
        listener, timer = self._listener.fileno(), self._timer.fd
        while True:
            for fd, event in self._epoll.poll(self._wait_s()):
                if fd in self._connections:
                    self._serve(self._connections[fd], event)
                elif fd == timer:
                    self._timer.acknowledge()
                elif fd == listener:
                    self._accept()
                elif fd == stdin and not os.read(stdin, 4096):
                    return
            self._send_due()

    def close(self) -> None:
        """Close every socket."""
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._listener.close()
        self._timer.close()
        self._epoll.close()

    def _wait_s(self) -> float:
        """Seconds to sleep in epoll: 0 where a write is (nearly) due, else forever with the timer armed."""
        if not self._due:
            return -1
        due_ns = self._due[0][0]
        if due_ns - time.monotonic_ns() <= _SPIN_NS:
            return 0
        self._timer.arm(due_ns - _SPIN_NS)
        return -1

    def _send_due(self) -> None:
        due, clock = self._due, time.monotonic_ns
        for _ in range(_SENDS_PER_PASS):
            if not due:
                return
            due_ns, order, stream = due[0]
            now_ns = clock()
            if due_ns > now_ns:
                return
            stream.left -= 1
            if stream.left and stream.connection.open:
                due_ns += stream.interval_ns
                heapreplace(due, (due_ns, order, stream))
            else:
                heappop(due)
            self._play(stream, now_ns)

    def _play(self, stream: _Stream, now_ns: int) -> None:
        connection = stream.connection
        if not connection.open:
            return
        if self._stamping:
            stream.stamps.append(now_ns)
        self._send(connection, stream.next)
        if stream.left > 1:
            stream.next = stream.middle
        elif stream.left:
            stream.next = stream.last
        else:
            if self._stamping:
                self._finished.append((stream.id, stream.received_ns, stream.stamps))
            connection.streaming = False
            connection.expect_head()
            if connection.inbox:
                self._understand(connection)

    def _send(self, connection: _Connection, data: bytes) -> None:
        if connection.outbox:
            connection.outbox += data
            return
        try:
            sent = connection.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(connection)
            return
        if sent < len(data):
            connection.outbox += memoryview(data)[sent:]
            self._epoll.modify(connection.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _flush(self, connection: _Connection) -> None:
        try:
            sent = connection.socket.send(connection.outbox)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)
            return
        del connection.outbox[:sent]
        if not connection.outbox:
            self._epoll.modify(connection.socket.fileno(), select.EPOLLIN)

    def _accept(self) -> None:
        for _ in range(_SENDS_PER_PASS):
            try:
                sock, _peer = self._listener.accept()
            except OSError:
                return
            sock.setblocking(False)
            self._connections[sock.fileno()] = _Connection(sock)
            self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _drop(self, connection: _Connection) -> None:
        if connection.open:
            connection.open = False
            del self._connections[connection.socket.fileno()]
            connection.socket.close()

    def _serve(self, connection: _Connection, event: int) -> None:
        if event & select.EPOLLOUT:
            self._flush(connection)
        if not connection.open or not event & ~select.EPOLLOUT:
            return
        try:
            size = connection.socket.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if size == 0:
            self._drop(connection)
            return
        connection.inbox += memoryview(self._buffer)[:size]
        if not connection.streaming:
            self._understand(connection)

    def _understand(self, connection: _Connection) -> None:
        """Take the next request off the inbox, if all of it is there."""
        inbox = connection.inbox
        if connection.head is None:
            end = inbox.find(b"\r\n\r\n")
            if end < 0:
                return
            connection.head = bytes(inbox[:end])
            connection.body_bytes = _content_length(connection.head)
            del inbox[: end + 4]
        if connection.script_at < 0 < connection.body_bytes:
            connection.script_at = find_script(inbox, connection.searched)
            connection.searched = len(inbox)
        if len(inbox) < connection.body_bytes:
            return
        received_ns = time.monotonic_ns()
        method, _, rest = connection.head.partition(b" ")
        path = rest.partition(b" ")[0]
        if method == b"POST" and path.endswith(b"/chat/completions"):
            self._begin(connection, received_ns)
            return
        del inbox[: connection.body_bytes]
        connection.expect_head()
        self._answer(connection, method, path)

    def _begin(self, connection: _Connection, received_ns: int) -> None:
        script = self._script
        if connection.script_at >= 0:
            try:
                script = override(script, connection.inbox, connection.script_at)
            except (ValueError, TypeError) as error:
                self._refuse(connection, str(error))
                return
        self._requests += 1
        request_id = _header(connection.head or b"", b"x-request-id") or str(self._requests)
        stream = _Stream(connection, script, received_ns, request_id)
        del connection.inbox[: connection.body_bytes]
        connection.streaming = True
        heappush(self._due, (stream.due_ns, self._requests, stream))

    def _refuse(self, connection: _Connection, message: str) -> None:
        del connection.inbox[: connection.body_bytes]
        connection.expect_head()
        body = json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode()
        self._send(connection, _response(b"400 Bad Request", b"application/json", body))

    def _answer(self, connection: _Connection, method: bytes, path: bytes) -> None:
        if method == b"GET" and path == b"/stamps":
            body = b"".join(self._drain_stamps())
            response = _response(b"200 OK", b"application/x-ndjson", body)
        elif method == b"GET" and path == b"/health":
            response = _response(b"200 OK", b"application/json", b'{"status":"ok"}')
        elif method == b"GET" and path.endswith(b"/models"):
            models = b'{"object":"list","data":[{"id":"%s","object":"model","created":0,"owned_by":"loadgen"}]}'
            response = _response(b"200 OK", b"application/json", models % MODEL)
        else:
            response = _response(b"404 Not Found", b"text/plain", b"POST .../chat/completions, GET /stamps\n")
        self._send(connection, response)

    def _drain_stamps(self) -> Iterator[bytes]:
        finished, self._finished = self._finished, []
        for request_id, received_ns, writes in finished:
            line = {"id": request_id, "received_ns": received_ns, "writes_ns": writes.tolist()}
            yield json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _header(head: bytes, name: bytes) -> str:
    """The value of a header, or ''."""
    at = head.lower().find(b"\r\n" + name + b":")
    return head[at + len(name) + 3 :].partition(b"\r\n")[0].strip().decode("latin-1") if at >= 0 else ""


def _content_length(head: bytes) -> int:
    value = _header(head, b"content-length")
    return int(value) if value.isdigit() else 0


def _response(status: bytes, kind: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        kind,
        len(body),
        body,
    )


def _arguments(argv: list[str]) -> argparse.Namespace:
    default = Script()
    parser = argparse.ArgumentParser(prog="python -m loadgen.simulator.scripted", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--ttft-ms", type=float, default=default.ttft_ms)
    parser.add_argument("--interval-ms", type=float, default=default.interval_ms)
    parser.add_argument("--chunks", type=int, default=default.chunks)
    parser.add_argument("--coalesce", type=int, default=default.coalesce, help="chunks a write")
    parser.add_argument("--one-write", action="store_true", help="the whole reply in one write")
    parser.add_argument("--no-stamps", action="store_true", help="keep no stamps (they grow until drained)")
    parser.add_argument("--cpu", type=int, help="run on this CPU only")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when stdin closes")
    return parser.parse_args(argv)


def _stop(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or the end of stdin; the exit code."""
    options = _arguments(sys.argv[1:] if argv is None else argv)
    try:
        script = checked(Script(**{item.name: getattr(options, item.name) for item in fields(Script)}))
        if options.cpu is not None:
            os.sched_setaffinity(0, {options.cpu})
        server = ScriptedServer(options.host, options.port, script, stamps=not options.no_stamps)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"scripted server: {error}\n")
        return 2
    # Nothing here makes reference cycles, and a collection is a pause that shows in the truth.
    gc.disable()
    with contextlib.suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        sys.stdout.write(f"listening on http://{options.host}:{server.port}\n")
        sys.stdout.flush()
        server.run(exit_with_stdin=options.exit_with_stdin)
    server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
