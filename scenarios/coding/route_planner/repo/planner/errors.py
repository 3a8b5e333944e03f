"""What can keep one from planning."""


class PlannerError(Exception):
    """Base of the package's errors."""


class UnknownPlace(PlannerError):
    """A place that the map does not have."""

    def __init__(self, place: str) -> None:
        super().__init__(f"no such place: {place!r}")
        self.place = place


class NoRoute(PlannerError):
    """Two places that nothing connects."""

    def __init__(self, start: str, goal: str) -> None:
        super().__init__(f"no way from {start} to {goal}")
        self.start = start
        self.goal = goal
