"""Puts a prompt together: the passages that settle the questions, hidden among those that look like them.

Called on the event loop before a session begins, so everything is a choice of numbers and a join of bytes that were
escaped beforehand; only the passages that hold an answer, and copies of them, are escaped anew. Long prompts are made
in steps, between which other streams have their turn.
"""

from collections.abc import Generator, Sequence, Set
from datetime import date, timedelta
from itertools import chain
from random import Random

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from loadgen.scenario.long_context import LongContextSpec
from loadgen.workloads.fragments import escape_text
from loadgen.workloads.long_context.boilerplate import BOILERPLATE
from loadgen.workloads.long_context.library import Library, Passage
from loadgen.workloads.long_context.pool import Question
from loadgen.workloads.long_context.ranking import Numbers

_Places = npt.NDArray[np.int64]
# A prime, to shuffle numbers by: beyond any corpus that a worker can hold.
_PRIME = 2_147_483_647
# Less than this of a passage is not worth sending to make a prompt exactly as long as asked.
_SHORTEST = 80
# Passages beyond those that their mean size asks for, for a prompt that comes out too short.
_SPARE = 3


class Asked(Struct, frozen=True):
    """One question of a session. depth: where its passage stands; None for one that is left out.

    value: what its passage says, which is the corpus's own word unless it was altered. stale: what older copies say.
    """

    question: Question
    depth: float | None
    value: str
    stale: tuple[str, ...] = ()

    @property
    def altered(self) -> bool:
        """Whether the passage says something else than the corpus does."""
        return self.value != self.question.fact.answer

    @property
    def needed(self) -> Set[int]:
        """The passages that must be there."""
        return frozenset() if self.depth is None else frozenset(self.question.fact.needed)

    @property
    def kept_out(self) -> Set[int]:
        """The passages that must not be there, beside those that are there for their own sake."""
        fact = self.question.fact
        return fact.rivals if self.depth is not None else fact.rivals | set(fact.needed)


