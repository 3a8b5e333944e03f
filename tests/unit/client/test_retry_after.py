"""Retry-After in all its forms, and in none."""

from datetime import UTC, datetime

import pytest

from loadgen.client.retry_after import retry_after_s

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
DATE = "Mon, 23 Nov 2026 12:00:30 GMT"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": DATE}, 30.0),
        ({"retry-after": DATE, "date": "Mon, 23 Nov 2026 12:00:25 GMT"}, 5.0),
        ({"retry-after": DATE, "date": "Mon, 23 Nov 2026 13:00:00 GMT"}, 0.0),
        ({"retry-after": DATE, "date": "yesterday"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 -0000"}, 30.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
    ],
)
def test_a_wait_is_read(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after_s(headers, NOW) == wait
