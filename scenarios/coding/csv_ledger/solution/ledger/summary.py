"""A few lines about the books."""

from collections.abc import Sequence

from ledger.balances import balances, trial_balance
from ledger.model import Entry, StatementLine
from ledger.money import money
from ledger.reconciliation import reconcile


def summary(entries: Sequence[Entry], statement: Sequence[StatementLine] | None = None, account: str = "bank") -> str:
    """The balance of every account that has one, their sum and, against a statement, what of an account is left."""
    lines = [f"{name}: {money(value)}" for name, value in balances(entries).items() if value]
    debit, _ = trial_balance(entries)
    lines.append(f"total: {money(debit)}")
    if statement is not None:
        left = reconcile(entries, statement, account)
        lines.append(
            f"unreconciled: {len(left.entries)} entries, {len(left.lines)} lines, difference {money(left.difference)}"
        )
    return "\n".join(lines)
