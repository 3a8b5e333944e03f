"""histograms.hlog is read back by HdrHistogram's own reader, count for count."""

import random
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.histogram import DIGITS, HIGHEST_US
from loadgen.metrics.plan import PlannedStage, RunPlan
from loadgen.outputs.hlog import NAME, read_hlog, tag_of, write_hlog
from loadgen.outputs.run_folder import RunFolder
from tests.unit.metrics.making import PLAN, aggregate_of, new_recorder, snap, turn

STARTED_S = 1_795_000_000.25


def read_back(aggregate: Aggregate, folder: Path) -> dict[str, HdrHistogram]:
    run = RunFolder(folder)
    assert write_hlog(run, aggregate, STARTED_S)
    reader = HistogramLogReader(str(run.path / NAME), HdrHistogram(1, HIGHEST_US, DIGITS))
    found = {}
    while (histogram := reader.get_next_interval_histogram()) is not None:
        found[histogram.get_tag()] = histogram
    assert reader.get_start_time_sec() == STARTED_S
    reader.close()
    return found


def test_an_independent_reader_finds_equal_counts_and_quantiles(tmp_path: Path) -> None:
    rng = random.Random(1)
    turns = [
        turn(
            20 + k / 100,
            workload=rng.choice(["chat", "docs"]),
            chunks_ms=sorted(rng.uniform(30, 4000) for _ in range(9)),
        )
        for k in range(2000)
    ]
    aggregate = aggregate_of(*turns)
    found = read_back(aggregate, tmp_path / "run")
    written = aggregate.histograms()
    assert len(found) == len(written)
    for (metric, stage, workload), ours in written.items():
        name = PLAN.workloads[workload] if workload >= 0 else None
        theirs = found[tag_of(metric, PLAN.stages[stage].name, name)]
        assert theirs.get_total_count() == ours.n
        for percentile in (50.0, 90.0, 99.0, 99.9, 100.0):
            # Its rank, ours being the next where n * q is no whole number; its value is the bucket's, ours is held
            # within the exact minimum and maximum.
            rank = theirs.get_target_count_at_percentile(percentile)
            us = theirs.get_value_at_percentile(percentile)
            expected = min(max(us * 1000, ours.min_ns), ours.max_ns)
            assert ours.quantile_ns(rank / ours.n) == expected


def test_each_interval_is_its_whole_stage(tmp_path: Path) -> None:
    found = read_back(aggregate_of(turn(20), turn(80)), tmp_path / "run")
    peak = found["e2e;stage=peak;workload=chat"]
    start_ms = peak.get_start_time_stamp() - STARTED_S * 1000
    assert (round(start_ms), round(peak.get_end_time_stamp() - peak.get_start_time_stamp())) == (70_000, 30_000)


def test_names_with_commas_and_spaces_are_encoded(tmp_path: Path) -> None:
    plan = RunPlan("run-1", "s", (PlannedStage("step 1, hot", 0, 100),), ("a;b", "chat"))
    recorder = new_recorder(plan=plan)
    recorder.record(turn(20, workload="a;b", stage=0))
    aggregate = Aggregate(plan)
    aggregate.apply(snap(recorder))
    found = read_back(aggregate, tmp_path / "run")
    assert found["ttft;stage=step%201%2C%20hot;workload=a%3Bb"].get_total_count() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no histogram log"),
        ("rubbish\n", "no histogram log"),
        ("#[Histogram log format version 1.3]\nTag=ttft;stage=a,1\n", "not a line"),
        ("#[Histogram log format version 1.3]\nTag=ttft;workload=a,0,1,1,x\n", "no stage"),
        ("#[Histogram log format version 1.3]\nTag=ttft;stage=a,0,1,1,x\n", "no histogram in the line"),
    ],
)
def test_what_is_no_log_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(ValueError, match=said):
        read_hlog(tmp_path / NAME)
