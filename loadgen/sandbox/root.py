"""A sandbox's file system, built by its first process: what is not listed here is not there.

/usr, /lib...   read-only, the parts that programs need; packages installed beside them are covered
the interpreter read-only, at the path where it lies
/aside          read-only, files that came with the job
/work /tmp      writable, in memory, together no more than the job's disk_bytes
/dev            null, zero, full, random, urandom, shm
/proc           the sandbox's own processes and nothing of the machine
"""

import os
from collections.abc import Iterable, Mapping, Sequence

from loadgen.sandbox import syscalls

# One that every system has. The mount is private, so nobody else sees it.
_STAGE = "/tmp"  # noqa: S108
_OLD = "/.old"
_STORE = "/.store"
# The command's home and place for temporary files.
HOME = "/tmp"  # noqa: S108
_DEVICES = ("null", "zero", "full", "random", "urandom")
_TOP_LEVEL = ("/bin", "/lib", "/lib32", "/lib64")
_FLAGS = syscalls.MS_NOSUID | syscalls.MS_NODEV
# A file of a byte takes a page, and so does every directory.
_PAGE = 4096


def enter(shown: Sequence[str], covered: Sequence[str], aside: Mapping[str, bytes], disk_bytes: int, owner: int) -> int:
    """Make such a root ours and leave the machine's for good. Its TREE belongs to user `owner` and is the working
    directory afterwards.

    shown: directories of the machine to show read-only. covered: directories in them to hide. Returns a descriptor of
    a /proc with everything in it, which the new root does not have. Raises OSError where the system does not let us.
    """
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    syscalls.mount("tmpfs", _STAGE, "tmpfs", _FLAGS, "mode=755,size=8m")
    os.mkdir(_STAGE + _OLD)
    syscalls.pivot_root(_STAGE, _STAGE + _OLD)
    os.chdir("/")
    _show(shown)
    for place in covered:
        if os.path.isdir(place):
            syscalls.mount("tmpfs", place, "tmpfs", _FLAGS, "mode=755,size=4k,nr_inodes=2")
            syscalls.make_read_only(place)
    _devices()
    _etc()
    for name, content in aside.items():
        _write(f"/aside/{name}", content)
    os.mkdir("/proc")
    # In a user namespace this needs a /proc with nothing hidden in sight, so it comes before the old root goes.
    syscalls.mount("proc", "/proc", "proc", _FLAGS | syscalls.MS_NOEXEC, "subset=pid")
    syscalls.detach(_OLD)
    os.rmdir(_OLD)
    _writable(disk_bytes, owner)
    syscalls.make_read_only("/", devices=True, recursive=False)
    os.chdir("/work")
    return proc


def _show(places: Iterable[str]) -> None:
    for link in _TOP_LEVEL:
        old = _OLD + link
        if os.path.islink(old):
            os.symlink(os.readlink(old), link)
        elif os.path.isdir(old):
            _bind(link)
    for place in places:
        if os.path.isdir(_OLD + place) and not os.path.isdir(place):
            _bind(place)


def _bind(place: str) -> None:
    os.makedirs(place)
    syscalls.bind(_OLD + place, place)
    syscalls.make_read_only(place)


def _devices() -> None:
    os.mkdir("/dev")
    for name in _DEVICES:
        _write(f"/dev/{name}", b"")
        syscalls.bind(f"{_OLD}/dev/{name}", f"/dev/{name}")
    os.symlink("/proc/self/fd", "/dev/fd")


def _etc() -> None:
    _write("/etc/passwd", b"root:x:0:0::/:/bin/false\nsandbox:x:1000:1000::/tmp:/bin/sh\n")
    _write("/etc/group", b"root:x:0:\nsandbox:x:1000:\n")
    cache = f"{_OLD}/etc/ld.so.cache"
    if os.path.isfile(cache):
        _write("/etc/ld.so.cache", b"")
        syscalls.bind(cache, "/etc/ld.so.cache")
        syscalls.make_read_only("/etc/ld.so.cache")


def _writable(disk_bytes: int, owner: int) -> None:
    """One file system for all that can be written, so that one limit holds for it."""
    os.mkdir(_STORE)
    files = max(64, disk_bytes // _PAGE)
    syscalls.mount("tmpfs", _STORE, "tmpfs", _FLAGS, f"mode=755,size={disk_bytes},nr_inodes={files}")
    for place in ("/work", "/tmp", "/dev/shm"):  # noqa: S108
        part = _STORE + "/" + place.rsplit("/", 1)[-1]
        os.mkdir(part)
        os.chown(part, owner, owner if owner else -1)
        os.mkdir(place)
        syscalls.bind(part, place)
    os.chmod(_STORE, 0o700)


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
