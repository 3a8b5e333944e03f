"""Where processes listen, read from the kernel: the addresses of their listening TCP sockets."""

import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

_LISTENING = "0A"


def listening_addresses(pids: Iterable[int]) -> set[tuple[str, int]]:
    """(address, port) of every TCP socket on which one of these processes listens."""
    inodes = set().union(*map(_sockets, pids))
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and fields[9] in inodes:
                address, _, port = fields[1].partition(":")
                found.add((_readable(address, family), int(port, 16)))
    return found


def _sockets(pid: int) -> set[str]:
    found = set()
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{entry}")
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:  # gone meanwhile
        return found
    return found


def _readable(address: str, family: int) -> str:
    # Words of 32 bits in the machine's own order.
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    return socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))
