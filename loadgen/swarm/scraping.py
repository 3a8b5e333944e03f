"""Answers scrapes: a small HTTP server that returns bytes made beforehand.

In a thread of its own, with plain sockets: neither a slow scraper nor a hub that is busy with its reports keeps the
other waiting. Nothing is rendered here, so a scrape costs the master a copy to a socket.
"""

import socket
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from loadgen.errors import UsageError
from loadgen.outputs.prometheus.text import SCRAPE_TYPE

PATH = "/metrics"
_IDLE_S = 120.0  # scrapers keep their connection for longer than any usual interval
_POLL_S = 0.05
_INTERVALS = 5


class _Page(NamedTuple):
    number: int
    body: bytes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    server: "_Server"

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self._send(404, "text/plain; charset=utf-8", f"metrics are at {PATH}\n".encode())
            return
        page = self.server.page
        self._send(200, SCRAPE_TYPE, page.body)
        self.server.note_scrape(page)

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are no news."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.page = _Page(0, b"")
        self.scrapes = 0
        self.taken = -1
        # A scrape that came late is followed by the next one soon: the longest of the last few is the scraper's.
        self._intervals_s: deque[float] = deque(maxlen=_INTERVALS)
        self._last_s: float | None = None
        self._noting = threading.Lock()
        super().__init__((host, port), _Handler)

    @property
    def interval_s(self) -> float | None:
        with self._noting:
            return max(self._intervals_s, default=None)

    def note_scrape(self, page: _Page) -> None:
        with self._noting:
            now_s = time.monotonic()
            if self._last_s is not None:
                self._intervals_s.append(now_s - self._last_s)
            self._last_s = now_s
            self.scrapes += 1
            self.taken = max(self.taken, page.number)

    def handle_error(self, request: object, client_address: object) -> None:
        """A scraper that left in mid-answer is its own business, and no traceback for the user."""


class ScrapeServer:
    """Listens from its making to `close`; serves an empty page at first."""

    def __init__(self, host: str, port: int) -> None:
        """port: 0 for a free one. Raises UsageError where it can't listen there."""
        try:
            self._server = _Server(host, port)
        except OSError as error:
            raise UsageError(
                f"Prometheus can't be served on {host}:{port}: {error.strerror or error}; "
                "name another with --prometheus-port or --prometheus-host"
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="scrapes", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the text is."""
        host, port = self._server.server_address[:2]
        shown = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{shown}:{port}{PATH}"

    @property
    def scrapes(self) -> int:
        """How many have been answered."""
        return self._server.scrapes

    @property
    def interval_s(self) -> float | None:
        """The longest time between two of the last few scrapes; None before there were two."""
        return self._server.interval_s

    @property
    def is_taken(self) -> bool:
        """Whether what is shown now has been scraped."""
        return self._server.taken >= self._server.page.number

    def show(self, body: bytes) -> None:
        """Serve this from now on."""
        self._server.page = _Page(self._server.page.number + 1, body)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
