"""Which probe is due when: a pure function of the plan, so that a soak that was cut off anywhere knows what is left.

Numbers follow from window and place alone: the same plan gives the same numbers and due times in every process.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from loadgen.history.model import Kind
from loadgen.scenario.quantities import format_duration
from loadgen.scenario.soak import ProbeKind

# Where in a window each kind begins, as a share of it: apart, so that one does not load the target while another
# measures.
_AT: Mapping[str, float] = {"warm": 0.0, "output": 0.30, "tools": 0.55, "latency": 0.75}
_PLANTS_FROM, _PLANTS_TO = 0.05, 0.25
# Every window begins so much later at most: probes at the same minute of each hour would meet other people's jobs.
_SHIFT = 0.1
# A cache that is asked so much later than it should be has been asked something else.
_LATE_CHECK = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """What a schedule follows from. probes: the kinds that are made; after_s: the delays of the cache's re-checks."""

    started_s: float
    every_s: float
    windows: int
    seed: int
    probes: tuple[ProbeKind, ...]
    after_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """One probe to make. latest_s: begun later, it would not be this window's any more.

    delay_s: of a re-check, how long after the end of its planting it is made; planting: the number of that.
    """

    number: int
    window: int
    kind: Kind
    name: str
    due_s: float
    latest_s: float
    delay_s: float | None = None
    planting: int | None = None


Standing = Literal["due", "missed", "interrupted"]


def delay_name(delay_s: float) -> str:
    """A delay as measures and probes are named by it: 1m, 5m, 60m."""
    minutes = delay_s / 60
    # The hour's is known as 60m.
    return f"{int(minutes)}m" if minutes == int(minutes) and minutes < 600 else format_duration(delay_s)


def names_of(probes: Collection[ProbeKind], after_s: Sequence[float]) -> list[str]:
    """The names of a window's probes, in the order of their numbers."""
    delays = [delay_name(delay_s) for delay_s in after_s] if "cache" in probes else []
    names = ["warm"] if "cache" in probes else []
    names += [f"plant_{delay}" for delay in delays]
    names += [kind for kind in ("output", "tools", "latency") if kind in probes]
    return names + [f"after_{delay}" for delay in delays]


def window_of(plan: Plan, window: int) -> list[Due]:
    """The probes of one window, by number."""
    names = names_of(plan.probes, plan.after_s)
    begin_s = plan.started_s + window * plan.every_s
    shift = Random(f"soak {plan.seed} window {window}").random() * _SHIFT
    found: dict[str, Due] = {}
    for place, name in enumerate(names):
        number = window * len(names) + place
        if name.startswith("after_"):
            delay_s = plan.after_s[[delay_name(delay) for delay in plan.after_s].index(name.removeprefix("after_"))]
            planting = found[f"plant_{name.removeprefix('after_')}"]
            due_s = planting.due_s + delay_s
            found[name] = Due(
                number, window, "cache", name, due_s, planting.latest_s + delay_s, delay_s, planting.number
            )
            continue
        due_s = begin_s + (_share_of(name, plan.after_s) + shift) * plan.every_s
        kind: Kind = "output" if name == "output" else "tools" if name == "tools" else "cache"
        found[name] = Due(number, window, "latency" if name == "latency" else kind, name, due_s, due_s + plan.every_s)
    return list(found.values())


def schedule_of(plan: Plan) -> list[Due]:
    """All probes of a soak, by number."""
    return [due for window in range(plan.windows) for due in window_of(plan, window)]


def standing(due: Due, now_s: float, under_way: Collection[int]) -> Standing:
    """What has become of a probe that has not ended, when the soak goes on. under_way: those that had begun."""
    if due.number in under_way:
        return "interrupted"
    return "due" if now_s <= due.latest_s else "missed"


def tells_of_another_delay(due: Due, planted_s: float, now_s: float, set_by_s: float) -> str | None:
    """Why a re-check at this moment would tell of another delay than its own; None where it would not.

    planted_s: its planting's end. set_by_s: by how much the clock was set since, forwards or back.
    """
    assert due.delay_s is not None
    if abs(set_by_s) > _LATE_CHECK * due.delay_s:
        return "the clock was set since its prefix was planted"
    return "it could not begin in time" if now_s - planted_s > (1 + _LATE_CHECK) * due.delay_s else None


def _share_of(name: str, after_s: Sequence[float]) -> float:
    if name in _AT:
        return _AT[name]
    place = [f"plant_{delay_name(delay_s)}" for delay_s in after_s].index(name)
    return _PLANTS_FROM + (_PLANTS_TO - _PLANTS_FROM) * place / len(after_s)
