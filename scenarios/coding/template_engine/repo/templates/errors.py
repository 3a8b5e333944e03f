"""The one exception of the package."""


class TemplateError(Exception):
    """A template that can't be read, or a value that is not there."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
