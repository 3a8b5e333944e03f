"""The rules of a comparison: from how far a figure has moved to what that means. A pure function of numbers."""

import math
from dataclasses import dataclass

from loadgen.comparison.figures import Figure
from loadgen.comparison.result import MetricOutcome
from loadgen.stats.comparison import Shift


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts. min_effect: the least relative change; min_points: the least difference of shares.

    rule_out: the relative change for the worse that has to be ruled out before it is said that there is none.
    confidence: of intervals, two-sided. run_noise: the run-to-run standard deviation of a latency or rate, relative,
    that is assumed where one run a side can't show it.
    """

    min_effect: float = 0.02
    min_points: float = 0.01
    rule_out: float = 0.05
    confidence: float = 0.95
    run_noise: float = 0.02

    def margin(self, figure: Figure) -> float:
        """The least change that counts, on the scale of the figure's shifts: a logarithm, or a difference."""
        return math.log1p(self.min_effect) if figure.scale == "ratio" else self.min_points

    def tolerance(self, figure: Figure) -> float:
        """The change for the worse to rule out, on the same scale; never less than what counts."""
        least = self.margin(figure)
        return max(math.log1p(self.rule_out), least) if figure.scale == "ratio" else least

    def shared(self, figures: int) -> float:
        """The confidence of each interval that lets so many hold together (Bonferroni)."""
        return 1 - (1 - self.confidence) / max(1, figures)


def worsened(shift: Shift, figure: Figure) -> Shift:
    """The shift with its sign turned so that worse is positive."""
    if figure.better != "higher":
        return shift

    def turned(bound: float | None) -> float | None:
        return None if bound is None else -bound

    return Shift(
        -shift.estimate, turned(shift.high), turned(shift.low), turned(shift.wide_high), turned(shift.wide_low)
    )


def outcome_of(worse: Shift, margin: float, tolerance: float) -> MetricOutcome:
    """What a shift means, positive being worse.

    A change is claimed where the interval of all figures together leaves out 0 and the estimate is at least the margin;
    none, where the figure's own interval lies within the margin; that it is not worse, where that interval stays below
    the tolerance. (All figures have to, so that no correction is due for their number: an intersection-union test,
    Berger 1982.)
    """
    if worse.wide_low is not None and worse.wide_low > 0 and worse.estimate >= margin:
        return "regression"
    if worse.wide_high is not None and worse.wide_high < 0 and worse.estimate <= -margin:
        return "improvement"
    if worse.high is None or worse.high >= tolerance:
        return "cannot_tell"
    return "no_change" if worse.low is not None and worse.low > -margin and worse.high < margin else "not_worse"
