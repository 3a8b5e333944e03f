"""The one exception of the package."""


class FormulaError(Exception):
    """A formula cannot be read or worked out."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message if position is None else f"{message} at position {position}")
        self.position = position
