"""The time axis that all plots of a history share: days since a soak's start, named by date where there is one soak."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

from loadgen.history.week import DAY_S, HOUR_S, Week
from loadgen.outputs.html.figure import Layout
from loadgen.stats.clusters import F64

_STEPS_S: Final = (60.0, 300.0, 900.0, HOUR_S, 3 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S, DAY_S, 2 * DAY_S, 7 * DAY_S)
_MOST_TICKS: Final = 9
_MOST_ROWS: Final = 60


def days_since(week: Week, times_s: F64) -> F64:
    """Times as days since the soak's start."""
    return (times_s - week.soak.started_s) / DAY_S


def time_axis(weeks: Sequence[Week]) -> Layout:
    """From the start to the end of the longest of these soaks."""
    length_s = max(week.until_s - week.soak.started_s for week in weeks)
    alone = weeks[0] if len(weeks) == 1 else None
    step_s = next((step for step in _STEPS_S if length_s / step <= _MOST_TICKS), length_s / _MOST_TICKS)
    # With dates, ticks stand at round times of the day, else at round times since the start.
    origin_s = 0.0 if alone is None else alone.soak.started_s
    first_s = -(-origin_s // step_s) * step_s
    ticks_s = np.arange(first_s, origin_s + length_s, step_s)
    texts = [_since(tick) for tick in ticks_s] if alone is None else short_days([_date(t, step_s) for t in ticks_s])
    return {
        "range": [0, length_s / DAY_S],
        "tickvals": [float(tick) for tick in (ticks_s - origin_s) / DAY_S],
        "ticktext": texts,
        "tickangle": 0,
        "hoverformat": ".3f",
    }


def _since(seconds: float) -> str:
    return f"+{seconds / DAY_S:g} d" if seconds % HOUR_S == 0 and seconds >= DAY_S else f"+{seconds / HOUR_S:.3g} h"


def short_days(dates: Sequence[str]) -> list[str]:
    """`Mon 2 Nov`, `Tue 3 Nov`, `04:00` in two lines, as a phone has room for; the month where it begins."""
    months = [date.split(" ")[2:] for date in dates]
    shown = []
    for at, date in enumerate(dates):
        parts = date.split(" ")
        told = parts if at == 0 or months[at] != months[at - 1] else parts[:2]
        shown.append("<br>".join([told[0], " ".join(told[1:])]) if len(told) > 1 else date)
    return shown


def _date(at_s: float, step_s: float) -> str:
    at = datetime.fromtimestamp(at_s, UTC)
    midnight = at.hour == at.minute == 0
    return f"{at:%a} {at.day} {at:%b}" if step_s >= DAY_S or midnight else f"{at:%H:%M}"


def edges_of(week: Week) -> F64:
    """Edges of stretches, whole windows each, for a table of at most 60 rows."""
    each_s = week.soak.every_s * max(1, -(-week.windows // _MOST_ROWS))
    return np.arange(week.soak.started_s, week.until_s + each_s * 0.5, each_s)
