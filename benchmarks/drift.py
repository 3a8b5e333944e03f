"""How often drifts of a week are found, and how often there is a false alarm: weeks drawn in virtual time.

    python -m benchmarks.drift                 # all settings; writes drift.json and the tables in docs/drift.md
    python -m benchmarks.drift --weeks 20 --first 500000 --out /tmp/study     # other weeks, fewer of them

Weeks are made by benchmarks/weeks.py from the simulator's own model; whatever judges here is what judges in `loadgen
history`. A week's number is its seed, and every row of the tables has weeks of its own.
"""

import argparse
import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.weeks import DAY_S, STARTS, Setting, drawn_week, without_drift
from loadgen.history.judged import judged, pooled
from loadgen.stats.drift import Drift, Series
from loadgen.stats.proportions import wilson

_HERE = Path(__file__).parent
_DOCS = _HERE.parent / "docs" / "drift.md"
_MARK = "<!-- the study -->"
WEEKS = 200
# Weeks 0 to 199 were looked at while what judges was made: what is published is of weeks that nobody had seen.
FIRST, _APART = 10_000, 1_000
FOUND, FALSE = 0.9, 0.05
# Weeks that what a drift does to a measure is averaged over.
_TRUTHS = 20
_HALF_DAYS = [f"{day} {hour}" for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun") for hour in ("0 h", "12 h")]


@dataclass(frozen=True, slots=True)
class Injected:
    """What is done to a service at the end of day 4, and where it shows. words: as `--drift` takes it.

    found: a drift of one of these, this way (1 is up), counts as found; the first one that is there tells day and size.
    follows: measures that begin so change as well, so that a drift of theirs is no false alarm.
    """

    name: str
    words: str
    found: tuple[str, ...]
    way: int
    follows: tuple[str, ...]


INJECTED = (
    Injected(
        "cache lifetime 8 to 4 minutes",
        "cache_lifetime:4m@4d",
        ("cache.hit_ratio.after_5m",),
        -1,
        ("cache.hit_ratio.after_5m", "cost.per_request.after_5m"),
    ),
    Injected(
        "answers 10 % longer",
        "output_tokens:1.1@4d",
        ("output.tokens.mean",),
        1,
        ("output.tokens", "cost.per_request", "cost.per_1m_output_tokens", "cost.per_session", "cost.per_solved_task"),
    ),
    Injected(
        "5 % of requests 3 times as slow",
        "slow_tail:0.05x3@4d",
        ("latency.e2e_s.p99", "latency.e2e_s.p95"),
        1,
        ("latency.",),
    ),
)
_PLAIN = tuple(Setting(f"seasons, AR {ar:g}", ar=ar) for ar in (0.4, 0.2, 0.6))
_UNSEASONED = Setting("no seasons, AR 0.4", seasons=False)
# Weeks that begin on a Monday leave only a Friday after the drift that is not a weekend's.
_MONDAYS = Setting("seasons, AR 0.4, Monday to Sunday", monday=True)
_GAPS = Setting("seasons, AR 0.4, a fifth of the windows missing", gaps=0.2)
# With fewer requests than a window's p99 takes, p95 has to tell.
_FEW_REQUESTS = Setting("seasons, AR 0.4, 20 requests a window", requests=20)
# Shown, not claimed: what the tests take for granted does not hold.
_BEYOND = (
    Setting("seasons, AR 0.9", ar=0.9),
    Setting("seasons, a fifth of the load's scatter lasts for half a day", slow=0.2),
    Setting("weekends 8 hours before UTC's", zone_h=8.0),
)


@dataclass
class Row:
    """What was said of the weeks of one setting. The drift's own figures are None where nothing was injected.

    first: the number of the first week. missed_starts: with which half-day of a week, from 0, the weeks begin in which
    the drift was not found.
    """

    setting: str
    injected: str | None
    claimed: bool
    first: int = 0
    weeks: int = 0
    found: int = 0
    missed_starts: list[int] = field(default_factory=list)
    false_weeks: int = 0
    false_series: list[str] = field(default_factory=list)
    steps: int = 0
    hours_off: list[float] = field(default_factory=list)
    moment_covered: int = 0
    sizes: list[float] = field(default_factory=list)
    truth: float | None = None
    size_covered: int = 0

    def claims(self) -> list[tuple[str, bool]]:
        """What is promised of it, and whether it held."""
        if not self.claimed:
            return []
        if self.injected is None:
            return [(f"{self.setting}: a false alarm in at most 1 of 20 weeks", self.false_weeks <= FALSE * self.weeks)]
        return [(f"{self.injected} ({self.setting}): found in 9 of 10 weeks", self.found >= FOUND * self.weeks)]


def stationary(setting: Setting, weeks: Sequence[int], *, claimed: bool = True) -> Row:
    """Weeks in which nothing drifts."""
    row = Row(setting.name, None, claimed, min(weeks))
    for number in weeks:
        _, measures = drawn_week(setting, number)
        _count_false(row, judged({**measures, **pooled(measures)}).found, ())
    return row


def drifting(setting: Setting, injected: Injected, weeks: Sequence[int], *, claimed: bool = True) -> Row:
    """Weeks in which this does."""
    row = Row(setting.name, injected.name, claimed, min(weeks))
    setting = Setting(**{**asdict(setting), "drift": injected.words})
    truths: list[float] = []
    intervals: list[tuple[float, float]] = []
    for number in weeks:
        start_s, measures = drawn_week(setting, number)
        drifts = judged({**measures, **pooled(measures)}).found
        _count_false(row, drifts, injected.follows)
        own = [drift for name in injected.found for drift in drifts if drift.series == name]
        named = _sized(injected, measures)
        if len(truths) < _TRUTHS:
            truths.append(_moved(named, number, setting, start_s, measures))
        hit = next((drift for drift in own if drift.size * injected.way > 0), None)
        if hit is None:
            row.missed_starts.append(0 if setting.monday else number % STARTS)
            continue
        row.found += 1
        row.steps += hit.kind == "step"
        row.hours_off.append((hit.at_s - start_s - 4 * DAY_S) / 3600)
        row.moment_covered += hit.at_low_s <= start_s + 4 * DAY_S <= hit.at_high_s
        if hit.series == named:
            row.sizes.append(hit.size)
            intervals.append((hit.low, hit.high))
    row.truth = float(np.mean(truths))
    if scale_of(injected.found[0]) == "relative":
        row.truth = math.expm1(row.truth)
    row.size_covered = sum(low <= row.truth <= high for low, high in intervals)
    return row


def _sized(injected: Injected, measures: dict[str, Series]) -> str:
    """The measure that tells the drift's size: the first that these weeks have."""
    return next(name for name in injected.found if name in {**measures, **pooled(measures)})


def scale_of(name: str) -> str:
    """How changes of a measure are told."""
    return "absolute" if name.startswith("cache.hit_ratio") else "relative"


def _moved(name: str, number: int, setting: Setting, start_s: float, measures: dict[str, Series]) -> float:
    """How far the drift itself has moved a measure in this week: against the same week without it."""
    mine, other = _values(name, measures), _values(name, drawn_week(without_drift(setting), number)[1])
    after = mine.times_s >= start_s + 4 * DAY_S
    if scale_of(name) == "relative":
        return float(np.mean(np.log(mine.values[after] / other.values[after])))
    return float(np.mean(mine.values[after] - other.values[after]))


def _values(name: str, measures: dict[str, Series]) -> Series:
    return {**measures, **pooled(measures)}[name]


def _count_false(row: Row, drifts: Sequence[Drift], follows: tuple[str, ...]) -> None:
    alarms = [drift.series for drift in drifts if not drift.series.startswith(follows or ("\n",))]
    row.weeks += 1
    row.false_weeks += bool(alarms)
    row.false_series += alarms


def _study(job: tuple[Setting, Injected | None, bool], weeks: int, first: int) -> Row:
    """A row; weeks that begin at the same hour come together, for they share all that was worked out for it."""
    setting, injected, claimed = job
    numbers = sorted(range(first, first + weeks), key=lambda number: (number % STARTS, number))
    if injected is None:
        return stationary(setting, numbers, claimed=claimed)
    return drifting(setting, injected, numbers, claimed=claimed)


def whole_study(weeks: int, first: int, processes: int) -> list[Row]:
    """Every setting, the plain ones first. first: the number of the first row's first week."""
    jobs: list[tuple[Setting, Injected | None, bool]] = [
        (_PLAIN[0], None, True),
        *((_PLAIN[0], one, True) for one in INJECTED),
        *((setting, None, True) for setting in (*_PLAIN[1:], _UNSEASONED, _MONDAYS, _GAPS)),
        *((setting, one, True) for setting in (*_PLAIN[1:], _GAPS) for one in INJECTED),
        (_FEW_REQUESTS, INJECTED[-1], True),
        *((_MONDAYS, one, False) for one in INJECTED),
        *((setting, None, False) for setting in _BEYOND),
    ]
    rows = []
    with ProcessPoolExecutor(processes) as pool:
        firsts = range(first, first + _APART * len(jobs), _APART)
        for row in pool.map(_study, jobs, [weeks] * len(jobs), firsts):
            rows.append(row)
            print(_drifting_line(row) if row.injected else _stationary_line(row), flush=True)
    return rows


def tables(rows: Sequence[Row]) -> str:
    """All tables as Markdown, and what became of the claims. Shares of weeks have intervals of 95 % (Wilson 1927)."""
    lines = [
        "| weeks in which nothing drifts | weeks | with a false alarm | series |",
        "| --- | ---: | ---: | --- |",
        *(_stationary_line(row) for row in rows if row.injected is None and row.claimed),
        "",
        "| what drifts | weeks | found | off by, median | 9 of 10 within | moment covered | true size | median found "
        "| size covered | other alarms |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_drifting_line(row) for row in rows if row.injected is not None and row.claimed),
        *(_drifting_line(row) for row in rows if row.injected is not None and not row.claimed),
        "",
        "| beyond the claim: nothing drifts | weeks | with a false alarm | series |",
        "| --- | ---: | ---: | --- |",
        *(_stationary_line(row) for row in rows if row.injected is None and not row.claimed),
        "",
    ]
    missed = [line for row in rows if (line := _missed_line(row))]
    lines += ["Where a drift was not found, by the half-day that the week began with (UTC):", "", *missed, ""] * bool(
        missed
    )
    lines += [f"- {what}: {'held' if held else '**broken**'}" for row in rows for what, held in row.claims()]
    return "\n".join(lines) + "\n"


def _missed_line(row: Row) -> str:
    counts = Counter(row.missed_starts)
    told = ", ".join(f"{_HALF_DAYS[start]} ({counts[start]})" for start in sorted(counts))
    return f"- {row.injected} ({row.setting}): {told}" if told else ""


def _stationary_line(row: Row) -> str:
    named = ", ".join(f"`{name}`" for name in sorted(set(row.false_series))) or "–"
    return f"| {row.setting} | {row.weeks} | {_share(row.false_weeks, row.weeks)} | {named} |"


def _share(part: int, of: int) -> str:
    """Of weeks, with what it is between."""
    interval = wilson(part, of, 0.95)
    assert interval.low is not None
    assert interval.high is not None
    return f"{part / of:.1%} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def _drifting_line(row: Row) -> str:
    found, sized = max(1, row.found), max(1, len(row.sizes))
    off = np.abs(row.hours_off) if row.hours_off else np.array([math.nan])
    shown = (
        f"{row.injected}; {row.setting}{'' if row.claimed else ' (not promised)'}",
        f"{row.weeks}",
        _share(row.found, row.weeks),
        f"{np.median(off):.1f} h",
        f"{np.quantile(off, 0.9):.1f} h",
        f"{row.moment_covered / found:.1%}",
        f"{row.truth:+.1%}",
        f"{np.median(row.sizes) if row.sizes else math.nan:+.1%}",
        f"{row.size_covered / sized:.1%}",
        f"{row.false_weeks / row.weeks:.1%}",
    )
    return f"| {' | '.join(shown)} |"


def main() -> int:
    """Run the study, write its table, say which claims held: 1 where one broke."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", type=int, default=WEEKS, help=f"weeks a setting (default {WEEKS})")
    parser.add_argument(
        "--first", type=int, default=FIRST, help=f"number of the first week, which is its seed (default {FIRST})"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: a core each")
    parser.add_argument("--out", type=Path, help="a folder for drift.json and drift.md instead of the repository's")
    given = parser.parse_args()
    if not 1 <= given.weeks <= _APART or given.first < 0:
        parser.error(f"accepted: --weeks from 1 to {_APART}, --first of at least 0")
    rows = whole_study(given.weeks, given.first, given.processes)
    folder = given.out or _HERE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "drift.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    if given.out:
        (folder / "drift.md").write_text(tables(rows), encoding="utf-8")
    else:
        before, _, _ = _DOCS.read_text(encoding="utf-8").partition(_MARK)
        _DOCS.write_text(f"{before}{_MARK}\n{tables(rows)}", encoding="utf-8")
    print(tables(rows))
    return 0 if all(held for row in rows for _, held in row.claims()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
