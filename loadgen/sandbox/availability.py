"""Whether this machine can isolate what a model wrote, found out by doing it once; and what to do where it can't."""

import contextlib
import os
import socket
from pathlib import Path

from loadgen.sandbox.frames import exactly, unpack
from loadgen.sandbox.launch import missing_program, outcome_of, place_here
from loadgen.sandbox.model import PYTHON, Job

_TRIAL = Job({"tried.py": b"print('works')\n"}, (PYTHON, "-I", "-S", "tried.py"))
_TRIAL_S = 20.0
_DOCKER = (
    "in a container give it `security_opt: [seccomp=unconfined, apparmor=unconfined, systempaths=unconfined]`, for "
    "Docker's default profiles forbid unshare, mount and pivot_root (docs/sandbox.md)"
)
_INSTEAD = "or say `sandbox: unsafe` in the scenario where the code is trusted"


def available() -> str | None:
    """Why no sandbox can be had here, and what would help; None where one was had. Takes 0.1 s."""
    problem = missing_program() or _try()
    if problem is None:
        return None
    return f"{problem}; {_advice()}"


def _try() -> str | None:
    try:
        process, channel = place_here(isolated=True).start(tied=False)
    except OSError as error:
        return f"unshare can't be started: {error.strerror}"
    with process, channel:
        problem = _trial(channel)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        assert process.stderr is not None
        said = process.stderr.read().decode(errors="replace").strip().splitlines()
    return problem if problem is None or not said else f"{said[-1]}"


def _trial(channel: socket.socket) -> str | None:
    channel.settimeout(_TRIAL_S)
    place = place_here(isolated=True)
    try:
        channel.sendall(place.order(_TRIAL))
        outcome = outcome_of(*unpack(exactly(channel.recv)), queued_s=0.0)
    except (OSError, EOFError) as error:
        return str(error) or "the sandbox ended at its start"
    if outcome.exit_code != 0 or outcome.output != b"works\n":
        return f"Python does not run in it: {outcome.output.decode(errors='replace').strip()[-200:]}"
    return None


def _advice() -> str:
    """What keeps user namespaces from this user, as far as the system tells."""
    told = []
    if _sysctl("kernel/unprivileged_userns_clone") == "0" and os.geteuid() != 0:
        told.append("`sysctl kernel.unprivileged_userns_clone=1` lets users make namespaces")
    if _sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1" and os.geteuid() != 0:
        told.append("`sysctl kernel.apparmor_restrict_unprivileged_userns=0` lifts AppArmor's ban on them")
    if _sysctl("user/max_user_namespaces") == "0":
        told.append("`sysctl user.max_user_namespaces=10000` allows some")
    return "; ".join([*told, _DOCKER, _INSTEAD])


def _sysctl(name: str) -> str | None:
    try:
        return Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return None
