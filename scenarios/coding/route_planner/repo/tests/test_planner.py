import unittest

from planner import Network, NoRoute, PlannerError, UnknownPlace, network_from_text, plan_route, plan_tour

MAP = """
# the demo map
harbour -- market: 4
market -- station: 3
harbour -> station: 9
station -- hill: 2
market -- hill: 6
hill -- tower: 1 closed
tower -- harbour: 20
"""


class Reading(unittest.TestCase):
    def test_a_line_that_is_none(self) -> None:
        with self.assertRaisesRegex(PlannerError, "line 2"):
            network_from_text("a -- b: 1\na == b: 1")

    def test_roads_of_a_place(self) -> None:
        network = network_from_text(MAP)
        self.assertEqual([road.end for road in network.roads("hill")], ["station", "market"])
        with self.assertRaises(UnknownPlace):
            network.roads("moon")

    def test_costs_are_not_negative(self) -> None:
        with self.assertRaises(PlannerError):
            Network().add("a", "b", -1)


class Routes(unittest.TestCase):
    def test_the_cheapest(self) -> None:
        self.assertEqual(
            str(plan_route(network_from_text(MAP), "harbour", "hill")), "harbour > market > station > hill (9)"
        )

    def test_closed_and_one_way_roads(self) -> None:
        network = network_from_text(MAP)
        self.assertEqual(plan_route(network, "hill", "tower").cost, 29)
        self.assertEqual(plan_route(network, "station", "harbour").places, ("station", "market", "harbour"))

    def test_of_equal_ones_the_fewest_roads_then_the_alphabet(self) -> None:
        network = network_from_text("a -- z: 4\na -- b: 1\nb -- z: 3\na -- c: 2\nc -- y: 2\na -- d: 2\nd -- y: 2")
        self.assertEqual(plan_route(network, "a", "z").places, ("a", "z"))
        self.assertEqual(plan_route(network, "a", "y").places, ("a", "c", "y"))

    def test_where_one_is_already(self) -> None:
        self.assertEqual(plan_route(network_from_text(MAP), "hill", "hill").places, ("hill",))

    def test_no_way(self) -> None:
        network = network_from_text("a -> b: 1")
        with self.assertRaises(NoRoute):
            plan_route(network, "b", "a")
        with self.assertRaises(UnknownPlace):
            plan_route(network, "a", "c")


class Tours(unittest.TestCase):
    def test_there_and_back(self) -> None:
        tour = plan_tour(network_from_text(MAP), ["harbour", "hill"])
        self.assertEqual(tour.cost, 18)
        self.assertEqual(tour.places[0], tour.places[-1])

    def test_a_tour_needs_a_stop(self) -> None:
        with self.assertRaises(ValueError):
            plan_tour(Network(), [])


if __name__ == "__main__":
    unittest.main()
