"""Double-entry bookkeeping in CSV files."""

from ledger.balances import balances, trial_balance
from ledger.errors import LedgerError
from ledger.model import Entry, StatementLine
from ledger.money import cents, money
from ledger.reading import read_entries, read_statement
from ledger.reconciliation import Reconciliation, reconcile
from ledger.summary import summary

__all__ = [
    "Entry",
    "LedgerError",
    "Reconciliation",
    "StatementLine",
    "balances",
    "cents",
    "money",
    "read_entries",
    "read_statement",
    "reconcile",
    "summary",
    "trial_balance",
]