class Shelf:
    """A library laid out for prompts: how long each passage is, and an order that has nothing to do with the text."""

    def __init__(self, library: Library, seed: str) -> None:
        self.library = library
        self._sizes = np.array([library.size(passage) for passage in library.passages], dtype=np.int64)
        rng = Random(seed)
        self._order: _Places = np.argsort([rng.random() for _ in library.passages]).astype(np.int64)
        self._places: _Places = np.argsort(self._order).astype(np.int64)
        pages = [f"page-{number}.html, 2024-01-01\n{text}\n\n" for number, text in enumerate(BOILERPLATE, 1)]
        self._boilerplate = [(escape_text(page), len(page) + 6) for page in pages]
        self.mean_size = float(self._sizes.mean())

    def passages(
        self, asked: Sequence[Asked], noise: float, spec: LongContextSpec, chars: int, rng: Random
    ) -> Generator[None, None, tuple[list[bytes], int]]:
        """The bodies of a prompt's passages in their order, of about `chars` characters together; how many they are.

        Pauses where it yields.
        """
        others, golds, taken = self._told(asked, rng)
        count = max(0, round((chars - taken) / self.mean_size))
        hard = max(0, round(noise * count) - sum(len(one.stale) for one in asked if one.depth is not None))
        repeated, pages = round(spec.duplicates * hard), round(spec.boilerplate * hard)
        numbers = self._chosen(asked, max(0, hard - repeated - pages), count - hard, rng)
        yield
        repeats = [int(numbers[int(rng.random() * len(numbers))]) for _ in range(repeated if len(numbers) else 0)]
        others += [self.library.bodies[number] for number in repeats]
        boilerplate = [_pick(self._boilerplate, rng) for _ in range(pages)]
        others += [body for body, _ in boilerplate]
        taken += int(self._sizes[repeats].sum()) + sum(size for _, size in boilerplate)
        bodies, filled = self._fitted(numbers, chars - taken)
        yield
        for body in others:
            bodies.insert(int(rng.random() * (len(bodies) + 1)), body)
        last = len(bodies) + len(golds) - 1
        for depth, body in sorted(golds, key=lambda gold: gold[0]):
            bodies.insert(round(depth * last), body)
        return bodies, taken + filled

    def _told(self, asked: Sequence[Asked], rng: Random) -> tuple[list[bytes], list[tuple[float, bytes]], int]:
        """What must be there: passages that stand anywhere, those with an answer with their depths; characters."""
        anywhere: list[bytes] = []
        golds: list[tuple[float, bytes]] = []
        chars = 0
        for one in asked:
            if one.depth is None:
                continue
            fact = one.question.fact
            gold = self.library.passages[fact.passage]
            golds.append((one.depth, self._with(gold, one, one.value)))
            anywhere += [self.library.bodies[number] for number in fact.also]
            age = 0
            for value in one.stale:
                age += 60 + int(rng.random() * 240)
                on = self.library.dates[gold.document] - timedelta(days=age)
                anywhere.append(self._with(gold, one, value, on))
            chars += int(self._sizes[list(fact.needed)].sum()) + len(one.stale) * int(self._sizes[fact.passage])
        return anywhere, golds, chars

    def _with(self, gold: Passage, one: Asked, value: str, on: date | None = None) -> bytes:
        fact = one.question.fact
        text = f"{gold.text[: fact.start]}{value}{gold.text[fact.end :]}" if value != fact.answer else gold.text
        return self.library.body(gold, text, on)

    def _chosen(self, asked: Sequence[Asked], near: int, far: int, rng: Random) -> Numbers:
        """Passages beside those that must be there: the nearest to the questions by turns, and any others."""
        free = np.ones(len(self._sizes), dtype=bool)
        free[[number for one in asked for number in one.needed | one.kept_out]] = False
        nearest = _by_turns([one.question.nearest for one in asked])
        nearest = nearest[free[nearest]][:near]
        free[nearest] = False
        # Where too few passages share a word with the question, any will do.
        far += near - len(nearest)
        spare = _SPARE + (near + far) // 20
        start = int(rng.random() * len(free))
        reach = min(len(free), far + spare + int(np.count_nonzero(~free)))
        order = self._order[np.arange(start, start + reach) % len(free)]
        others = order[free[order]][: far + spare]
        chosen = self._shuffled(np.concatenate((nearest, others[:far])).astype(np.int64), rng)
        return np.concatenate((chosen, others[far:])).astype(np.int32)

    def _shuffled(self, numbers: _Places, rng: Random) -> _Places:
        """By a multiplicative hash of their places: numpy's own generators may change between versions."""
        factor = 1 + int(rng.random() * (_PRIME - 2))
        return numbers[np.argsort((self._places[numbers] + 1) * factor % _PRIME, kind="stable")]

    def _fitted(self, numbers: Numbers, chars: int) -> tuple[list[bytes], int]:
        """As many of these as fit into so many characters, the last one cut; how many characters they are."""
        ends = np.cumsum(self._sizes[numbers])
        whole = int(np.searchsorted(ends, chars, side="right"))
        filled = int(ends[whole - 1]) if whole else 0
        bodies = [self.library.bodies[number] for number in numbers[:whole].tolist()]
        if whole < len(numbers):
            passage = self.library.passages[int(numbers[whole])]
            room = chars - filled - (self.library.size(passage) - len(passage.text))
            # At a space: half a word could be a word that is counted.
            cut = passage.text[: max(0, room)].rpartition(" ")[0]
            if len(cut) >= _SHORTEST:
                bodies.append(self.library.body(passage, cut))
                filled += self.library.size(passage) - len(passage.text) + len(cut)
        return bodies, filled


def numbered(bodies: Sequence[bytes]) -> chain[bytes]:
    """Each body behind its number, as pieces of a message, made as they are asked for."""
    return chain.from_iterable(zip(map(b"[%d] ".__mod__, range(1, len(bodies) + 1)), bodies, strict=True))


def _by_turns(rankings: Sequence[Numbers]) -> Numbers:
    """The first of each, the second of each, and so on, each number once."""
    if len(rankings) == 1:
        return rankings[0]
    merged = np.concatenate(rankings)
    places = np.concatenate([np.arange(len(ranking)) for ranking in rankings])
    merged = merged[np.argsort(places, kind="stable")]
    _, first = np.unique(merged, return_index=True)
    return merged[np.sort(first)]


def _pick(found: Sequence[tuple[bytes, int]], rng: Random) -> tuple[bytes, int]:
    return found[int(rng.random() * len(found))]
