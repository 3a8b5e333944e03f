"""The map: places and the roads between them."""

from collections.abc import Iterable
from dataclasses import dataclass

from planner.errors import PlannerError, UnknownPlace


@dataclass(frozen=True)
class Road:
    """A road out of a place; `closed` ones can't be taken."""

    end: str
    cost: int
    closed: bool = False


class Network:
    """Places with the roads that lead out of them."""

    def __init__(self) -> None:
        self._roads: dict[str, list[Road]] = {}

    def __len__(self) -> int:
        return len(self._roads)

    def __contains__(self, place: str) -> bool:
        return place in self._roads

    def add(self, start: str, end: str, cost: int, *, one_way: bool = False, closed: bool = False) -> None:
        """Add a road, and its way back unless it is one-way. Raises PlannerError for a cost below zero."""
        if cost < 0:
            raise PlannerError(f"a road from {start} to {end} can't cost {cost}")
        self._roads.setdefault(end, [])
        self._roads.setdefault(start, []).append(Road(end, cost, closed))
        if not one_way:
            self._roads[end].append(Road(start, cost, closed))

    def roads(self, place: str) -> Iterable[Road]:
        """The roads that can be taken from a place. Raises UnknownPlace."""
        if place not in self._roads:
            raise UnknownPlace(place)
        return [road for road in self._roads[place] if not road.closed]
