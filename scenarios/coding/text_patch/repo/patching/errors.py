"""What can go wrong with a patch."""


class PatchError(Exception):
    """Base of the package's errors."""


class Malformed(PatchError):
    """A text that is no unified diff."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"line {number}: {why}")
        self.number = number


class Conflict(PatchError):
    """A hunk whose lines are nowhere near where they should be."""

    def __init__(self, number: int, start: int) -> None:
        super().__init__(f"hunk {number} does not fit near line {start + 1}")
        self.number = number
