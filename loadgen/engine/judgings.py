"""The judging of sessions that have ended: takes real time, and neither the session nor its permit waits for it.

A session's last turn is recorded when the judgement is there, so that it stands in that turn's line; the turn's own
times are those it had. Used by the sessions' runner, which waits for it when it drains.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Final

from loadgen.marks import Marks
from loadgen.metrics.recorder import Recorder
from loadgen.metrics.turn import TurnMeasurement

# Beyond these, ended sessions wait for room and their permits with them: a load that ends sessions faster than they can
# be judged would otherwise pile them up without bound.
MOST_WAITING: Final = 64


class Judgings:
    """Those under way on one worker. adopt: has a task waited for when draining, and cancelled after the grace time."""

    def __init__(self, recorder: Recorder, adopt: Callable[["asyncio.Task[object]"], None]) -> None:
        self._recorder = recorder
        self._adopt = adopt
        self._tasks: set[asyncio.Task[Marks]] = set()

    async def judge(self, measured: TurnMeasurement, judging: Coroutine[None, None, Marks]) -> int:
        """Have it judged and then recorded. When the session ended, in monotonic ns: its turn's end, or when there was
        room for it."""
        task = asyncio.get_running_loop().create_task(judging)
        self._tasks.add(task)
        # A callback, for a task that is cancelled before its first step never runs a line of its own.
        task.add_done_callback(partial(self._judged, measured))
        self._adopt(task)
        if len(self._tasks) <= MOST_WAITING:
            return measured.end_ns
        while len(self._tasks) > MOST_WAITING:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        return time.monotonic_ns()

    def _judged(self, measured: TurnMeasurement, task: "asyncio.Task[Marks]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is None:
            measured.marks = {**(measured.marks or {}), **task.result()}
        self._recorder.record(measured)
