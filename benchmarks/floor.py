"""The bare client: a uvloop Protocol with httptools and nothing else. Its cost is the floor for any generator here.

Run as a process of its own, beside loadgen and against the same server. N streams, each sending its next request as
soon as the last reply has ended; it takes the time of every read in `data_received` and does nothing with it until the
load is over. Prints its measurements as one JSON object. Imports nothing of loadgen.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from operator import sub
from typing import Any, NamedTuple, cast

import httptools
import uvloop


class Reply(NamedTuple):
    """One request: monotonic ns of its send and of each read that brought an SSE event, the role's included."""

    stream: int
    sent_ns: int
    stamps: list[int]


class Stream(asyncio.Protocol):
    """One connection that sends the same request again and again."""

    def __init__(self, load: "Load", number: int) -> None:
        self._load = load
        self._number = number
        self._parser = httptools.HttpResponseParser(self)
        self._now = 0
        self._sent_ns = 0
        self._stamps: list[int] = []
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        self._stamps = []
        self._sent_ns = time.monotonic_ns()
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        self._now = time.monotonic_ns()
        self._parser.feed_data(data)

    def on_body(self, _body: bytes) -> None:
        self._stamps.append(self._now)

    def on_message_complete(self) -> None:
        self._load.replies.append(Reply(self._number, self._sent_ns, self._stamps))
        if self._now < self._load.until_ns:
            self._send()
        else:
            self._over = True
            self._transport.close()
            self._load.ended()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._over:
            self._load.broken(exc)


class Load:
    """All streams of one run; `done` is set when the last of them has ended, and fails with the first that breaks."""

    def __init__(self, request: bytes, streams: int) -> None:
        self.request = request
        self.replies: list[Reply] = []
        self.until_ns = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running = streams

    def ended(self) -> None:
        """A stream has had its last reply."""
        self._running -= 1
        if not self._running:
            self.done.set_result(None)

    def broken(self, error: Exception | None) -> None:
        """A connection was lost in the middle of a reply: there is nothing to measure any more."""
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed a connection"))


async def load(options: argparse.Namespace) -> list[Reply]:
    """Start the streams evenly over the ramp, and wait for the last reply of each."""
    loop = asyncio.get_running_loop()
    run = Load(_request(options.host, options.port, options.script), options.streams)
    run.until_ns = time.monotonic_ns() + round(options.duration_s * 1e9)
    connecting: list[asyncio.Task[Any]] = []

    def connect(number: int) -> None:
        made = loop.create_connection(lambda: Stream(run, number), options.host, options.port)
        connecting.append(loop.create_task(made))

    for number in range(options.streams):
        loop.call_later(options.ramp_s * number / options.streams, connect, number)
    await run.done
    await asyncio.gather(*connecting)
    return run.replies


def _request(host: str, port: int, script: str) -> bytes:
    """The same size and shape as loadgen's own request for this scenario."""
    text = "Explain to a beginner what this text says: " + "the time of a read is taken before anything else " * 2
    body = {
        "model": "scripted",
        "stream": True,
        "stream_options": {"include_usage": True},
        "x_script": json.loads(script),
        "messages": [{"role": "user", "content": text}],
    }
    data = json.dumps(body, separators=(",", ":")).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


def measured(replies: list[Reply], chunks: int) -> dict[str, Any]:
    """Per request its stream, send, first output and end; every gap between successive outputs, sorted.

    A reply of n chunks is the role's event, n outputs, and the finish, usage and [DONE] events. Raises RuntimeError for
    one that came in other pieces: its outputs could not be told from the rest.
    """
    gaps: list[int] = []
    requests = []
    for reply in replies:
        if len(reply.stamps) != chunks + 4:
            raise RuntimeError(f"a reply of {chunks} chunks came in {len(reply.stamps)} pieces instead of {chunks + 4}")
        outputs = reply.stamps[1 : chunks + 1]
        gaps += map(sub, outputs[1:], outputs)
        requests.append((reply.stream, reply.sent_ns, outputs[0], reply.stamps[-1]))
    return {"requests": requests, "gaps_ns": sorted(gaps)}


def main() -> int:
    """Run the load, print what was measured; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--ramp-s", type=float, default=0.0, help="the streams start evenly over this")
    parser.add_argument("--duration-s", type=float, required=True, help="no request is begun after it")
    parser.add_argument("--chunks", type=int, required=True, help="output chunks a reply, as the script has it")
    parser.add_argument("--script", default="{}", help="the reply's script, a JSON object")
    options = parser.parse_args()
    gc.disable()
    replies = uvloop.run(load(options))
    json.dump(measured(replies, options.chunks), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
