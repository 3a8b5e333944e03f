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
    """One chat request: when it was read (time.monotonic_ns) and answered, its headers and its body."""

    at_ns: int
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class RecordingServer:
    """A context manager, serving from threads of this process. `url` ends in no slash.

    models: what /v1/models lists. status: of every chat reply. text: the pieces of an answer, a chunk each. holds:
    chat requests get no answer until the server is closed.
    """

    models: tuple[str, ...] = ("recorded",)
    status: int = 200
    text: tuple[str, ...] = ("A ", "short ", "answer.")
    holds: bool = False
    requests: list[Received] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._closing = threading.Event()
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

    def _reply(self, received: Received) -> tuple[int, str, bytes]:
        if self.holds:
            self._closing.wait()
        if self.status != 200:
            return self.status, "application/json", b'{"error": {"message": "no luck today", "type": "server_error"}}'
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in self.text]
        events: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": len(json.dumps(received.body["messages"])) // 4, "completion_tokens": len(self.text)}
        events.append({"choices": [], "usage": usage})
        body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
        return 200, "text/event-stream", body + b"data: [DONE]\n\n"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                listed = {"data": [{"id": name, "object": "model"} for name in owner.models]}
                self._send(200, "application/json", json.dumps(listed).encode())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                received = Received(time.monotonic_ns(), dict(self.headers), body)
                owner.requests.append(received)
                self._send(*owner._reply(received))

            def _send(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    self.close_connection = True  # the client hung up, as it may

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: a test's output is its own."""

        return Handler
