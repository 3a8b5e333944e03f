"""What a limiter says to a request."""

from dataclasses import dataclass

from limits.rules import Rule


@dataclass(frozen=True)
class Decision:
    """Whether a request is let through.

    remaining: how many more would be let through at once, by the strictest rule. retry_after: how many seconds to wait
    where it is not let through, else None. broken: the rule that kept it out; of several the one that does so longest.
    """

    allowed: bool
    remaining: int
    retry_after: float | None = None
    broken: Rule | None = None

    def headers(self) -> dict[str, str]:
        """For an HTTP response."""
        found = {"X-RateLimit-Remaining": str(self.remaining)}
        if self.retry_after is not None:
            found["Retry-After"] = str(int(-(-self.retry_after // 1)))
        return found
