"""A suite from its first part to its last: runs, writes down, and goes on; one part that fails does not end it.

Knows neither processes nor sockets: how a part is run is its caller's. After each part suite.json is on disk.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loadgen.errors import ExitCode
from loadgen.suite.conclusion import conclude
from loadgen.suite.folder import write_suite
from loadgen.suite.model import Part, Suite

# After one of these the next part would end the same way, or is not wanted.
_ENDS_ALL = (ExitCode.INTERRUPTED, ExitCode.TARGET_UNREACHABLE, ExitCode.BUG, ExitCode.BAD_INPUT)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a suite is run with.

    run: runs a part in a folder that does not exist yet, and returns it as it came out. rest: lets the target come to
    rest between two parts; what to note of it. say: a line for the user. report: makes what people look at of it.
    """

    run: Callable[[Part, Path], Part]
    rest: Callable[[], str | None]
    interrupted: Callable[[], bool]
    say: Callable[[str], None]
    report: Callable[[Suite], None]


def run_suite(suite: Suite, folder: Path, around: Surroundings) -> Suite:
    """Run every part; the suite as it is then. Raises UsageError where a file can't be written."""
    begun = time.monotonic()
    for at, part in enumerate(suite.parts):
        if at and (note := around.rest()):
            suite = msgspec.structs.replace(suite, notes=[*suite.notes, note])
        if around.interrupted():
            break
        around.say(f"part {at + 1} of {len(suite.parts)}: {part.name} ({part.scenario})")
        done = _timed(part, folder / part.name, around)
        around.say(f"  {done.outcome}: {done.reason}")
        suite = _save(suite, at, done, folder, time.monotonic() - begun)
        if done.exit_code in _ENDS_ALL:
            break
    if around.interrupted():
        suite = msgspec.structs.replace(suite, exit_code=int(ExitCode.INTERRUPTED), outcome="cut")
        write_suite(folder, suite)
    around.report(suite)
    return suite


def _timed(part: Part, place: Path, around: Surroundings) -> Part:
    started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    begun = time.monotonic()
    done = around.run(part, place)
    lasted_s = time.monotonic() - begun
    return msgspec.structs.replace(done, folder=place.name, started_at=started_at, duration_s=round(lasted_s, 3))


def _save(suite: Suite, at: int, part: Part, folder: Path, lasted_s: float) -> Suite:
    parts = [*suite.parts[:at], part, *suite.parts[at + 1 :]]
    outcome, code, reason = conclude(parts)
    saved = msgspec.structs.replace(
        suite, parts=parts, duration_s=round(lasted_s, 3), outcome=outcome, exit_code=int(code), reason=reason
    )
    write_suite(folder, saved)
    return saved
