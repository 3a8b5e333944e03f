"""Runs of the command line, each in a folder of its own, all ended with the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.command import Command

Start = Callable[..., Command]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `python -m loadgen ARGUMENTS` (and `env`); the n-th call in its own folder n."""
    commands: list[Command] = []

    def make(*arguments: str, env: dict[str, str] | None = None) -> Command:
        commands.append(Command(tmp_path / str(len(commands)), *arguments, env=env))
        return commands[-1]

    try:
        yield make
    finally:
        for command in commands:
            command.end()


@pytest.fixture
def run(start: Start) -> Callable[..., Command]:
    """Starts `loadgen run ARGUMENTS` with the run folder where a test finds it."""

    def make(*arguments: str, env: dict[str, str] | None = None) -> Command:
        return start("run", *arguments, "--out", "run", env=env)

    return make
