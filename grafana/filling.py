"""Fills Grafana's variables into what a dashboard asks, and asks it, as Grafana would have done after the trial.

Used by check.py and beside.py.
"""

import math
import re
from collections.abc import Mapping, Sequence

from grafana.promserver import Prometheus, Series
from grafana.reading import Asked, Board, Variable
from grafana.trial import STEP_S, Trial

# As on a dashboard of some minutes: what a run's last scrape tells must be found there too.
_COARSE_STEP_S = 5
# What Grafana's Prometheus data source escapes in the values of a variable that may have several.
_SPECIAL = re.compile(r"[\\^$*+?.()|{}\[\]]")


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
    """All values, each by itself, as when somebody has ticked them: `.*` would also fit a label that nothing has."""
    if variable.several:
        return f"({'|'.join(_SPECIAL.sub(_escaped, value) for value in found)})"
    return trial.run_id if variable.name == "run" else next(iter(found), "")


def _escaped(found: re.Match[str]) -> str:
    return f"\\\\{found[0]}"


def expression(asked: Asked, values: Mapping[str, str]) -> str:
    """What is sent to Prometheus. values: of the variables, as `values_for` has them."""
    return filled(asked.expr, {**values, **_windows(_COARSE_STEP_S)} if asked.coarse else values)


def answer(asked: Asked, expr: str, prometheus: Prometheus, trial: Trial) -> list[Series]:
    """What comes back. Raises QueryError."""
    if asked.instant:
        return prometheus.at(expr, trial.end_s)
    if asked.coarse:
        return prometheus.over(expr, trial.start_s, trial.end_s + _COARSE_STEP_S, _COARSE_STEP_S)
    return prometheus.over(expr, trial.start_s, trial.end_s, STEP_S)
