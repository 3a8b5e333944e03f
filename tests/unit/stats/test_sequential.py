"""Looks while a run lasts, and MLPerf's early stopping against its published numbers."""

import pytest
from scipy.stats import binom

from loadgen.stats.sequential import ALPHA, early_stopping_queries, look_at, look_confidence


def test_looks_come_at_doubling_numbers_of_sessions() -> None:
    assert [look_at(sessions, first=25) for sessions in (0, 24, 25, 49, 50, 99, 100, 200, 400)] == [
        0, 0, 1, 1, 2, 2, 3, 4, 5,
    ]  # fmt: skip


def test_all_looks_together_spend_no_more_than_alpha() -> None:
    spent = sum((1 - look_confidence(look)) / 2 for look in range(1, 10_000))
    assert spent == pytest.approx(ALPHA, rel=1e-3)
    assert spent < ALPHA


def test_mlperfs_numbers_of_queries() -> None:
    """64 for single stream (p90) and 662 for multistream (p99): the inference rules' minimum queries."""
    assert early_stopping_queries(1, 0.90) == 64
    assert early_stopping_queries(1, 0.99) == 662


@pytest.mark.parametrize(("queries", "discarded"), [(2048, 172), (2116, 178), (2145, 181)])
def test_what_mlperfs_load_generator_logs(queries: int, discarded: int) -> None:
    """It takes the slowest after the discarded ones for the p90, so that one more than those is not below it."""
    assert early_stopping_queries(discarded + 1, 0.90) <= queries < early_stopping_queries(discarded + 2, 0.90)


def test_early_stopping_is_the_least_number() -> None:
    needed = early_stopping_queries(7, 0.95)
    assert binom.cdf(7, needed, 0.05) <= 0.01 < binom.cdf(7, needed - 1, 0.05)
