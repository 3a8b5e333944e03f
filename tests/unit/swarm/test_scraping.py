"""The scrape server: ready bytes for whoever asks, whatever another scraper does."""

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from loadgen.errors import UsageError
from loadgen.swarm.scraping import ScrapeServer
from tests.support.waiting import wait_for


@pytest.fixture
def server() -> Iterator[ScrapeServer]:
    serving = ScrapeServer("127.0.0.1", 0)
    try:
        yield serving
    finally:
        serving.close()


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as reply:
        assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        body: bytes = reply.read()
        return body


def test_a_scrape_returns_what_is_shown(server: ScrapeServer) -> None:
    assert fetch(server.url) == b""
    # A scrape is counted once it has been sent: by then the scraper may have read it.
    wait_for(lambda: server.scrapes == 1, "the scrape counted")
    server.show(b"loadgen_run_info 1\n")
    before = server.is_taken
    assert fetch(server.url) == b"loadgen_run_info 1\n"
    assert not before
    wait_for(lambda: server.is_taken, "what is shown has been taken")
    assert server.scrapes == 2
    assert server.interval_s is not None


def test_a_scraper_that_reads_nothing_keeps_nobody_waiting(server: ScrapeServer) -> None:
    body = b"#" * 30_000_000  # more than the sockets hold
    server.show(body)
    address = urlsplit(server.url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 0)) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert fetch(server.url) == body
        wait_for(lambda: server.scrapes == 1, "the scrape counted")


def test_a_scrape_that_came_late_does_not_make_the_interval_short(
    server: ScrapeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, 1.0, 2.9, 3.0])
    monkeypatch.setattr("loadgen.swarm.scraping.time.monotonic", lambda: next(times))
    for number in range(4):
        server._server.note_scrape(server._server.page)
        assert server.interval_s == (None, 1.0, 1.9, 1.9)[number]


def test_elsewhere_there_is_nothing(server: ScrapeServer) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        fetch(server.url.removesuffix("/metrics"))
    assert b"/metrics" in refused.value.read()
    refused.value.close()
    assert server.scrapes == 0


def test_a_port_in_use_is_a_mistake_to_be_told(server: ScrapeServer) -> None:
    port = urlsplit(server.url).port
    assert port is not None
    with pytest.raises(UsageError, match=f"127.0.0.1:{port}.*--prometheus-port"):
        ScrapeServer("127.0.0.1", port)
