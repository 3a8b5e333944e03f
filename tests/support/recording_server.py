"""A chat server that keeps every request it got and answers as it is told: what the real ones will not do on demand."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Received:
    """One chat request: when it was read (time.monotonic_ns) and answered, its path, its headers and its body."""

    at_ns: int
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class RecordingServer:
    """A context manager, serving from threads of this process. `url` ends in no slash.

    models: what /v1/models lists. usage: whether counts are told. status: of every chat reply. text: the pieces of
    an answer, a chunk each. holds: chat requests get no answer until the server is closed; holds_after: all but so many
    of the first. failures: statuses and headers of the first replies, before the others are as they should be.
    owned_by, pages, server: what the server says of itself in /v1/models, at other paths, and in its Server header.
    """

    models: tuple[str, ...] = ("recorded",)
    status: int = 200
    text: tuple[str, ...] = ("A ", "short ", "answer.")
    holds: bool = False
    holds_after: int | None = None
    usage: bool = True
    failures: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    owned_by: str | None = None
    pages: dict[str, Any] = field(default_factory=dict)
    server: str = "recording"
    requests: list[Received] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._closing = threading.Event()
        self._failures = list(self.failures)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def prompts(self) -> list[list[dict[str, Any]]]:
        """The messages of every request, in the order they came."""
        return [request.body["messages"] for request in self.requests]

    def _reply(self, received: Received) -> tuple[int, str, bytes, dict[str, str]]:
        if self.holds or (self.holds_after is not None and len(self.requests) > self.holds_after):
            self._closing.wait()
        status, headers = self._failures.pop(0) if self._failures else (self.status, {})
        if status != 200:
            error = b'{"error": {"message": "no luck today", "type": "server_error"}}'
            return status, "application/json", error, headers
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in self.text]
        events: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": len(json.dumps(received.body)) // 4, "completion_tokens": len(self.text)}
        if self.usage:
            events.append({"choices": [], "usage": usage})
        body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
        return 200, "text/event-stream", body + b"data: [DONE]\n\n", {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                listed = [{"id": name, "object": "model", "owned_by": owner.owned_by} for name in owner.models]
                page = {"data": listed} if self.path == "/v1/models" else owner.pages.get(self.path)
                self._send(200 if page else 404, "application/json", json.dumps(page).encode(), {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                received = Received(time.monotonic_ns(), self.path, dict(self.headers), body)
                owner.requests.append(received)
                self._send(*owner._reply(received))

            def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def version_string(self) -> str:
                return owner.server

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    self.close_connection = True  # the client hung up, as it may

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: a test's output is its own."""

        return Handler
