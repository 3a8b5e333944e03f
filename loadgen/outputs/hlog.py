"""histograms.hlog: every histogram of a run in the HdrHistogram log format V2, for HdrHistogram's own tools.

Called by the master at the end, and read back by the reports. One line a metric, stage and workload, over the whole
stage; values are in µs, those of input_tokens and output_tokens in tokens.
The tag is `<metric>;stage=<name>;workload=<name>` with what a tag may not hold (comma, space, ...) percent-encoded.
The format: https://github.com/HdrHistogram/HdrHistogram, HistogramLogWriter.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

from loadgen.metrics.aggregate import Aggregate
from loadgen.metrics.histogram import highest_us
from loadgen.metrics.snapshot import NO_WORKLOAD, Metric
from loadgen.outputs.run_folder import RunFolder

NAME = "histograms.hlog"
_US_PER_S = 1e6
_FIRST_LINE = "#[Histogram log format version"


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
        f"{_FIRST_LINE} 1.3]",
        f"#[StartTime: {started_epoch_s:.3f} (seconds since epoch)]",
        f"#[BaseTime: {started_epoch_s:.3f} (seconds since epoch)]",
        f"#[loadgen run {plan.run_id}; values in microseconds, of *_tokens in tokens; Interval_Max in seconds]",
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


@dataclass(frozen=True, slots=True)
class Logged:
    """One histogram of the log. values_s: the highest value of each touched bucket, ascending; counts: how many.

    start_s, length_s: its stage, in seconds from the run's start. workload: None for a metric of no workload.
    """

    metric: str
    stage: str
    workload: str | None
    start_s: float
    length_s: float
    values_s: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


def read_hlog(path: Path) -> list[Logged]:
    """The histograms of a log written by `write_hlog`. Raises OSError, or ValueError for a line that is none."""
    lines = path.read_text(encoding="ascii").splitlines()
    if not lines or not lines[0].startswith(_FIRST_LINE):
        raise ValueError("no histogram log: its first line is none of one")
    return [_logged(line) for line in lines if line.startswith("Tag=")]


def _logged(line: str) -> Logged:
    fields = line.split(",")
    if len(fields) != 5:
        raise ValueError(f"not a line of a histogram log: {line[:60]!r}")
    metric, _, rest = fields[0].removeprefix("Tag=").partition(";")
    names = dict(part.split("=", 1) for part in rest.split(";"))
    if "stage" not in names:
        raise ValueError(f"no stage in the line of {fields[0]}")
    try:
        # A copy: the array is of memory that the histogram owns.
        counts = np.array(np.ctypeslib.as_array(HdrHistogram.decode(fields[4]).counts), dtype=np.int64)
    except Exception as error:
        raise ValueError(f"no histogram in the line of {fields[0]}: {error}") from error  # its errors have no one type
    touched = np.flatnonzero(counts)
    return Logged(
        metric,
        unquote(names["stage"]),
        unquote(names["workload"]) if "workload" in names else None,
        float(fields[1]),
        float(fields[2]),
        np.array([highest_us(int(index)) / _US_PER_S for index in touched]),
        counts[touched],
    )
