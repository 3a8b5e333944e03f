"""Are variance components recovered? A simulation study of crossed 0/1 answers whose components are known exactly.

`python -m benchmarks.variance` writes benchmarks/variance.md and .json; a short version with fixed seeds is part of the
tests. A claim is broken where an interval of 95 % covers less than 93 %, or the mean estimate is off by more than a
tenth of its truth and 0.005.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from scipy.special import bdtrc, expit

from benchmarks.populations import F64
from loadgen.stats.variance import Component, Components, components

_HERE = Path(__file__).parent
_COVERED = 0.93
_BIAS = 0.005
_RELATIVE_BIAS = 0.1
_PARTS = ("task", "phrasing", "interaction", "rest", "icc")
_COLUMNS = (
    "| answers | tasks x phrasings x repeats | part | truth | mean estimate | covered % | too high, too low % "
    "| cut at 0 % |\n" + "| --- " * 8 + "|"
)
# Points of Gauss and Hermite: components are exact to 6 digits with these.
_POINTS = 24


@dataclass(frozen=True, slots=True)
class Setting:
    """Answers right with the chance logit^-1(middle + task + phrasing + both), normal with these standard deviations.

    hard: this share of tasks is never solved, whatever else. kept: this share of the cells is asked at all.
    claimed: whether the intervals are meant to hold there.
    """

    name: str
    middle: float
    task: float = 0.0
    phrasing: float = 0.0
    both: float = 0.0
    hard: float = 0.0
    tasks: int = 40
    phrasings: int = 11
    repeats: int = 3
    kept: float = 1.0
    claimed: bool = True

    def truth(self) -> dict[str, float]:
        """The components of one answer's variance on the scale of 0 and 1, by quadrature."""
        points, weights = np.polynomial.hermite_e.hermegauss(_POINTS)
        weights = weights / weights.sum()
        chance = expit(
            self.middle
            + self.task * points[:, None, None]
            + self.phrasing * points[None, :, None]
            + self.both * points[None, None, :]
        )
        cell = chance @ weights
        squares = (chance**2) @ weights
        solved = 1 - self.hard
        mean = solved * float(weights @ cell @ weights)
        task = solved * float(weights @ (cell @ weights) ** 2) - mean**2
        phrasing = float(weights @ (solved * (weights @ cell)) ** 2) - mean**2
        pairs = solved * float(weights @ squares @ weights) - mean**2
        total = mean * (1 - mean)
        return {
            "task": task,
            "phrasing": phrasing,
            "interaction": pairs - task - phrasing,
            "rest": total - pairs,
            "icc": task / total,
        }

    def draw(self, rng: np.random.Generator) -> Components | None:
        """One run's estimates."""
        task = self.task * rng.normal(size=(self.tasks, 1, 1))
        phrasing = self.phrasing * rng.normal(size=(1, self.phrasings, 1))
        both = self.both * rng.normal(size=(self.tasks, self.phrasings, 1))
        chance = expit(self.middle + task + phrasing + both) * (rng.random((self.tasks, 1, 1)) >= self.hard)
        right: F64 = (rng.random((self.tasks, self.phrasings, self.repeats)) < chance).astype(np.float64)
        asked = np.broadcast_to(rng.random((self.tasks, self.phrasings, 1)) < self.kept, right.shape)
        places = np.indices(right.shape)
        return components(right[asked], places[0][asked], places[1][asked])


SETTINGS = (
    Setting("nothing but chance", 1.4),
    Setting("tasks differ", 1.0, task=1.5),
    Setting("phrasings differ", 1.0, phrasing=0.8),
    Setting("both differ", 1.0, task=1.2, phrasing=0.6),
    Setting("all of it", 0.8, task=1.2, phrasing=0.6, both=1.0),
    Setting("a good model", 3.0, task=1.5, phrasing=0.5),
    Setting("a tenth of the tasks never solved", 2.0, phrasing=0.5, hard=0.1, tasks=100),
    Setting("two runs of 14 tasks", 0.8, task=1.2, phrasing=0.6, both=1.0, tasks=14, repeats=2),
    Setting("100 tasks", 0.8, task=1.2, phrasing=0.6, both=1.0, tasks=100, repeats=2),
    Setting("a third of the cells missing", 0.8, task=1.2, phrasing=0.6, both=1.0, kept=0.67),
    Setting("a third missing, 14 tasks", 0.8, task=1.2, phrasing=0.6, tasks=14, repeats=2, kept=0.67),
    Setting("each once", 0.8, task=1.2, phrasing=0.6, repeats=1),
    Setting("10 tasks, a tenth never solved", 2.0, phrasing=0.5, hard=0.1, tasks=10, claimed=False),
)


