"""A server that writes whatever bytes it is told, from threads of this process: for `loadgen run` against the rude."""

import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

# What a test gives: from the number of the chat request (0 is the preflight's) and its head to the bytes of the answer.
Answer = Callable[[int, bytes], Iterable[bytes]]


def event_stream(*payloads: bytes) -> bytes:
    """A whole streamed reply of these payloads, after which the server closes."""
    body = b"".join(b"data: %b\n\n" % payload for payload in payloads)
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + body


def good(text: str = "ready") -> bytes:
    """A reply that is well in every way."""
    said = json.dumps({"choices": [{"delta": {"content": text}}]}).encode()
    usage = b'"usage":{"prompt_tokens":5,"completion_tokens":1}'
    return event_stream(said, b'{"choices":[{"delta":{},"finish_reason":"stop"}],%b}' % usage, b"[DONE]")


def plain(status: bytes, body: bytes) -> bytes:
    """A JSON reply of known length, after which the server closes."""
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


@dataclass
class RawServer:
    """A context manager. Lists one model, answers chat requests by `answer`; `heads` is what it got, in order."""

    answer: Answer
    tls: ssl.SSLContext | None = None
    heads: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        owner = self
        lock = threading.Lock()

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    line = self.rfile.readline()
                    if not line:
                        return
                    head += line
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                if head.startswith(b"GET /v1/models "):
                    self.wfile.write(plain(b"200 OK", b'{"data":[{"id":"m"}]}'))
                elif head.startswith(b"POST"):
                    self.rfile.read(length)
                    with lock:
                        number = len(owner.heads)
                        owner.heads.append(head)
                    try:
                        for piece in owner.answer(number, head):
                            self.wfile.write(piece)
                    except ConnectionError:
                        pass  # it has been cut off, as it should be
                else:
                    self.wfile.write(plain(b"404 Not Found", b"{}"))

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 128

            def finish_request(self, request: Any, client_address: Any) -> None:
                if owner.tls is None:
                    super().finish_request(request, client_address)
                    return
                try:
                    with owner.tls.wrap_socket(request, server_side=True) as encrypted:
                        super().finish_request(encrypted, client_address)
                except OSError:
                    pass  # the client trusts it not, or has left

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
