"""Which entries of the books stand on the bank's statement, and which don't."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.model import Entry, StatementLine


@dataclass(frozen=True)
class Reconciliation:
    """What goes together, and what is left on either side."""

    account: str
    pairs: tuple[tuple[Entry, StatementLine], ...]
    entries: tuple[Entry, ...]
    lines: tuple[StatementLine, ...]

    @property
    def difference(self) -> int:
        """The cents of the lines left less those of the entries left."""
        return sum(line.amount for line in self.lines) - sum(entry.effect_on(self.account) for entry in self.entries)


def reconcile(
    entries: Sequence[Entry], statement: Sequence[StatementLine], account: str, days: int = 3
) -> Reconciliation:
    """Pair the entries that touch an account with the bank's lines, the best pairs first."""
    ours = [entry for entry in entries if entry.effect_on(account)]
    ranked = sorted(
        (*rank, at, place)
        for at, entry in enumerate(ours)
        for place, line in enumerate(statement)
        if (rank := _rank(entry, line, account, days)) is not None
    )
    chosen: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, at, place in ranked:
        if at not in chosen and place not in taken:
            chosen[at] = place
            taken.add(place)
    return Reconciliation(
        account,
        pairs=tuple((ours[at], statement[place]) for at, place in sorted(chosen.items())),
        entries=tuple(entry for at, entry in enumerate(ours) if at not in chosen),
        lines=tuple(line for place, line in enumerate(statement) if place not in taken),
    )


def _rank(entry: Entry, line: StatementLine, account: str, days: int) -> tuple[bool, int] | None:
    """How well two fit: the smaller, the better; None if they do not."""
    apart = abs((entry.day - line.day).days)
    if entry.effect_on(account) != line.amount or apart > days:
        return None
    named = bool(entry.reference and line.reference)
    if named and entry.reference.casefold() != line.reference.casefold():
        return None
    return not named, apart
