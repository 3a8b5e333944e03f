"""What routing can run into.

RouteError
├── NoMatch: no route has this path
└── MethodMismatch: a route has this path, but not for this method
"""

from collections.abc import Iterable


class RouteError(Exception):
    """Base of the package's errors; `status` is what a client is told."""

    status = 500


class NoMatch(RouteError):
    """No route matches a path."""

    status = 404

    def __init__(self, path: str) -> None:
        super().__init__(f"no route for {path}")
        self.path = path


class MethodMismatch(RouteError):
    """The path is known, for other methods."""

    status = 405

    def __init__(self, path: str, allowed: Iterable[str]) -> None:
        self.allowed = tuple(sorted(set(allowed)))
        super().__init__(f"{path} allows {', '.join(self.allowed)}")
        self.path = path
