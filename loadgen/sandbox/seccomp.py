"""Doors of the kernel that namespaces leave open and that no test needs, closed by a filter of system calls.

Called by a sandbox's child once it can gain no privileges any more; holds for all that comes of it. What is refused
fails with EPERM. A list of what is forbidden and not of what is allowed: the latter would have to follow every libc.
"""

import ctypes
import os
import struct
from collections.abc import Iterator, Mapping
from typing import Final

from loadgen.sandbox import syscalls

# How the kernel names a processor's convention for system calls (linux/audit.h), and its place in the table below.
_PROCESSORS: Final[Mapping[str, tuple[int, int]]] = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# Memory that no process holds, so that no limit of the sandbox counts it; keys, which hang on the session that the
# worker was started in and on no namespace; the kernel's log; and what has let code out of kernels more than once.
_FORBIDDEN: Final[Mapping[str, tuple[int, int]]] = {
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "syslog": (103, 116),
    "io_uring_setup": (425, 425),
    "userfaultfd": (323, 282),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
}
_PRLIMIT, _SOCKET = (302, 261), (41, 198)
# Local, Internet and netlink sockets end at the network namespace. Those to the hypervisor (vsock), to the kernel's
# ciphers and the rest do not, or have no use.
_FAMILIES: Final = (1, 2, 10, 16)
# Of struct seccomp_data: the call's number, the convention, the lower half of the first argument (little-endian).
_NUMBER, _AUDIT, _FIRST = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refused with errno 1
# x86-64's second table of the same calls.
_X32 = 0x40000000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def install() -> None:
    """Close the doors for this process and its children. Raises OSError where that can't be done."""
    machine = os.uname().machine
    if machine not in _PROCESSORS:
        raise OSError(f"no filter of system calls for {machine} (there is one for {', '.join(_PROCESSORS)})")
    code = b"".join(_instructions(*_PROCESSORS[machine]))
    program = _Program(len(code) // 8, code)
    try:
        syscalls.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(program))
    except OSError as error:
        raise OSError(f"this kernel takes no filter of system calls (seccomp): {error}") from error


def _instructions(convention: int, place: int) -> Iterator[bytes]:
    """The filter: every step goes on to the next one, or ends it right there."""
    yield _step(_LOAD, _AUDIT)
    yield _step(_EQUAL, convention, 1, 0)
    yield _step(_RETURN, _KILL)
    yield _step(_LOAD, _NUMBER)
    yield from _refuse_if(_AT_LEAST, _X32)
    for numbers in _FORBIDDEN.values():
        yield from _refuse_if(_EQUAL, numbers[place])
    # Of its own user's processes, whose limits a process may change, the sandbox's first is one.
    yield from _first_argument_in(_PRLIMIT[place], (0,))
    yield from _first_argument_in(_SOCKET[place], _FAMILIES)
    yield _step(_RETURN, _ALLOW)


def _refuse_if(test: int, value: int) -> Iterator[bytes]:
    yield _step(test, value, 0, 1)
    yield _step(_RETURN, _REFUSE)


def _first_argument_in(call: int, allowed: tuple[int, ...]) -> Iterator[bytes]:
    """Refuse this call with any other first argument, and allow it with one of these."""
    yield _step(_EQUAL, call, 0, len(allowed) + 3)
    yield _step(_LOAD, _FIRST)
    for place, value in enumerate(allowed):
        yield _step(_EQUAL, value, len(allowed) - place, 0)
    yield _step(_RETURN, _REFUSE)
    yield _step(_RETURN, _ALLOW)


def _step(code: int, value: int, where_true: int = 0, where_false: int = 0) -> bytes:
    """struct sock_filter: an instruction, and how many to skip where its test holds or does not."""
    return struct.pack("=HBBI", code, where_true, where_false, value)
