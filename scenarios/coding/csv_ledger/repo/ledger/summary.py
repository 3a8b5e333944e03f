"""A few lines about the books."""

from collections.abc import Sequence

from ledger.balances import balances, trial_balance
from ledger.model import Entry
from ledger.money import money


def summary(entries: Sequence[Entry]) -> str:
    """The balance of every account that has one, and their sum."""
    lines = [f"{name}: {money(value)}" for name, value in balances(entries).items() if value]
    debit, _ = trial_balance(entries)
    return "\n".join([*lines, f"total: {money(debit)}"])
