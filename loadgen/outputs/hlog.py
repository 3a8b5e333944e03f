"""histograms.hlog: every histogram of a run in the HdrHistogram log format V2, for HdrHistogram's own tools.

Called by the master at the end. One line a metric, stage and workload, over the whole stage; values are in µs.
The tag is `<metric>;stage=<name>;workload=<name>` with what a tag may not hold (comma, space, ...) percent-encoded.
The format: https://github.com/HdrHistogram/HdrHistogram, HistogramLogWriter.
"""

from urllib.parse import quote

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.snapshot import NO_WORKLOAD, Metric
from loadgen.outputs.run_folder import RunFolder

NAME = "histograms.hlog"
_US_PER_S = 1e6


def tag_of(metric: Metric, stage: str, workload: str | None) -> str:
    """The tag of one histogram; a metric of no workload (loop lag) has none."""
    parts = [metric, f"stage={quote(stage, safe='')}"]
    if workload is not None:
        parts.append(f"workload={quote(workload, safe='')}")
    return ";".join(parts)


def hlog_text(aggregate: Aggregate, started_epoch_s: float) -> str:
    """The whole log. started_epoch_s: the run's start, Unix time in seconds."""
    plan = aggregate.plan
    lines = [
        "#[Histogram log format version 1.3]",
        f"#[StartTime: {started_epoch_s:.3f} (seconds since epoch)]",
        f"#[BaseTime: {started_epoch_s:.3f} (seconds since epoch)]",
        f"#[loadgen run {plan.run_id}; values in microseconds; Interval_Max in seconds]",
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
    ]
    for (metric, stage, workload), histogram in aggregate.histograms().items():
        planned = plan.stages[stage]
        tag = tag_of(metric, planned.name, None if workload == NO_WORKLOAD else plan.workloads[workload])
        made = histogram.to_hdrh()
        lines.append(
            f"Tag={tag},{planned.start_s:.3f},{planned.end_s - planned.start_s:.3f},"
            f"{made.get_max_value() / _US_PER_S:.6f},{made.encode().decode('ascii')}"
        )
    return "\n".join(lines) + "\n"


def write_hlog(folder: RunFolder, aggregate: Aggregate, started_epoch_s: float) -> bool:
    """Write histograms.hlog; False where the disk would not take it."""
    return folder.write_text(NAME, hlog_text(aggregate, started_epoch_s))
