"""How long a server asks to be left alone: the Retry-After header in all its forms."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by the response's headers (names in lower case); None where they don't say or can't be read.

    Milliseconds (`retry-after-ms`, OpenAI) go before seconds and dates. A date counts from the response's own Date, so
    that a server's wrong clock does no harm; `now` stands in where it has none.
    """
    wait = _number(headers.get("retry-after-ms"))
    if wait is not None:
        return wait / 1000
    asked = headers.get("retry-after")
    wait = _number(asked)
    if wait is not None or asked is None:
        return wait
    until = _date(asked)
    if until is None:
        return None
    since = _date(headers.get("date", "")) or now or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
