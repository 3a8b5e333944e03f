"""Reading the books and statements from CSV."""

import csv
from collections.abc import Iterator
from datetime import date

from ledger.errors import LedgerError
from ledger.model import Entry, StatementLine
from ledger.money import cents

_ENTRY = ("date", "debit", "credit", "amount")
_LINE = ("date", "amount")


def read_entries(text: str) -> list[Entry]:
    """The entries of a file with the columns date, debit, credit, amount and, if need be, text and reference.

    Raises LedgerError with the line.
    """
    found = []
    for number, row in _rows(text, _ENTRY):
        amount = _amount(row["amount"], number)
        if amount < 0:
            raise LedgerError("an amount is not negative: turn debit and credit round", number)
        if row["debit"] == row["credit"]:
            raise LedgerError(f"from {row['debit']} to itself", number)
        found.append(
            Entry(_day(row["date"], number), row["debit"], row["credit"], amount, row["text"], row["reference"])
        )
    return found


def read_statement(text: str) -> list[StatementLine]:
    """The lines of a bank statement with the columns date, amount and, if need be, text and reference.

    Raises LedgerError with the line.
    """
    return [
        StatementLine(_day(row["date"], number), _amount(row["amount"], number), row["text"], row["reference"])
        for number, row in _rows(text, _LINE)
    ]


def _rows(text: str, wanted: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    missing = [name for name in wanted if name not in (reader.fieldnames or ())]
    if missing:
        raise LedgerError(f"no column {', '.join(missing)}", 1)
    for row in reader:
        if any(row[name] is None for name in wanted):
            raise LedgerError("too few columns", reader.line_num)
        cleaned = {name: (row.get(name) or "").strip() for name in (*wanted, "text", "reference")}
        yield reader.line_num, cleaned


def _day(text: str, number: int) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise LedgerError(f"no date: {text!r}", number) from None


def _amount(text: str, number: int) -> int:
    try:
        return cents(text)
    except LedgerError as error:
        raise LedgerError(str(error), number) from None
