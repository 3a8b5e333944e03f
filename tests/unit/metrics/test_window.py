"""The window answers as a sum of the snapshots in it would, and forgets the others."""

import pytest

from loadgen.metrics.aggregate import LIVE_RETENTION_S, Aggregate
from loadgen.metrics.window import Window
from tests.unit.metrics.making import PLAN, new_recorder, snap, turn

_QUANTILES = (0.5, 0.9, 0.99)


def test_it_answers_as_the_aggregate_that_sums_anew() -> None:
    aggregate, window = Aggregate(PLAN), Window(("ttft", "itl"), LIVE_RETENTION_S)
    recorder = new_recorder()
    for second in range(12, 90):
        for number in range(20):
            recorder.record(turn(second, chunks_ms=(second + number, 3 * second + number, 200 + second)))
        report = snap(recorder, second + 1.0)
        assert aggregate.apply(report)
        window.add(report)
        window.move_to(aggregate.elapsed_s)
        for metric in ("ttft", "itl"):
            summed = aggregate.recent(metric)
            wanted = [summed.quantile(q) if summed.n >= round(1 / (1 - q)) else None for q in _QUANTILES]
            assert window.quantiles(metric, _QUANTILES) == [
                None if value is None else pytest.approx(value, rel=1e-3) for value in wanted
            ]


def test_what_is_too_old_is_unknown_again() -> None:
    window = Window(("ttft",), 30.0)
    recorder = new_recorder()
    for _ in range(10):
        recorder.record(turn())
    window.add(snap(recorder, 25.0))
    window.move_to(55.0)
    assert window.quantiles("ttft", (0.5,)) == [pytest.approx(0.05, rel=1e-3)]
    window.move_to(55.1)
    assert window.quantiles("ttft", (0.5,)) == [None]


def test_it_holds_no_more_than_its_length_though_nobody_asks() -> None:
    # A run that no Prometheus scrapes only ever adds: for hours, each second.
    window = Window(("ttft",), 30.0)
    recorder = new_recorder()
    for second in range(12, 90):
        recorder.record(turn(second))
        window.add(snap(recorder, second + 1.0))
    assert len(window._held) == 31


@pytest.mark.parametrize(("turns", "known"), [(1, 0), (2, 1), (9, 1), (10, 2), (99, 2), (100, 3)])
def test_a_quantile_needs_as_many_turns_as_in_the_summary(turns: int, known: int) -> None:
    window = Window(("ttft",), 30.0)
    recorder = new_recorder()
    for _ in range(turns):
        recorder.record(turn())
    window.add(snap(recorder, 25.0))
    found = window.quantiles("ttft", _QUANTILES)
    assert [value is not None for value in found] == [index < known for index in range(3)]
