"""The engine's home in a worker process: one OS thread with a uvloop of its own, beside the idle gevent hub.

Orders come from the hub's thread by `post`; nothing here touches gevent.
"""

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

# At the default of 5 ms a busy hub costs the engine 10 ms of ITL p99; at this, 3 to 5 ms.
_SWITCH_INTERVAL_S = 0.0005


class EngineThread:
    """Runs coroutines on a loop in a thread of its own. on_bug is called there with what escapes from them."""

    def __init__(self, on_bug: Callable[[BaseException], None]) -> None:
        self._on_bug = on_bug
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="loadgen-engine", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the thread. Never at import: processes are forked later."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        self._thread.start()

    def post(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine on the loop; does not wait for it."""
        self._loop.call_soon_threadsafe(self._spawn, make)

    def stop(self) -> None:
        """Stop the loop; does not wait for what is running."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _spawn(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = self._loop.create_task(make())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_bug(error)
