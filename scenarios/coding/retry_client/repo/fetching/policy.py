"""Whether and when a request is repeated."""

from dataclasses import dataclass

from fetching.errors import FetchError
from fetching.messages import Request, Response


@dataclass(frozen=True)
class Policy:
    """At most so many attempts; waits in seconds that double from `first` up to `longest`."""

    attempts: int = 4
    first: float = 0.5
    longest: float = 8.0

    def repeats(self, request: Request, outcome: Response | FetchError) -> bool:
        """Whether what came of an attempt is a reason for another one."""
        if isinstance(outcome, FetchError):
            return True
        return outcome.status >= 400

    def wait(self, attempt: int, outcome: Response | FetchError) -> float:
        """The seconds to wait after an attempt (the first one is 1)."""
        own = min(self.first * 2 ** (attempt - 1), self.longest)
        asked = outcome.retry_after if isinstance(outcome, Response) else None
        return own if asked is None else max(own, asked)
