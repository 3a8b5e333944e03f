"""What stands in the books and on the statements."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Entry:
    """An amount in cents that goes from one account (credit) to another one (debit)."""

    day: date
    debit: str
    credit: str
    amount: int
    text: str = ""
    reference: str = ""

    def effect_on(self, account: str) -> int:
        """The cents that come into an account, or go out of it (negative)."""
        return self.amount * ((self.debit == account) - (self.credit == account))


@dataclass(frozen=True)
class StatementLine:
    """A line of a bank statement: what came in (positive cents) or went out."""

    day: date
    amount: int
    text: str = ""
    reference: str = ""
