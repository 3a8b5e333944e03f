"""Network namespaces of a test's own: a hub and hosts that are wired to it, and cables that can be pulled.

Linux, root and iproute2; nothing in them reaches anything outside. The addresses are of 198.18.0.0/15, set aside for
benchmarks of networks (RFC 2544).
"""

import os
import shutil
import subprocess
import uuid
from types import TracebackType
from typing import Self

HUB_ADDRESS = "198.18.0.1"


def why_not() -> str | None:
    """Why there can be no namespaces here; None where there can."""
    if shutil.which("ip") is None:
        return "no iproute2"
    if os.geteuid() != 0:
        return "needs root"
    name = f"lg-{uuid.uuid4().hex[:8]}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no namespaces: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return None


class Network:
    """A hub with HUB_ADDRESS and so many hosts, each on a cable of its own. A context manager."""

    def __init__(self, hosts: int) -> None:
        self._mark = uuid.uuid4().hex[:8]
        self._hosts = hosts
        self._made: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._add(self.hub)
            _ip("-n", self.hub, "addr", "add", f"{HUB_ADDRESS}/32", "dev", "lo")
            for number in range(1, self._hosts + 1):
                self._wire(number)
        except BaseException:
            self._delete()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._delete()

    @property
    def hub(self) -> str:
        """The hub's namespace."""
        return f"lg-{self._mark}-hub"

    def host(self, number: int) -> str:
        """The namespace of a host, from 1."""
        return f"lg-{self._mark}-{number}"

    def pull(self, number: int) -> None:
        """Cut this host off."""
        _ip("-n", self.hub, "link", "set", f"cable{number}", "down")

    def plug(self, number: int) -> None:
        """Connect it again."""
        _ip("-n", self.hub, "link", "set", f"cable{number}", "up")

    def _wire(self, number: int) -> None:
        host, network = self.host(number), f"198.18.{number}"
        self._add(host)
        _ip("-n", self.hub, "link", "add", f"cable{number}", "type", "veth", "peer", "name", "eth0", "netns", host)
        _ip("-n", self.hub, "addr", "add", f"{network}.1/24", "dev", f"cable{number}")
        _ip("-n", host, "addr", "add", f"{network}.2/24", "dev", "eth0")
        _ip("-n", self.hub, "link", "set", f"cable{number}", "up")
        _ip("-n", host, "link", "set", "eth0", "up")
        _ip("-n", host, "route", "add", "default", "via", f"{network}.1")

    def _add(self, name: str) -> None:
        _ip("netns", "add", name)
        self._made.append(name)
        _ip("-n", name, "link", "set", "lo", "up")

    def _delete(self) -> None:
        for name in self._made:
            subprocess.run(["ip", "netns", "del", name], check=False)


def inside(name: str) -> tuple[str, ...]:
    """What runs a command in a namespace."""
    return ("ip", "netns", "exec", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