@dataclass
class Row:
    """What became of one component over the runs; counts of runs, and sums of estimates."""

    setting: str
    size: str
    part: str
    truth: float
    claimed: bool
    runs: int = 0
    above: int = 0
    below: int = 0
    truncated: int = 0
    estimates: list[float] = field(default_factory=list)

    def add(self, found: Component) -> None:
        """Count one run's estimate; one that is unknown counts as covering."""
        self.runs += 1
        if found.estimate is None or found.low is None or found.high is None:
            return
        self.above += found.low > self.truth + 1e-9
        self.below += found.high < self.truth - 1e-9
        self.truncated += found.truncated
        self.estimates.append(found.estimate if found.unbounded is None else found.unbounded)

    def covered(self) -> float:
        """The share of runs whose interval holds the truth."""
        return 1 - (self.above + self.below) / self.runs

    def bias(self) -> float:
        """The mean estimate, before it is cut off at 0, less the truth."""
        return float(np.mean(self.estimates)) - self.truth if self.estimates else 0.0

    def broken(self, slack: float = 0.0) -> bool:
        """Whether a claim is, beyond what chance does to this number of runs with a probability of `slack`."""
        if not self.claimed:
            return False
        missed = self.above + self.below
        allowed = max(_BIAS, _RELATIVE_BIAS * self.truth)
        if slack == 0.0:
            return missed > (1 - _COVERED) * self.runs or abs(self.bias()) > allowed
        error = 4 * float(np.std(self.estimates)) / np.sqrt(max(1, len(self.estimates))) if self.estimates else 0.0
        return bool(bdtrc(missed - 1, self.runs, 1 - _COVERED) < slack) or abs(self.bias()) > allowed + error


def rows(setting: Setting, runs: int, seed: int) -> list[Row]:
    """One setting's components over so many runs."""
    rng = np.random.default_rng(seed)
    truth = setting.truth()
    size = f"{setting.tasks} x {setting.phrasings} x {setting.repeats}"
    # Without repeats interaction and rest are one.
    parts = [part for part in _PARTS if part != "interaction" or setting.repeats > 1]
    if setting.repeats == 1:
        truth["rest"] += truth["interaction"]
    found = {part: Row(setting.name, size, part, truth[part], setting.claimed) for part in parts}
    for _ in range(runs):
        split = setting.draw(rng)
        for part, row in found.items():
            row.add(Component(None, None, None) if split is None else getattr(split, part))
    return list(found.values())


def study(runs: int, seed: int = 1) -> Iterator[Row]:
    """All of it."""
    for number, setting in enumerate(SETTINGS):
        yield from rows(setting, runs, seed + number)


def markdown(found: list[Row]) -> str:
    """The page."""
    claimed = [row for row in found if row.claimed]
    kept = sum(not row.broken() for row in claimed)
    lines = [
        "# Are variance components recovered?",
        "",
        "Written by `make variance-study`; [docs/reasoning.md](../docs/reasoning.md) says how they are estimated. "
        f"{found[0].runs} runs a row from fixed seeds; answers are 0 or 1, intervals 95 %.",
        "",
        f"**{kept} of {len(claimed)} rows cover at least {_COVERED:.0%} and are off on average by no more than a "
        f"tenth or {_BIAS:g}**; {sum(row.broken(1e-3) for row in claimed)} fall short by more than chance does.",
        "",
        _COLUMNS,
        *(_line(row) for row in found),
    ]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    above, below, cut = (f"{100 * count / row.runs:.1f}" for count in (row.above, row.below, row.truncated))
    mark = " (not claimed)" if not row.claimed else " **broken**" if row.broken() else ""
    mean = row.truth + row.bias()
    return (
        f"| {row.setting} | {row.size} | {row.part} | {row.truth:.4f} | {mean:.4f} | {100 * row.covered():.1f}{mark} "
        f"| {above}, {below} | {cut} |"
    )


def main() -> int:
    """Run the study and write its page and its numbers; 1 where a claim is broken by more than chance."""
    found = list(study(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
    (_HERE / "variance.md").write_text(markdown(found), encoding="utf-8")
    table = [{**asdict(row), "estimates": row.truth + row.bias()} for row in found]
    (_HERE / "variance.json").write_text("[\n" + ",\n".join(map(json.dumps, table)) + "\n]\n", encoding="utf-8")
    return int(any(row.broken(1e-3) for row in found))


if __name__ == "__main__":
    sys.exit(main())
