"""What is on the accounts."""

from collections import Counter
from collections.abc import Iterable

from ledger.errors import LedgerError
from ledger.model import Entry


def balances(entries: Iterable[Entry]) -> dict[str, int]:
    """The cents of every account, by name: what was debited less what was credited."""
    found: Counter[str] = Counter()
    for entry in entries:
        found[entry.debit] += entry.amount
        found[entry.credit] -= entry.amount
    return dict(sorted(found.items()))


def trial_balance(entries: Iterable[Entry]) -> tuple[int, int]:
    """The sums of debit and credit balances, which agree. Raises LedgerError if they do not."""
    values = balances(entries).values()
    debit = sum(value for value in values if value > 0)
    credit = -sum(value for value in values if value < 0)
    if debit != credit:
        raise LedgerError(f"the books do not balance: {debit} and {credit}")
    return debit, credit
