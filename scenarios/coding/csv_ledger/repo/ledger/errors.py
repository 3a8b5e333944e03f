"""What can be wrong with a file."""


class LedgerError(Exception):
    """A line that cannot be used, or books that do not balance."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.line = line
