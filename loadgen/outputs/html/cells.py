"""Numbers as people read them, and why one is missing: a cell is text, or a dash with its reason below the table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadgen.metrics.histogram import Dist
from loadgen.outputs.console import NOT_MEASURED, duration, number
from loadgen.outputs.html.markup import Content, Html, el, join


@dataclass(frozen=True, slots=True)
class Missing:
    """A value that was not measured, and why."""

    why: str


Cell = Content | Missing
_MARKS = "abcdefghijklmnopqrstuvwxyz"
# Field of Dist, heading, least values for it.
QUANTILES = (
    ("p50", "p50", 2),
    ("p90", "p90", 10),
    ("p95", "p95", 20),
    ("p99", "p99", 100),
    ("p99_9", "p99.9", 1000),
)


class Notes:
    """The reasons of a table's or list's dashes, each told once below it."""

    def __init__(self) -> None:
        self._whys: list[str] = []

    def show(self, cell: Cell) -> Content:
        """The cell's content; a missing one is a dash with the mark of its reason."""
        if not isinstance(cell, Missing):
            return cell
        if cell.why not in self._whys:
            self._whys.append(cell.why)
        mark = self._mark(self._whys.index(cell.why))
        return join([NOT_MEASURED, el("sup", mark)])

    def told(self) -> Html:
        """The reasons, as a line of their own; nothing where nothing is missing."""
        if not self._whys:
            return Html("")
        parts = [join([el("sup", self._mark(at)), f" {why}"]) for at, why in enumerate(self._whys)]
        return el("p", f"{NOT_MEASURED} was not measured: ", join(parts, "; "), ".", class_="notes")

    @staticmethod
    def _mark(at: int) -> str:
        return _MARKS[at % len(_MARKS)] * (at // len(_MARKS) + 1)


def table(headers: Sequence[str], rows: Iterable[Sequence[Cell]], *, label: str, words: int = 1) -> Html:
    """A table that scrolls sideways by itself where it is too wide. words: so many first columns hold words, not
    numbers. label: what a screen reader calls it."""
    notes = Notes()
    body = [
        el(
            "tr",
            *(
                el("th", notes.show(cell), scope="row")
                if at == 0
                else el("td", notes.show(cell), class_=_of(at, words))
                for at, cell in enumerate(row)
            ),
        )
        for row in rows
    ]
    head = el("tr", *(el("th", header, scope="col", class_=_of(at, words)) for at, header in enumerate(headers)))
    made = el("table", el("thead", head), el("tbody", *body))
    return join([el("div", made, class_="scroll", tabindex="0", role="region", aria_label=label), notes.told()])


def _of(column: int, words: int) -> str | None:
    return None if column < words else "n"


def facts(pairs: Iterable[tuple[str, Cell]]) -> Html:
    """A list of names and values."""
    notes = Notes()
    parts = [join([el("dt", name), el("dd", notes.show(value))]) for name, value in pairs]
    return join([el("dl", *parts), notes.told()])


def count(value: int | None, why: str = "") -> Cell:
    """A whole number, its thousands set apart."""
    return Missing(why) if value is None else f"{value:,}"


def seconds(value: float | None, why: str = "") -> Cell:
    """A time with its unit."""
    return Missing(why) if value is None else duration(value)


def figure(value: float | None, why: str = "", unit: str = "") -> Cell:
    """A plain figure and its unit."""
    return Missing(why) if value is None else f"{number(value)}{unit and ' ' + unit}"


def share(value: float | None, why: str = "") -> Cell:
    """A share as a percentage, fine enough to tell 0.02 % from none."""
    return Missing(why) if value is None else percentage(value)


def percentage(value: float) -> str:
    """A share as a percentage of three digits."""
    return f"{value * 100:.3g}\u202f%" if value < 0.9995 or value >= 1 else f"{value * 100:.5g}\u202f%"


def money(value: float | None, currency: str, why: str = "") -> Cell:
    """A sum of money."""
    if value is None:
        return Missing(why)
    return f"{value:,.2f} {currency}" if abs(value) >= 100 else f"{value:.4g} {currency}"


def quantile_cells(dist: Dist | None, why: str) -> list[Cell]:
    """mean, the quantiles, max and n of a distribution; a quantile needs enough values."""
    if dist is None:
        return [Missing(why)] * (len(QUANTILES) + 2) + ["0"]
    quantiles = [
        seconds(getattr(dist, field), f"{name} takes at least {least:,} values") for field, name, least in QUANTILES
    ]
    return [seconds(dist.mean), *quantiles, seconds(dist.max), count(dist.n)]
