"""Money is kept in whole cents."""

import re

from ledger.errors import LedgerError

_AMOUNT = re.compile(r"(?P<sign>[-+]?)(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<part>\d{1,2}))?")


def cents(text: str) -> int:
    """The cents of a text such as 12, 12.5, -1,234.56. Raises LedgerError."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise LedgerError(f"no amount: {text!r}")
    value = int(found["whole"].replace(",", "")) * 100 + int((found["part"] or "0").ljust(2, "0"))
    return -value if found["sign"] == "-" else value


def money(value: int) -> str:
    """Cents as text: -1234.56."""
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value) // 100}.{abs(value) % 100:02}"
