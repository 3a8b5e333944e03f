"""What is due next: a heap of moments."""

import heapq
from itertools import count

from jobs.model import Job


class Agenda:
    """Jobs by the time they are due; equal times by priority, then in the order in which they were put in."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, Job]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, moment: int, job: Job) -> None:
        """Note that a job is due at a moment."""
        heapq.heappush(self._heap, (moment, -job.priority, next(self._order), job))

    def next_moment(self) -> int | None:
        """When something is due next; None if nothing is."""
        return self._heap[0][0] if self._heap else None

    def take(self) -> tuple[int, Job]:
        """The job that is due first, and when. Raises IndexError if there is none."""
        moment, _, _, job = heapq.heappop(self._heap)
        return moment, job
