"""`make check-dashboards`: does every dashboard show what it says, on a real run and a real Prometheus?

Starts a simulator, Prometheus with the repository's configuration and a short run; then asks Prometheus every query of
every dashboard with the variables filled in, prints what the panels show, and fails where one shows nothing, asks for a
metric that nobody exports, or is not drawn properly. The test of the same uses the functions here.
"""

import math
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grafana.beside import Beside, beside_summary, panels_beside
from grafana.filling import answer, expression, values_for
from grafana.promql import grouped_in, labels_in, metrics_in, named, selectors_in
from grafana.promserver import Prometheus, QueryError, Series, installed
from grafana.reading import Asked, Board, boards, faults_of
from grafana.trial import Trial, tried

# Names that a query may ask of servers which the trial does not have, always beside (`or`) one that it has.
_OF_OTHER_SERVERS = re.compile(r"sglang:\w+|DCGM_\w+")
# What the trial can't show: why, and a series with the same labels. These may be empty there, and nothing else.
NOT_IN_THE_TRIAL = {
    "loadgen_target_users": ("closed loop only", "loadgen_target_rate"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What one query of a dashboard showed: how many series, and the first of them that has a value.

    last: that one's last value. absent: why the trial has none of it.
    """

    asked: Asked
    series: int
    labels: Mapping[str, str]
    last: float | None
    absent: str | None = None


def check(
    board: Board, prometheus: Prometheus, trial: Trial, known: Mapping[str, set[str]]
) -> tuple[list[Shown], list[str]]:
    """Ask everything that the dashboard asks. What it showed, and what is wrong, in words.

    known: the labels of every metric that Prometheus has.
    """
    values, faults = values_for(board, prometheus, trial)
    faults += faults_of(board)
    shown = []
    for asked in board.asked():
        expr = expression(asked, values)
        names = metrics_in(expr)
        why = next((reason for name, (reason, _) in NOT_IN_THE_TRIAL.items() if name in names - known.keys()), None)
        wrong = list(_asked_wrongly(expr, known))
        found: list[Series] = []
        try:
            found = answer(asked, expr, prometheus, trial)
        except QueryError as error:
            wrong.append(f"{error}\n    {expr}")
        else:
            wrong += _shown_wrongly(asked, found)
        labels, last = _last(found)
        if last is None and why is None and not wrong:
            wrong.append(f"shows nothing\n    {expr}")
        faults += [f"{board.title}, {asked.where}: {fault}" for fault in wrong]
        shown.append(Shown(asked, len(found), labels, last, why))
    return shown, faults


def _asked_wrongly(expr: str, known: Mapping[str, set[str]]) -> Iterator[str]:
    """What a query names that is not there. Prometheus itself takes a label that nothing has for an empty one."""
    if "$" in expr:
        yield f"a variable that is not there: {expr}"
    selectors = [selector for selector in selectors_in(expr) if not _OF_OTHER_SERVERS.fullmatch(selector.metric)]
    known = {**known, **{name: known.get(like, set()) for name, (_, like) in NOT_IN_THE_TRIAL.items()}}
    there = set[str]().union(*(known.get(selector.metric, ()) for selector in selectors))
    if nowhere := grouped_in(expr) - there:
        yield f"groups by {', '.join(sorted(nowhere))}, which none of its metrics has"
    if strange := {selector.metric for selector in selectors} - known.keys():
        yield f"nobody exports {', '.join(sorted(strange))}"
    for selector in selectors:
        labels = known.get(selector.metric)
        if labels is None:
            continue
        if unknown := selector.labels - labels:
            yield f"{selector.metric} has no {', '.join(sorted(unknown))}"
        if "run_id" in labels - selector.labels:
            yield f"{selector.metric} is not only of the chosen run"


def _shown_wrongly(asked: Asked, found: Sequence[Series]) -> Iterator[str]:
    """What can't be told apart in an answer."""
    if not asked.names_series:
        return
    if missing := {label for label in labels_in(asked.legend) if any(label not in series.labels for series in found)}:
        yield f"its series have no {', '.join(sorted(missing))}, which its legend shows"
    if len({named(asked.legend, series.labels) for series in found}) < len(found):
        yield f"{len(found)} series of {asked.legend!r} can't be told apart"


def _last(found: Sequence[Series]) -> tuple[Mapping[str, str], float | None]:
    """The first series that has a value, and its last one."""
    for series in found:
        known = [value for _, value in series.points if not math.isnan(value)]
        if known:
            return series.labels, known[-1]
    return {}, None


def _table(board: Board, shown: Sequence[Shown]) -> Iterator[str]:
    yield f"\n{board.title}"
    for line in shown:
        value = "nothing" if line.last is None else f"{line.last:.6g}"
        note = f" ({line.absent})" if line.last is None and line.absent else ""
        unit = f" [{line.asked.unit}]" if line.asked.unit else ""
        yield f"  {value:>14}  {line.series:>3} series  {line.asked.where}{unit} {line.asked.legend}".rstrip() + note


def _comparison(found: Sequence[Beside]) -> Iterator[str]:
    yield f"\n{'beside summary.json':<24} {'Prometheus':>12} {'summary':>12}"
    for figure in found:
        yield f"  {f'{figure.name} {figure.unit}':<22} {figure.prometheus:>12.5g} {figure.summary:>12.5g}"


def main() -> int:
    """Check all of them; the exit code."""
    if not installed():
        print("prometheus and promtool are not installed; on Debian and Ubuntu: apt-get install prometheus")
        return 2
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder, tried(Path(folder)) as (prometheus, trial):
        known = prometheus.labels()
        for board in boards():
            shown, wrong = check(board, prometheus, trial, known)
            print("\n".join(_table(board, shown)))
            faults += wrong
        found = [*beside_summary(prometheus, trial), *panels_beside(prometheus, trial)]
        print("\n".join(_comparison(found)))
        faults += [f"{figure.name} is not that of summary.json" for figure in found if not figure.agree]
    print()
    print("\n".join(f"FAULT {fault}" for fault in faults) or "every panel shows something, of a metric that exists")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
