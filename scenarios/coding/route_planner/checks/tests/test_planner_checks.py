import itertools
import random
import unittest
from collections.abc import Iterable

from planner import Network, NoRoute, Road, plan_route


class TooManyQuestions(Exception):
    pass


class Asked(Network):
    """A map that has enough of being asked at some point."""

    questions = 0
    most = 0

    def roads(self, place: str) -> Iterable[Road]:
        self.questions += 1
        if self.questions > self.most:
            raise TooManyQuestions
        return super().roads(place)


def best(network: Network, start: str, goal: str, places: str) -> tuple[int, int, tuple[str, ...]] | None:
    """Every way there is, tried."""
    found = []
    between = [place for place in places if place not in (start, goal)]
    for count in range(len(between) + 1):
        for middle in itertools.permutations(between, count):
            way = (start, *middle, goal)
            costs = []
            for here, there in itertools.pairwise(way):
                roads = [road.cost for road in network.roads(here) if road.end == there]
                if not roads:
                    break
                costs.append(min(roads))
            else:
                found.append((sum(costs), len(way) - 1, way))
    return min(found) if found else None


class Checks(unittest.TestCase):
    def test_the_best_of_all_ways_on_odd_maps(self) -> None:
        rng = random.Random(4)
        places = "abcdef"
        for number in range(40):
            network = Network()
            for start, end in itertools.permutations(places, 2):
                if rng.random() < 0.45:
                    network.add(start, end, rng.randint(0, 3), one_way=True, closed=rng.random() < 0.1)
            if "a" not in network or "f" not in network:
                continue
            with self.subTest(number):
                wanted = best(network, "a", "f", places)
                if wanted is None:
                    with self.assertRaises(NoRoute):
                        plan_route(network, "a", "f")
                else:
                    plan = plan_route(network, "a", "f")
                    self.assertEqual((plan.cost, plan.roads, plan.places), wanted)

    def test_a_dead_end_is_noticed_as_fast(self) -> None:
        network = Asked()
        for row, column in itertools.product(range(12), range(12)):
            network.add(f"{row}/{column}", f"{row}/{column + 1}", 1)
            network.add(f"{row}/{column}", f"{row + 1}/{column}", 1)
        network.add("island", "0/0", 1, one_way=True)
        network.most = 2 * len(network)
        with self.assertRaises(NoRoute):
            plan_route(network, "0/0", "island")

    def test_a_plan_from_an_earlier_map_is_not_given_again(self) -> None:
        network = Network()
        network.add("a", "b", 5)
        self.assertEqual(plan_route(network, "a", "b").cost, 5)
        network.add("a", "b", 2)
        self.assertEqual(plan_route(network, "a", "b").cost, 2)


if __name__ == "__main__":
    unittest.main()
