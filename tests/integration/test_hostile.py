"""A server that means harm, through a real `loadgen run`: each attack costs one failed turn and bounded memory."""

import gzip
import itertools
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.command import Command, Finished, closed_load, write_scenario
from tests.support.raw_server import RawServer, good
from tests.support.waiting import wait_for

MIB = 1024 * 1024
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BOMB = gzip.compress(bytes(256 * MIB), compresslevel=9)
A_GIGABYTE = b"%x\r\n" % (1024 * MIB)


def _endless(head: bytes, piece: bytes) -> Iterable[bytes]:
    return itertools.chain([head], itertools.repeat(piece))


def _attack(name: str) -> Iterable[bytes]:
    block = b"x" * MIB
    chunk = b"%x\r\n%b\r\n" % (len(block), block)
    match name:
        case "endless headers":
            return _endless(b"HTTP/1.1 200 OK\r\n", b"X-Header: y\r\n" * 1000)
        case "endless header line":
            return _endless(b"HTTP/1.1 200 OK\r\nX-Header: ", block)
        case "endless line of an event":
            return _endless(STREAM + b"Transfer-Encoding: chunked\r\n\r\n", chunk)
        case "endless event":
            return _endless(STREAM + b"\r\n", b"data: xxxxxxxx\n" * 10_000)
        case "endless chunk extensions":
            return _endless(STREAM + b"Transfer-Encoding: chunked\r\n\r\n1;", block)
        case "endless trailers":
            return _endless(JSON + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X-Trailer: y\r\n" * 1000)
        case "gzip bomb":
            return [JSON + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB), BOMB]
        case "gzip bomb in a stream":
            return [STREAM + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n", BOMB]
        case "a chunk of 1 GB":
            return _endless(JSON + b"Transfer-Encoding: chunked\r\n\r\n" + A_GIGABYTE, block)
        case "an error of 1 GB":
            error = b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n" + A_GIGABYTE
            return _endless(error, block)
        case "comments for ever":
            return _endless(STREAM + b"\r\n", b": wait\n\n" * 100)
        case _:  # chunk sizes that overflow
            return [STREAM + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 1000]


# Each attack's class. Those that time out would go on for ever and hold no memory while they do.
ATTACKS = {
    "endless headers": "invalid_response",
    "endless header line": "invalid_response",
    "endless line of an event": "invalid_response",
    "endless chunk extensions": "invalid_response",
    "endless trailers": "invalid_response",
    "gzip bomb": "invalid_response",
    "gzip bomb in a stream": "invalid_response",
    "a chunk of 1 GB": "invalid_response",
    "an error of 1 GB": "http_5xx",
    "comments for ever": "timeout",
    "chunk sizes that overflow": "invalid_response",
}
NAMES = [*ATTACKS, "endless event"]
# What aiohttp's parser reads without bound and without keeping it is ended by the turn's own limit.
BY_AIOHTTP = {"endless chunk extensions": "timeout"}
# A worker at rest holds some 130 MB; a body or an event that is refused as too long adds its limit a few times over.
PEAK_BYTES = 450 * MIB


def _answer(number: int, head: bytes) -> Iterable[bytes]:
    """The preflight is answered well, then one attack after the other, each followed by a good reply."""
    at, attacked = divmod(number - 1, 2)
    if number > 0 and attacked == 0 and at < len(NAMES):
        return _attack(NAMES[at])
    return [good()]


def _peak_bytes(command: Command) -> int:
    """The most memory that a worker has held so far."""
    peak = 0
    for pid in command.pids("worker"):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:  # gone meanwhile
            continue
        peak = max(peak, next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0))
    return peak * 1024


@pytest.mark.parametrize("transport", ["http11", "aiohttp"])
def test_each_attack_costs_one_turn_and_bounded_memory(tmp_path: Path, transport: str) -> None:
    with RawServer(_answer) as server:
        scenario = write_scenario(
            tmp_path,
            target={"base_url": server.url, "timeout": {"total": "2s"}, "transport": transport},
            load=closed_load(1, "60s", grace="1s"),
        )
        command = Command(tmp_path, "run", scenario, "--workers", "1", "--out", "run")
        peak = 0
        try:
            wait_for(lambda: len(server.heads) > 1 + 2 * len(NAMES), "every attack has been made", 50.0)
            peak = _peak_bytes(command)
            command.signal(signal.SIGINT)
            finished = command.wait()
        finally:
            command.end()
    _assert_survived(finished, transport)
    assert 0 < peak < PEAK_BYTES


def _assert_survived(finished: Finished, transport: str) -> None:
    assert "Traceback" not in finished.output
    assert finished.summary["run"]["transport"] == transport
    # One turn after the other: attacks and good replies take turns until all attacks are over.
    records = sorted(finished.records, key=lambda record: record["send_s"])[: 2 * len(NAMES)]
    struck, spared = records[::2], records[1::2]
    assert {record["outcome"] for record in spared} == {"ok"}
    outcomes = dict(zip(NAMES, (record["outcome"] for record in struck), strict=True))
    # Half a million lines of one event take a second to walk through, or what is left of the limit.
    assert outcomes.pop("endless event") in ("invalid_response", "timeout")
    assert outcomes == ATTACKS | (BY_AIOHTTP if transport == "aiohttp" else {})
    assert finished.summary["requests"]["failed"] == len(NAMES)
    assert all(len(record["error"]) <= 200 for record in struck)
