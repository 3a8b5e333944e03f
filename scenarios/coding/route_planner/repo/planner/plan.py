"""What comes out of planning."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """A way through the map: what it costs and the places it passes, the first and the last one included."""

    cost: int
    places: tuple[str, ...]

    @property
    def roads(self) -> int:
        """How many roads it takes."""
        return len(self.places) - 1

    def then(self, other: "Plan") -> "Plan":
        """This plan and, from where it ends, another one."""
        if self.places[-1] != other.places[0]:
            raise ValueError(f"{other.places[0]} is not where {self.places[-1]} is")
        return Plan(self.cost + other.cost, self.places + other.places[1:])

    def __str__(self) -> str:
        return f"{' > '.join(self.places)} ({self.cost})"
