"""The simulator's life as a server: listening, driving the engine, stopping. Called by command.py."""

import asyncio
import contextlib
import difflib
import os
import signal
import sys
from collections.abc import Callable

import uvloop
from aiohttp import web

from loadgen.errors import UsageError
from loadgen.simulator.server import Simulator
from loadgen.simulator.settings import Settings
from loadgen.simulator.timing import PROFILES, Profile

_BACKLOG = 4096
# A client may hold a connection through a long think time.
_KEEP_ALIVE_S = 300.0
_SHUTDOWN_S = 0.2


def profile_named(name: str) -> Profile:
    """The profile of that name. Raises UsageError with the accepted names."""
    if name in PROFILES:
        return PROFILES[name]
    near = difflib.get_close_matches(name, PROFILES, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"There is no simulator profile {name!r}; choose one of {', '.join(PROFILES)}.{hint}")


def serve(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    on_ready: Callable[[int], None],
    exit_with_stdin: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM, or the end of stdin where asked for; from the main thread.

    port: 0 takes a free one. on_ready is called once with the port, when connections are accepted. Raises UsageError
    for a port that is taken.
    """

    async def run() -> None:
        await _serve(Simulator(settings), host, port, on_ready, exit_with_stdin)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def _serve(simulator: Simulator, host: str, port: int, on_ready: Callable[[int], None], stdin: bool) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if stdin:
        loop.add_reader(sys.stdin.fileno(), _read_stdin, stop)
    runner = web.AppRunner(
        simulator.app(),
        access_log=None,
        handle_signals=False,
        handler_cancellation=True,
        keepalive_timeout=_KEEP_ALIVE_S,
        shutdown_timeout=_SHUTDOWN_S,
    )
    await runner.setup()
    driver = loop.create_task(simulator.drive())
    try:
        await web.TCPSite(runner, host, port, backlog=_BACKLOG).start()
        on_ready(runner.addresses[0][1])
        stopping = loop.create_task(stop.wait())
        await asyncio.wait({stopping, driver}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    except OSError as error:
        hint = "Choose another port, or 0 for a free one."
        raise UsageError(f"The simulator cannot listen on {host}:{port} ({error.strerror}). {hint}") from error
    finally:
        await runner.cleanup()
        driver.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await driver


def _read_stdin(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        stop.set()
