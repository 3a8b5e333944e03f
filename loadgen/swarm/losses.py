"""What the load missed while a worker was gone: between when and when, and how many arrivals of the plan.

Fed by the conductor; knows nothing of messages. All times are seconds from the run's start.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from loadgen.metrics.summary import Loss


@dataclass(slots=True)
class _Gap:
    worker: str
    permits: frozenset[int]
    from_s: float
    to_s: float | None = None
    sessions: int | None = None
    returned: bool = False


class Losses:
    """Gaps in the load of one run, each from the last that is known of a worker until others had its permits."""

    def __init__(self) -> None:
        self._gaps: list[_Gap] = []

    def open(self, worker: str, permits: Iterable[int], from_s: float, sessions: int) -> None:
        """A worker is gone, last heard of at `from_s` with so many sessions under way."""
        self._gaps.append(_Gap(worker, frozenset(permits), from_s, sessions=sessions))

    def came_back(self, worker: str, permits: Iterable[int], let_go_s: float) -> None:
        """It was only cut off, and played on until `let_go_s`; its reports of that time arrive late, but arrive."""
        gap = next((gap for gap in reversed(self._gaps) if gap.worker == worker and not gap.returned), None)
        if gap is None:
            gap = _Gap(worker, frozenset(permits), let_go_s)
            self._gaps.append(gap)
        gap.from_s, gap.sessions, gap.returned = let_go_s, 0, True

    def taken_over(self, at_s: float) -> None:
        """From `at_s` on, living workers hold every permit."""
        for gap in self._gaps:
            if gap.to_s is None:
                gap.to_s = at_s

    def told(self, end_s: float, arrivals: Iterable[float] | None, permit_count: int) -> list[Loss]:
        """The losses, in order. end_s: when the load ended. arrivals: the plan's, None where there is none to count."""
        self.taken_over(end_s)
        gaps = [(gap, gap.from_s, min(end_s, gap.to_s if gap.to_s is not None else end_s)) for gap in self._gaps]
        missed = [0] * len(gaps)
        latest_s = max((to_s for _, _, to_s in gaps), default=0.0)
        for number, at_s in enumerate(arrivals if arrivals is not None and gaps else ()):
            if at_s >= latest_s:
                break
            for index, (gap, from_s, to_s) in enumerate(gaps):
                if from_s <= at_s < to_s and number % permit_count in gap.permits:
                    missed[index] += 1
        return [
            Loss(
                worker=gap.worker,
                from_s=from_s,
                to_s=to_s,
                permits=len(gap.permits),
                arrivals=None if arrivals is None else missed[index],
                sessions=gap.sessions,
                returned=gap.returned,
            )
            for index, (gap, from_s, to_s) in enumerate(gaps)
            if to_s > from_s
        ]


def loss_note(loss: Loss) -> str:
    """One loss as a line for the user."""
    how = "was cut off" if loss.returned else "was lost"
    share = f"its {loss.permits} permits" if loss.arrivals is None else f"its {loss.arrivals} arrivals of the plan"
    what = "were not played" if loss.returned else "were not played, or not reported"
    text = f"worker {loss.worker} {how}: from {loss.from_s:.1f} s to {loss.to_s:.1f} s {share} {what}"
    return text + (f", nor the ends of {loss.sessions} sessions under way" if loss.sessions else "")
