import unittest
from collections.abc import Iterable

from planner import Network, Plan, Road, plan_route, plan_tour


class TooManyQuestions(Exception):
    pass


class Counting(Network):
    """A grid of streets that counts how often it is asked, and has enough at some point."""

    def __init__(self, size: int, questions: int) -> None:
        super().__init__()
        self.left = questions
        for row in range(size):
            for column in range(size):
                if column + 1 < size:
                    self.add(place(row, column), place(row, column + 1), 1 + (row * column) % 3)
                if row + 1 < size:
                    self.add(place(row, column), place(row + 1, column), 1 + (row + column) % 2)

    def roads(self, place: str) -> Iterable[Road]:
        self.left -= 1
        if self.left < 0:
            raise TooManyQuestions
        return super().roads(place)


def place(row: int, column: int) -> str:
    return f"r{row:02}c{column:02}"


class Growth(unittest.TestCase):
    def across(self, size: int) -> Plan:
        return plan_route(Counting(size, 2 * size * size), place(0, 0), place(size - 1, size - 1))

    def test_a_grid_of_6(self) -> None:
        self.assertEqual(self.across(6).roads, 10)

    def test_a_grid_of_20(self) -> None:
        self.assertEqual(self.across(20).roads, 38)

    def test_a_tour_of_three_legs(self) -> None:
        network = Counting(12, 3 * 2 * 144)
        tour = plan_tour(network, [place(0, 0), place(11, 0), place(11, 11)])
        self.assertEqual((tour.places[0], tour.places[-1]), (place(0, 0), place(0, 0)))


if __name__ == "__main__":
    unittest.main()
