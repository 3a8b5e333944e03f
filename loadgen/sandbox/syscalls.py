"""The Linux system calls that a sandbox is built with and that Python does not have. Each raises OSError.

Used in a sandbox's first process only. Constants are the kernel's (linux/mount.h, prctl.h, capability.h), the same on
every processor.
"""

import ctypes
import os

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC = 2, 4, 8, 4096, 16384
MNT_DETACH = 2
CLONE_NEWUSER = 0x10000000

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 1, 4, 24
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 36, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAP_VERSION_3 = 0x20080522
# mount_setattr has no wrapper before glibc 2.36; its number is the same on every processor but alpha.
_NR_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """mount(2)."""
    _check(
        _libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            None if kind is None else kind.encode(),
            ctypes.c_ulong(flags),
            None if options is None else options.encode(),
        ),
        f"mount {kind or source} on {target}",
    )


def bind(source: str, target: str) -> None:
    """Show what lies at `source`, with everything mounted below it, at `target` too."""
    mount(source, target, None, MS_BIND | MS_REC)


def make_read_only(target: str, *, devices: bool = False, recursive: bool = True) -> None:
    """Nothing at or below this mount can be written or gain privileges; devices: whether device files work there."""
    attributes = _ATTR_RDONLY | _ATTR_NOSUID | (0 if devices else _ATTR_NODEV)
    request = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    _check(
        _libc.syscall(
            ctypes.c_long(_NR_MOUNT_SETATTR),
            ctypes.c_int(_AT_FDCWD),
            ctypes.c_char_p(os.fsencode(target)),
            ctypes.c_uint(flags),
            request,
            ctypes.c_size_t(ctypes.sizeof(request)),
        ),
        f"mount_setattr {target} (Linux 5.12 or newer)",
    )


def pivot_root(new: str, old: str) -> None:
    """pivot_root(2)."""
    _check(_libc.pivot_root(os.fsencode(new), os.fsencode(old)), "pivot_root")


def set_host_name(name: str) -> None:
    """sethostname(2), of this UTS namespace."""
    encoded = name.encode()
    _check(_libc.sethostname(encoded, ctypes.c_size_t(len(encoded))), "sethostname")


def detach(target: str) -> None:
    """Take a mount and all below it out of the tree."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def new_user_namespace() -> None:
    """unshare(CLONE_NEWUSER): every capability in it, none outside."""
    _check(_libc.unshare(CLONE_NEWUSER), "unshare a user namespace")


def die_with_parent(number: int) -> None:
    """Have the kernel send us this signal when the thread that started us is gone."""
    prctl(_PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def stay_inspectable() -> None:
    """Keep /proc/self our own after a change of user, so that the maps of a user namespace can be written."""
    prctl(_PR_SET_DUMPABLE, 1)


def drop_capabilities() -> None:
    """Give up every capability, for whatever is executed from here on too; setuid programs give none either."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) != 0:
            break  # the first one that this kernel does not have
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    _check(
        _libc.capset((ctypes.c_uint32 * 2)(_CAP_VERSION_3, 0), (ctypes.c_uint32 * 6)()),
        "capset",
    )
    no_new_privileges()


def no_new_privileges() -> None:
    """Nothing executed from here on gains privileges."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def prctl(option: int, value: int, third: int = 0) -> None:
    """prctl(2)."""
    unused = ctypes.c_ulong(0)
    _check(_libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(third), unused, unused), f"prctl {option}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
