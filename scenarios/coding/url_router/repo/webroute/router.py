"""The table of routes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from webroute.errors import MethodMismatch, NoMatch, RouteError
from webroute.patterns import Pattern


@dataclass(frozen=True)
class Route:
    """One entry: which method and path lead to which handler, and the name to build the path from."""

    method: str
    pattern: Pattern
    handler: Callable[..., Any]
    name: str

    def build(self, args: Mapping[str, object] | None = None) -> str:
        """The path of this route with the given values."""
        return self.pattern.fill(args or {})


@dataclass(frozen=True)
class Match:
    """What a path leads to."""

    route: Route
    args: dict[str, object] = field(default_factory=dict)

    @property
    def handler(self) -> Callable[..., Any]:
        """The handler of the route."""
        return self.route.handler


class Router:
    """Routes, tried in the order in which they were added."""

    def __init__(self) -> None:
        self._routes: list[Route] = []
        self._names: dict[str, Route] = {}

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def add(self, method: str, pattern: str, handler: Callable[..., Any], name: str | None = None) -> Route:
        """Add a route; its name is that of the handler unless another one is given.

        Raises RouteError for a name that is taken.
        """
        route = Route(method.upper(), Pattern(pattern), handler, name or handler.__name__)
        if route.name in self._names:
            raise RouteError(f"the name {route.name!r} is taken by {self._names[route.name].pattern.text}")
        self._routes.append(route)
        self._names[route.name] = route
        return route

    def match(self, method: str, path: str) -> Match:
        """What a request leads to.

        Raises NoMatch, or MethodMismatch if only the method is wrong.
        """
        allowed = []
        for route in self._routes:
            args = route.pattern.read(path)
            if args is None:
                continue
            if route.method == method.upper():
                return Match(route, args)
            allowed.append(route.method)
        if allowed:
            raise MethodMismatch(path, allowed)
        raise NoMatch(path)

    def url_for(self, name: str, args: Mapping[str, object] | None = None) -> str:
        """The path of a named route. Raises NoMatch for an unknown name."""
        if name not in self._names:
            raise NoMatch(name)
        return self._names[name].build(args)
