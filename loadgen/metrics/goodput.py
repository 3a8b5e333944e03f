"""Good turns: which ones met every limit that applies to them. Counted by the recorder, on the event loop.

A limit on a time that the turn does not have: a streamed reply without any output (ttft), or without an answer
(ttfo), has kept its reader waiting for ever and misses; a reply of at most one token has no time per token, and meets
any limit on it. A reply that was not streamed has no ttft, ttfo and tpot, and one of unknown length no tpot: whether it
was good is unknown, and so is the goodput.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from loadgen.metrics.counters import Counters
from loadgen.metrics.plan import LimitedTime, RunPlan, TurnLimit
from loadgen.metrics.turn import TurnMeasurement
from loadgen.scenario.slos import Slo

_NEVER: Final = 1 << 62
# One limit's place among the plan's, what it is on, and how long that may be.
_Check = tuple[int, Callable[[TurnMeasurement, int | None], int | None], int]


def turn_limits(slos: Iterable[Slo], stages: Sequence[str], workloads: Sequence[str]) -> tuple[TurnLimit, ...]:
    """The limits that a single turn can be held against: those of objectives on its own times, whatever percentile.

    Every name must be one of `stages` and `workloads`, as the scenario model has made sure.
    """
    times: dict[str, LimitedTime] = {
        "ttft": "ttft",
        "ttfo": "ttfo",
        "tpot": "tpot",
        "e2e": "e2e",
        "service.ttft": "service_ttft",
        "service.e2e": "service_e2e",
    }
    return tuple(
        TurnLimit(
            slo.text,
            times[slo.metric],
            slo.turn_limit_ns,
            None if slo.stage is None else stages.index(slo.stage),
            None if slo.workload is None else workloads.index(slo.workload),
        )
        for slo in slos
        if slo.is_turn_limit
    )


class Judge:
    """Holds ok turns against the plan's limits; one a recorder."""

    __slots__ = ("_checks", "_limits", "_workloads")

    def __init__(self, plan: RunPlan) -> None:
        self._limits = plan.limits
        self._workloads = {name: index for index, name in enumerate(plan.workloads)}
        # By stage and workload, for most turns of a second are of the same few.
        self._checks: dict[tuple[int, str], tuple[_Check, ...]] = {}

    def is_good(self, counters: Counters, m: TurnMeasurement, tpot_ns: int | None) -> bool | None:
        """Count an ok turn; whether it met every limit, None where that can't be known."""
        key = (m.stage, m.workload)
        checks = self._checks.get(key)
        if checks is None:
            checks = self._checks[key] = self._of(m.stage, self._workloads[m.workload])
        if not counters.slo_good:
            counters.slo_good = [0] * len(self._limits)
        missed = unknown = False
        for index, time_of, most_ns in checks:
            time_ns = time_of(m, tpot_ns)
            if time_ns is None:
                unknown = True
            elif time_ns <= most_ns:
                counters.slo_good[index] += 1
            else:
                missed = True
        if missed:
            return False
        if unknown:
            counters.good_unknown += 1
            return None
        counters.good += 1
        return True

    def _of(self, stage: int, workload: int) -> tuple[_Check, ...]:
        return tuple(
            (index, _TIMES[limit.time], limit.most_ns)
            for index, limit in enumerate(self._limits)
            if limit.applies_to(stage, workload)
        )


def _ttft(m: TurnMeasurement, tpot_ns: int | None) -> int | None:  # noqa: ARG001 - one face for all times
    return _since(m, m.first_output_ns, m.intended_ns)


def _ttfo(m: TurnMeasurement, tpot_ns: int | None) -> int | None:  # noqa: ARG001
    return _since(m, m.first_answer_ns, m.intended_ns)


def _service_ttft(m: TurnMeasurement, tpot_ns: int | None) -> int | None:  # noqa: ARG001
    return _since(m, m.first_output_ns, m.sent_ns)


def _since(m: TurnMeasurement, output_ns: int | None, from_ns: int | None) -> int | None:
    if not m.streamed or from_ns is None:
        return None
    return _NEVER if output_ns is None else output_ns - from_ns


def _tpot(m: TurnMeasurement, tpot_ns: int | None) -> int | None:
    if tpot_ns is not None:
        return tpot_ns
    return None if not m.streamed or m.output_tokens is None else 0


def _e2e(m: TurnMeasurement, tpot_ns: int | None) -> int | None:  # noqa: ARG001
    return m.end_ns - m.intended_ns


def _service_e2e(m: TurnMeasurement, tpot_ns: int | None) -> int | None:  # noqa: ARG001
    return None if m.sent_ns is None else m.end_ns - m.sent_ns


_TIMES: dict[LimitedTime, Callable[[TurnMeasurement, int | None], int | None]] = {
    "ttft": _ttft,
    "ttfo": _ttfo,
    "tpot": _tpot,
    "e2e": _e2e,
    "service_ttft": _service_ttft,
    "service_e2e": _service_e2e,
}
