"""The study of benchmarks/comparison.md, small and with a fixed seed: what is claimed of `loadgen compare` holds."""

from benchmarks.comparison import EFFECTS, STATED, Design, claims, markdown, study

PAIRS = 24


def test_at_the_stated_number_of_runs_slow_downs_are_found_and_false_alarms_rare() -> None:
    rows = study(Design(STATED, 6, 6, quantiles=("p50", "p99")), (0.0, 0.05), PAIRS)
    by_effect = {row.slower: row for row in rows}
    assert by_effect[0.05].regression >= 0.9
    # 2.5 of 100 are expected: 3 of 24 come in one of 50 studies
    assert by_effect[0.0].regression * PAIRS <= 2
    assert by_effect[0.0].regression <= by_effect[0.0].mann_whitney


def test_one_run_a_side_raises_no_false_alarm_and_never_says_none() -> None:
    rows = study(Design("1 against 1", 1, 1), (0.0, 0.2), PAIRS)
    assert rows[0].regression * PAIRS <= 2
    assert rows[0].none == 0
    assert rows[1].regression >= 0.9


def test_the_page_has_every_line_and_every_claim() -> None:
    rows = study(Design(STATED, 3, 3, quantiles=("p50",)), EFFECTS[:1], 2)
    page = markdown(rows)
    assert f"| {STATED} | 0% | 2 |" in page
    assert all(claim in page for claim, _ in claims(rows))
