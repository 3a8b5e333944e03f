"""Which task is asked in which phrasing when: a pure function of the session's number and the seed.

Read by workload.py and truth.py. The tasks are the same for every target: they depend on the scenario and its seed.
"""

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from loadgen.scenario.reasoning import ReasoningSpec
from loadgen.workloads.reasoning.families import FAMILIES
from loadgen.workloads.reasoning.task import Task, draw_tasks, shuffled

# Blocks and rounds of which somebody may still ask, for permits are not equally fast.
_BLOCKS_KEPT, _ROUNDS_KEPT = 8, 64


@dataclass(frozen=True, slots=True)
class Cell:
    """One session's question: the places of task and phrasing, and how often the pair has been asked before."""

    task: int
    phrasing: int
    repeat: int


def tasks_of(spec: ReasoningSpec, *, seed: int) -> tuple[Task, ...]:
    """All tasks, family by family."""
    return tuple(
        task for name in spec.families for task in draw_tasks(FAMILIES[name], spec.tasks_per_family, seed=seed)
    )


class Order:
    """A balanced random order. A block asks every task once in every phrasing, in a round for each phrasing.

    A round asks every task once, and each phrasing as often as any other but for one, for the tasks take the phrasings
    in a random Latin square; within a round the order is random. So neither task nor phrasing depends on how long
    the run has been going on, whatever part of the run is looked at. The order is the same in every process.
    """

    def __init__(self, tasks: int, phrasings: int, name: str, seed: int) -> None:
        self._tasks = tasks
        self._phrasings = phrasings
        self._name = f"order of {name}, seed {seed}"
        # A round at a time: 1,400 tasks in all phrasings would hold the event loop for 15 ms.
        self._block = lru_cache(_BLOCKS_KEPT)(self._drawn)
        self._round = lru_cache(_ROUNDS_KEPT)(self._made)

    @property
    def cells(self) -> int:
        """How many sessions a block takes."""
        return self._tasks * self._phrasings

    def cell(self, ordinal: int) -> Cell:
        """What session `ordinal` asks."""
        block, place = divmod(ordinal, self.cells)
        number, at = divmod(place, self._tasks)
        task, phrasing = self._round(block, number)[at]
        return Cell(task, phrasing, block)

    def _drawn(self, block: int) -> tuple[list[int], list[int], list[int]]:
        """A block's order of tasks and of phrasings, which make its Latin square, and of its rounds."""
        rng = Random(f"{self._name}, block {block}")
        tasks = shuffled(rng, range(self._tasks))
        return tasks, shuffled(rng, range(self._phrasings)), shuffled(rng, range(self._phrasings))

    def _made(self, block: int, number: int) -> list[tuple[int, int]]:
        tasks, phrasings, rounds = self._block(block)
        pairs = [(task, phrasings[(place + rounds[number]) % self._phrasings]) for place, task in enumerate(tasks)]
        return shuffled(Random(f"{self._name}, block {block}, round {number}"), pairs)
