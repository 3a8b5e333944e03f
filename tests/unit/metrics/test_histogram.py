"""The histogram agrees with HdrHistogram bucket for bucket, with numpy within 3 digits, and merges exactly."""

import math

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from loadgen.metrics.histogram import (
    DIGITS,
    FOLD_AT,
    HIGHEST_US,
    Histogram,
    PendingHistogram,
    SparseHistogram,
    highest_us,
    indexes_of,
)

values_ns = st.lists(st.integers(0, HIGHEST_US * 1000), min_size=1, max_size=60)


def sparse(values: list[int]) -> SparseHistogram:
    pending = PendingHistogram()
    pending.values.fromlist(values)
    drained = pending.drain()
    assert drained is not None
    return drained


def merged(*parts: SparseHistogram) -> Histogram:
    histogram = Histogram()
    for part in parts:
        histogram.merge(part)
    return histogram


def sample(n: int, seed: int = 1) -> list[int]:
    """Latencies from 10 µs to 100 s, in ns."""
    return [int(v) for v in 10 ** np.random.default_rng(seed).uniform(4, 11, n)]


def test_every_bucket_is_hdrhistograms() -> None:
    oracle = HdrHistogram(1, HIGHEST_US, DIGITS)
    edges = {v for power in range(37) for v in (2**power - 1, 2**power, 2**power + 1)}
    values = sorted(v for v in {*range(5000), *edges, *(ns // 1000 for ns in sample(5000))} if v <= HIGHEST_US)
    indexes = indexes_of(np.array(values, dtype=np.int64) * 1000)
    assert [int(i) for i in indexes] == [oracle.get_counts_array_index(v) for v in values]
    assert [highest_us(int(i)) for i in indexes] == [oracle.get_highest_equivalent_value(v) for v in values]


@pytest.mark.parametrize("q", [0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0])
def test_quantiles_are_nearest_rank_within_three_digits(q: float) -> None:
    values = sorted(sample(20_011))
    exact = values[math.ceil(q * len(values)) - 1] / 1e9
    assert merged(sparse(values)).quantile(q) == pytest.approx(exact, rel=1e-3, abs=5e-7)
    assert merged(sparse(values)).quantile(q) == pytest.approx(
        float(np.percentile(values, q * 100, method="inverted_cdf")) / 1e9, rel=1e-3, abs=5e-7
    )


def test_a_rank_is_not_one_too_high_for_binary_fractions() -> None:
    # 0.07 * 100 is 7.000000000000001 in binary floating point; the 7th value is the answer.
    assert merged(sparse([n * 1000 for n in range(1, 101)])).quantile(0.07) == 7e-6


@given(values_ns, values_ns, values_ns)
def test_merging_is_associative_and_loses_nothing(a: list[int], b: list[int], c: list[int]) -> None:
    left, right = merged(sparse(a), sparse(b)), merged(sparse(b), sparse(c))
    left.merge(sparse(c))
    right.merge(sparse(a))
    whole = merged(sparse(a + b + c))
    for one in (left, right):
        assert one.dist() == whole.dist()
        assert (one.n, one.sum_ns, one.min_ns, one.max_ns) == (
            len(a + b + c),
            sum(a + b + c),
            min(a + b + c),
            max(a + b + c),
        )


@given(values_ns, values_ns)
def test_adding_histograms_is_merging_their_parts(a: list[int], b: list[int]) -> None:
    total = merged(sparse(a))
    other = merged(sparse(b))
    total.add(other)
    assert total.dist() == merged(sparse(a), sparse(b)).dist()
    assert other.dist() == merged(sparse(b)).dist()


def test_folding_midway_changes_nothing() -> None:
    values = sample(3 * FOLD_AT)
    folded = PendingHistogram()
    for start in range(0, len(values), 1000):
        folded.values.fromlist(values[start : start + 1000])
        folded.fold()
    assert folded.drain() == sparse(values)


def test_a_drained_histogram_starts_again_from_nothing() -> None:
    pending = PendingHistogram()
    pending.values.append(5_000_000)
    assert pending
    assert pending.drain() is not None
    assert not pending
    assert pending.drain() is None
    pending.values.append(9_000_000)
    assert pending.drain() == sparse([9_000_000])


def test_zero_is_a_value() -> None:
    dist = merged(sparse([0, 0, 20_000_000])).dist()
    assert dist is not None
    assert (dist.n, dist.min, dist.p50, dist.max) == (3, 0.0, 0.0, 0.02)


def test_what_is_longer_than_a_day_counts_as_a_day_and_keeps_its_maximum() -> None:
    two_days = 2 * HIGHEST_US * 1000
    histogram = merged(sparse([1_000, two_days]))
    assert histogram.n == 2
    assert histogram.max_ns == two_days
    assert histogram.quantile(1.0) == pytest.approx(HIGHEST_US / 1e6, rel=1e-3)


@pytest.mark.parametrize(
    ("n", "known"),
    [
        (1, []),
        (2, ["p50"]),
        (10, ["p50", "p90"]),
        (20, ["p50", "p90", "p95"]),
        (99, ["p50", "p90", "p95"]),
        (100, ["p50", "p90", "p95", "p99"]),
        (1000, ["p50", "p90", "p95", "p99", "p99_9"]),
    ],
)
def test_a_quantile_beyond_the_sample_is_null(n: int, known: list[str]) -> None:
    dist = merged(sparse([1_000_000] * n)).dist()
    assert dist is not None
    assert [name for name in ("p50", "p90", "p95", "p99", "p99_9") if getattr(dist, name) is not None] == known


def test_nothing_measured_is_null() -> None:
    assert Histogram().dist() is None
    assert Histogram().quantile(0.5) is None


def test_the_hdrh_twin_answers_alike() -> None:
    histogram = merged(sparse(sample(10_000)))
    twin = histogram.to_hdrh()
    assert twin.get_total_count() == 10_000
    for percentile in (50, 90, 99, 99.9):
        assert twin.get_value_at_percentile(percentile) / 1e6 == pytest.approx(
            histogram.quantile(percentile / 100), rel=1e-9
        )


def test_values_for_other_statistics_keep_their_counts() -> None:
    drained = sparse([1_000_000] * 3 + [250_000_000])
    values, counts = zip(*drained.values_ms(), strict=True)
    assert counts == (3, 1)
    assert values == pytest.approx((1.0, 250.0), rel=1e-3)


def test_values_for_other_statistics_are_the_buckets_own_so_that_a_table_of_them_stays_small() -> None:
    keys = {value for ns in range(250_000_000, 250_100_000, 7_000) for value, _ in sparse([ns]).values_ms()}
    assert len(keys) <= 2
