"""Builds the wheel by way of the sdist, installs it where nothing else is, and runs it: `make wheel-smoke`.

A script rather than a test: the environment that runs it holds the checkout, and must not be what is measured. What it
shows is that the wheel is complete: the shipped scenarios, the data files, every module that a run needs, and nothing
that only the locked development dependencies would have.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Collection, Sequence
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
_INSTALL_TIMEOUT_S = 300.0
# The run is of 3 s; the rest is for a machine that does other things besides.
_COMMAND_TIMEOUT_S = 60.0
# A machine that builds other things at the same time may well starve the generator: the certificate is then right to
# say so (exit code 4), and the wheel no less complete.
_RAN = (0, 4)
_SHORT = ("--duration", "2s", "--set", "load.stages.warmup.duration=1s")


class SmokeError(Exception):
    """The wheel does not do what it should; the text says what."""


def _call(arguments: Sequence[str | Path], folder: Path, timeout_s: float, accepted: Collection[int] = (0,)) -> str:
    """Run a command in a folder, with nothing of the checkout in its environment; its output.

    Raises SmokeError for an exit code that is not accepted.
    """
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        arguments,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode not in accepted:
        command = " ".join(map(str, arguments))
        raise SmokeError(f"{command}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def _build(into: Path) -> Path:
    """The wheel, built from the sdist that is built from the checkout."""
    arguments: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation", "--outdir", into, _CHECKOUT]
    _call(arguments, into.parent, _INSTALL_TIMEOUT_S)
    (wheel,) = into.glob("*.whl")
    return wheel


def _install(wheel: Path, environment: Path) -> Path:
    """An environment with the runtime lock and the wheel and nothing else; its folder of commands."""
    venv.create(environment)
    commands = environment / "bin"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", commands / "python", "install", "-qq"]
    # Most of an installation's time goes into compiling modules that this run never imports.
    pip += ["--disable-pip-version-check", "--no-compile"]
    lock = _CHECKOUT / "requirements" / "runtime.txt"
    _call([*pip, "--require-hashes", "-r", lock], environment, _INSTALL_TIMEOUT_S)
    _call([*pip, "--no-deps", wheel], environment, _INSTALL_TIMEOUT_S)
    return commands


def _run(loadgen: Path, folder: Path) -> int:
    """What a new user does first, in a folder of theirs; the turns that went well. Raises SmokeError."""
    _call([loadgen, "--version"], folder, _COMMAND_TIMEOUT_S)
    _call([loadgen, "validate", "quickstart"], folder, _COMMAND_TIMEOUT_S)
    command: list[str | Path] = [loadgen, "run", "quickstart", *_SHORT, "--out", "out"]
    printed = _call(command, folder, _COMMAND_TIMEOUT_S, accepted=_RAN)
    summary = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))
    ok: int = summary["requests"]["ok"]
    if ok == 0:
        raise SmokeError(f"no turn went well:\n{printed}")
    return ok


def main() -> int:
    """The script: exit code 0, or 1 with what went wrong."""
    with tempfile.TemporaryDirectory(prefix="loadgen-smoke-") as name:
        folder = Path(name)
        try:
            wheel = _build(folder / "dist")
            commands = _install(wheel, folder / "empty")
            home = folder / "somewhere"
            home.mkdir()
            ok = _run(commands / "loadgen", home)
        except (SmokeError, subprocess.TimeoutExpired) as error:
            sys.stderr.write(f"wheel smoke test failed: {error}\n")
            return 1
        sys.stdout.write(f"{wheel.name}: installed in an empty environment, {ok} turns ok\n")
        return 0


if __name__ == "__main__":
    sys.exit(main())
