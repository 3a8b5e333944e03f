"""Rules such as "100/minute" or "5 per 10 seconds"."""

import re
from dataclasses import dataclass

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RULE = re.compile(r"(?P<limit>\d+)\s*(?:/|per)\s*(?P<count>\d+)?\s*(?P<unit>[a-z]+?)s?")


class RuleError(ValueError):
    """A text that is no rule."""


@dataclass(frozen=True)
class Rule:
    """At most so many in any stretch of so many seconds."""

    limit: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.limit} per {self.seconds} s"


def parse_rule(text: str) -> Rule:
    """Read one rule. Raises RuleError."""
    found = _RULE.fullmatch(text.strip().lower())
    if found is None or found["unit"] not in _UNITS:
        raise RuleError(f"no rule: {text!r}; write 100/minute or 5 per 10 seconds")
    limit, seconds = int(found["limit"]), int(found["count"] or 1) * _UNITS[found["unit"]]
    if limit < 1 or seconds < 1:
        raise RuleError(f"a rule lets something through in some time: {text!r}")
    return Rule(limit, seconds)


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Read rules with semicolons between them, shortest time first. Raises RuleError."""
    rules = [parse_rule(part) for part in text.split(";") if part.strip()]
    if not rules:
        raise RuleError("no rule at all")
    return tuple(sorted(rules, key=lambda rule: rule.seconds))
