"""What the conductor sees of a Locust runner; `locust_swarm` has the real one, tests play it."""

from typing import Protocol


class Swarm(Protocol):
    """What is needed of a Locust runner: who is there, with how many permits, and a way to talk to them."""

    def permit_counts(self) -> dict[str, int]:
        """Permits per living worker, as Locust has spread them."""
        ...

    def wanted(self) -> int:
        """Permits that are to be spread, as Locust was last told."""
        ...

    def workers(self) -> set[str]:
        """The workers that are alive, with or without permits."""
        ...

    def send(self, kind: str, data: bytes, worker: str) -> None:
        """Send a message to one worker."""
        ...
