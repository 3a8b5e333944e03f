"""Finding the best plan: the cheapest, of equal ones that with the fewest roads, then the first alphabetically."""

import heapq
from collections.abc import Sequence

from planner.errors import NoRoute, UnknownPlace
from planner.network import Network
from planner.plan import Plan


def plan_route(network: Network, start: str, goal: str) -> Plan:
    """The best way from one place to another.

    Raises UnknownPlace, and NoRoute where nothing connects them.
    """
    for place in (start, goal):
        if place not in network:
            raise UnknownPlace(place)
    waiting: list[tuple[int, int, tuple[str, ...]]] = [(0, 0, (start,))]
    while waiting:
        cost, roads, places = heapq.heappop(waiting)
        if places[-1] == goal:
            return Plan(cost, places)
        for road in network.roads(places[-1]):
            # Going in circles never pays.
            if road.end not in places:
                heapq.heappush(waiting, (cost + road.cost, roads + 1, (*places, road.end)))
    raise NoRoute(start, goal)


def plan_tour(network: Network, stops: Sequence[str]) -> Plan:
    """The best way through all stops in their order and back to the first one.

    Raises UnknownPlace, NoRoute, and ValueError for no stops at all.
    """
    if not stops:
        raise ValueError("a tour needs a stop")
    tour = Plan(0, (stops[0],))
    for start, goal in zip(stops, [*stops[1:], stops[0]], strict=True):
        tour = tour.then(plan_route(network, start, goal))
    return tour
