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

from grafana.beside import Beside, beside_summary
from grafana.promserver import Prometheus, QueryError, Series, installed
from grafana.reading import Asked, Board, Variable, boards, faults_of
from grafana.trial import STEP_S, Trial, tried

# As on a dashboard of some minutes: what a run's last scrape tells must be found there too.
_COARSE_STEP_S = 5
# Names that a query may ask of servers which the trial does not have, always beside (`or`) one that it has.
_OF_OTHER_SERVERS = re.compile(r"sglang:\w+|DCGM_\w+")
# What the trial can't show, and why: these may be empty there, and nothing else.
NOT_IN_THE_TRIAL = {
    "loadgen_target_users": "closed loop only",
}
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_IN_BRACES = re.compile(r"\{[^}]*\}|\[[^\]]*\]")
# What follows by, without, on, ignoring and the like: labels, not metrics.
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"\b[a-zA-Z_:][a-zA-Z0-9_:]*\b(?!\s*\()")
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "group_left", "inf"})


@dataclass(frozen=True, slots=True)
class Shown:
    """What one query of a dashboard showed: how many series, and the last value of the first of them.

    absent: why the trial has none of it.
    """

    where: str
    series: int
    last: float | None
    absent: str | None = None


def metrics_in(expr: str) -> set[str]:
    """The metric names of an expression."""
    bare = _LABELS.sub(" ", _IN_BRACES.sub(" ", _STRING.sub('""', expr)))
    return {name for name in _NAME.findall(bare) if name not in _WORDS and not name.isdecimal()}


def filled(text: str, values: Mapping[str, str]) -> str:
    """Grafana's variables replaced, as Grafana does it for `$name`, `${name}` and `${name:regex}`."""
    return re.sub(
        r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))",
        lambda found: values.get(found[1] or found[2], found[0]),
        text,
    )


def values_for(board: Board, prometheus: Prometheus, trial: Trial) -> tuple[dict[str, str], list[str]]:
    """A value for every variable, and what is wrong with the variables' queries."""
    span_s = max(1, math.ceil(trial.end_s - trial.start_s))
    values = {
        **_windows(STEP_S),
        "__range": f"{span_s}s",
        "__range_s": str(span_s),
    }
    faults = []
    for variable in board.variables():
        selector = filled(variable.selector, values)
        found = prometheus.values_of(variable.label, selector, trial.start_s, trial.end_s)
        if not found:
            faults.append(f"{board.title}: variable {variable.name} has no values: {selector}")
        values[variable.name] = _chosen(variable, found, trial)
    return values, faults


def _windows(step_s: int) -> dict[str, str]:
    """Grafana's own variables of this step, with a scrape interval of 1 s."""
    rate_s = max(4, 1 + step_s)
    return {
        "__interval": f"{step_s}s",
        "__rate_interval": f"{rate_s}s",
        "__rate_interval_ms": str(1000 * rate_s),
    }


def _chosen(variable: Variable, found: Sequence[str], trial: Trial) -> str:
    if variable.several:
        return ".*"
    return trial.run_id if variable.name == "run" else next(iter(found), "")


def check(board: Board, prometheus: Prometheus, trial: Trial, known: set[str]) -> tuple[list[Shown], list[str]]:
    """Ask everything that the dashboard asks. What it showed, and what is wrong, in words."""
    values, faults = values_for(board, prometheus, trial)
    faults += faults_of(board)
    shown = []
    for asked in board.asked():
        expr = filled(asked.expr, values | _windows(_COARSE_STEP_S) if asked.coarse else values)
        label = f"{asked.where} [{asked.unit}] {asked.legend}".rstrip()
        names = metrics_in(expr)
        why = next((reason for name, reason in NOT_IN_THE_TRIAL.items() if name in names - known), None)
        strange = {name for name in names - known - NOT_IN_THE_TRIAL.keys() if not _OF_OTHER_SERVERS.fullmatch(name)}
        if strange:
            faults.append(f"{board.title}, {asked.where}: nobody exports {', '.join(sorted(strange))}")
        if "$" in expr:
            faults.append(f"{board.title}, {asked.where}: a variable that is not there: {expr}")
        try:
            found = _answer(asked, expr, prometheus, trial)
        except QueryError as error:
            faults.append(f"{board.title}, {asked.where}: {error}\n    {expr}")
            continue
        last = _last(found)
        if last is None and why is None:
            faults.append(f"{board.title}, {asked.where}: shows nothing\n    {expr}")
        shown.append(Shown(label, len(found), last, why))
    return shown, faults


def _answer(asked: Asked, expr: str, prometheus: Prometheus, trial: Trial) -> list[Series]:
    if asked.instant:
        return prometheus.at(expr, trial.end_s)
    if asked.coarse:
        return prometheus.over(expr, trial.start_s, trial.end_s + _COARSE_STEP_S, _COARSE_STEP_S)
    return prometheus.over(expr, trial.start_s, trial.end_s, STEP_S)


def _last(found: Sequence[Series]) -> float | None:
    for series in found:
        known = [value for _, value in series.points if not math.isnan(value)]
        if known:
            return known[-1]
    return None


def _table(board: Board, shown: Sequence[Shown]) -> Iterator[str]:
    yield f"\n{board.title}"
    for line in shown:
        value = "nothing" if line.last is None else f"{line.last:.6g}"
        note = f" ({line.absent})" if line.last is None and line.absent else ""
        yield f"  {value:>14}  {line.series:>3} series  {line.where}{note}"


def _comparison(found: Sequence[Beside]) -> Iterator[str]:
    yield f"\n{'beside summary.json':<20} {'Prometheus':>12} {'summary':>12}"
    for figure in found:
        yield f"  {f'{figure.name} {figure.unit}':<18} {figure.prometheus:>12.5g} {figure.summary:>12.5g}"


def main() -> int:
    """Check all of them; the exit code."""
    if not installed():
        print("prometheus and promtool are not installed; on Debian and Ubuntu: apt-get install prometheus")
        return 2
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder, tried(Path(folder)) as (prometheus, trial):
        known = prometheus.names()
        for board in boards():
            shown, wrong = check(board, prometheus, trial, known)
            print("\n".join(_table(board, shown)))
            faults += wrong
        found = beside_summary(prometheus, trial)
        print("\n".join(_comparison(found)))
        faults += [f"{figure.name} is not that of summary.json" for figure in found if not figure.agree]
    print()
    print("\n".join(f"FAULT {fault}" for fault in faults) or "every panel shows something, of a metric that exists")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
