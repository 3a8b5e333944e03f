"""What a reasoning task is: facts, a question, one exact answer, and the words for it in several styles and languages.

Made by the families, read by phrasing.py and workload.py. A task's facts hold in any order: where the order of events
matters, the sentences number them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeVar

# How an answer is written: a whole number, a date (2026-03-05), names in alphabetical order, one name, letters.
Form = Literal["integer", "date", "names", "name", "letters"]
Style = Literal["plain", "terse", "wordy", "formal", "german", "spanish"]
Values = Mapping[str, str | int]
T = TypeVar("T")

NAMES = ("Ada", "Ben", "Cleo", "Dana", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jona")
# The names answer of nobody.
NOBODY = "NONE"


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: which sentence tells it, and the values in it. The values are the same in every language."""

    sentence: str
    values: Values


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a family draws: the facts, the values in opening and question, the answer, and a plausible wrong one."""

    facts: tuple[Fact, ...]
    asked: Values
    answer: str
    wrong: str


@dataclass(frozen=True, slots=True)
class Words:
    """One style's sentences: an opening (may be empty), one for each kind of fact, and the question."""

    opening: str
    facts: Mapping[str, str]
    question: str


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of task. asides: sentences with numbers that have nothing to do with the answer, in English."""

    name: str
    form: Form
    draw: Callable[[Random], Drawn]
    words: Mapping[Style, Words]
    asides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a family. id: `family/number`."""

    family: Family
    id: str
    facts: tuple[Fact, ...]
    asked: Values
    answer: str
    wrong: str

    @property
    def given(self) -> frozenset[str]:
        """Every value that matters, as it is written."""
        return frozenset(str(value) for values in (self.asked, *self._values) for value in values.values())

    @property
    def _values(self) -> tuple[Values, ...]:
        return tuple(fact.values for fact in self.facts)


def draw_tasks(family: Family, count: int, *, seed: int) -> tuple[Task, ...]:
    """The first `count` tasks of a family, no two alike; task k is the same however many are drawn."""
    found: dict[tuple[object, ...], Task] = {}
    for number in range(count):
        rng = Random(f"task {number} of {family.name}, seed {seed}")
        while True:
            drawn = family.draw(rng)
            values = tuple(fact.values for fact in drawn.facts)
            key = (*(tuple(one.items()) for one in values), tuple(drawn.asked.items()))
            # Who only repeats a number of the question must not be right by it.
            told = {str(value) for one in (drawn.asked, *values) for value in one.values()}
            named = family.form in ("name", "names")
            if drawn.answer != drawn.wrong and key not in found and (named or drawn.answer not in told):
                break
        found[key] = Task(family, f"{family.name}/{number}", drawn.facts, drawn.asked, drawn.answer, drawn.wrong)
    return tuple(found.values())


def whole(rng: Random, low: int, high: int) -> int:
    """A whole number from low to high, both included. By `random()` alone, whose sequence Python keeps."""
    return low + int(rng.random() * (high - low + 1))


def one_of(rng: Random, items: Sequence[T]) -> T:
    """One of these."""
    return items[int(rng.random() * len(items))]


def some_of(rng: Random, items: Sequence[T], count: int) -> list[T]:
    """So many of these, in random order."""
    return shuffled(rng, items)[:count]


def shuffled(rng: Random, items: Sequence[T]) -> list[T]:
    """All of these, in random order."""
    return [items[place] for _, place in sorted((rng.random(), place) for place in range(len(items)))]
