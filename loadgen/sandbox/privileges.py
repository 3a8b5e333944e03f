"""What the command of a sandbox may still do: nothing that its user could not, and no more of anything than its limits.

Runs in the forked child, right before the command takes its place.
"""

import contextlib
import os
import resource
from collections.abc import Mapping
from typing import Any

from loadgen.sandbox import seccomp, syscalls

# Whom the command takes itself for.
INNER_USER = 1000
_FILES = 256
# The kernel's limit counts whole seconds of one process; the sandbox's own watch counts all of them, more finely.
_SPARE_CPU_S = 2


def limit(limits: Mapping[str, Any], *, count_processes: bool) -> None:
    """The kernel's own limits. count_processes: only where the user has no processes but these."""
    memory = int(limits["memory_bytes"])
    _set(resource.RLIMIT_AS, memory)
    _set(resource.RLIMIT_CPU, int(limits["cpu_s"]) + _SPARE_CPU_S)
    _set(resource.RLIMIT_FSIZE, int(limits["disk_bytes"]))
    _set(resource.RLIMIT_NOFILE, _FILES)
    _set(resource.RLIMIT_CORE, 0)
    if count_processes:
        _set(resource.RLIMIT_NPROC, int(limits["processes"]))


def become_nobody(proc: int, user: int | None) -> None:
    """Leave every privilege behind. proc: a descriptor of a whole /proc; user: whom to become, None to stay.

    A user namespace of its own, so that no first process and no mount of the sandbox is the command's to touch, and
    none within it, so that it gains nothing by making one.
    """
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        syscalls.stay_inspectable()
    me, group = os.geteuid(), os.getegid()
    try:
        syscalls.new_user_namespace()
    except OSError:
        # Where root may make namespaces and a mere user may not: it is such a user now, and can make none either.
        if user is None:
            raise
    else:
        _write(proc, "self/setgroups", "deny")
        _write(proc, "self/uid_map", f"{INNER_USER} {me} 1")
        _write(proc, "self/gid_map", f"{INNER_USER} {group} 1")
        with contextlib.suppress(OSError):
            _write(proc, "sys/user/max_user_namespaces", "0")
    syscalls.drop_capabilities()
    seccomp.install()


def _set(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (bound, bound))


def _write(proc: int, name: str, text: str) -> None:
    descriptor = os.open(name, os.O_WRONLY, dir_fd=proc)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
