"""Jobs for the sandbox's tests: Python code in a tree, run by whoever keeps the sandboxes."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TypeVar

from loadgen.sandbox.availability import available
from loadgen.sandbox.model import MIB, PYTHON, Job, Limits, Outcome
from loadgen.sandbox.sandboxes import Sandboxes

T = TypeVar("T")
LIMITS = Limits(wall_s=10.0, cpu_s=5.0, memory_bytes=256 * MIB, disk_bytes=4 * MIB, processes=12, output_bytes=4096)


def why_not() -> str | None:
    """Why there can be no sandbox here."""
    return available()


def job(code: str, limits: Limits = LIMITS, *, tree: Mapping[str, bytes] | None = None, **rest: object) -> Job:
    """A job that runs this code as a program."""
    return Job({"main.py": code.encode(), **(tree or {})}, (PYTHON, "-I", "-S", "-B", "main.py"), limits, **rest)  # type: ignore[arg-type]


def with_sandboxes(use: Callable[[Sandboxes], Coroutine[None, None, T]], *, unsafe: bool = False) -> T:
    """What this coroutine makes of sandboxes that are there for it alone."""

    async def main() -> T:
        sandboxes = Sandboxes(2, unsafe=unsafe)
        sandboxes.start()
        try:
            return await use(sandboxes)
        finally:
            sandboxes.close()

    return asyncio.run(main())


def run(code: str, limits: Limits = LIMITS, *, unsafe: bool = False, **rest: object) -> Outcome:
    """The outcome of this code."""
    return with_sandboxes(lambda sandboxes: sandboxes.run(job(code, limits, **rest)), unsafe=unsafe)  # type: ignore[arg-type]
