"""Quantities as people write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.scenario.quantities import (
    format_count,
    format_duration,
    parse_bytes,
    parse_count,
    parse_duration,
    parse_number,
)

repeatable = settings(derandomize=True, deadline=None)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("250ms", 0.25),
        ("3ms", 0.003),
        ("15us", 15e-6),
        ("15µs", 15e-6),
        ("10s", 10),
        ("1.5 s", 1.5),
        ("5m", 300),
        ("1h", 3600),
        ("7d", 604_800),
        (".5h", 1800),
        ("60", 60),
        ("1e3", 1000),
        (0, 0),
        (2.5, 2.5),
    ],
)
def test_durations_are_read_as_seconds(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    ["", "s", "10 sec", "10S", "5M", "1h30m", "-1s", -1, True, None, [], {}, "nan", "inf", 1e400, 10**400, "1e999"],
)
def test_what_is_no_duration_is_refused_with_what_is_accepted(written: object) -> None:
    with pytest.raises(ValueError, match="accepted: "):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "count"),
    [(200, 200), ("200", 200), ("4k", 4000), ("1M", 1_000_000), ("0.1M", 100_000), ("1.5k", 1500), (3.0, 3)],
)
def test_counts_are_read_with_their_suffix(written: object, count: int) -> None:
    assert parse_count(written) == count


@pytest.mark.parametrize("written", [1.5, "1.5", "0.0001k", "4x", "4 kB", -3, "-1k", False, None, "", [4]])
def test_what_is_no_count_is_refused_with_what_is_accepted(written: object) -> None:
    with pytest.raises(ValueError, match="accepted: "):
        parse_count(written)


@pytest.mark.parametrize(("written", "meant"), [("4K", "k"), ("1m", "M")])
def test_a_suffix_in_the_wrong_case_names_the_right_one(written: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        parse_count(written)


def test_a_plain_number_takes_no_unit() -> None:
    assert parse_number("2.5") == 2.5
    with pytest.raises(ValueError, match="none is expected"):
        parse_number("2.5s")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(604_800, "7d"), (5400, "90m"), (90, "90s"), (0.25, "250ms"), (1.5, "1.5s"), (0, "0s"), (2e-6, "2us")],
)
def test_durations_are_written_shortly(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@repeatable
@given(st.floats(0, 1e12))
def test_a_written_duration_reads_back_exactly(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@repeatable
@given(st.integers(0, 10**15))
def test_a_written_count_reads_back_exactly(count: int) -> None:
    assert parse_count(format_count(count)) == count


def test_counts_are_written_shortly() -> None:
    assert [format_count(n) for n in (0, 7, 4000, 1500, 2_000_000)] == ["0", "7", "4k", "1500", "2M"]


@pytest.mark.parametrize(
    ("written", "size"),
    [(4096, 4096), ("100MB", 100_000_000), ("1.5 GB", 1_500_000_000), ("500kB", 500_000), ("12", 12), ("1TB", 10**12)],
)
def test_sizes_are_read_as_bytes(written: object, size: int) -> None:
    assert parse_bytes(written) == size


@pytest.mark.parametrize("written", ["100M", "100MiB", "-1MB", "much", True, None, []])
def test_what_is_no_size_is_refused_with_what_is_accepted(written: object) -> None:
    with pytest.raises(ValueError, match="accepted: "):
        parse_bytes(written)
