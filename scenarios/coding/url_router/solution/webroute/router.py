"""The table of routes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from webroute.errors import MethodMismatch, RouteError, RouteNotFound
from webroute.patterns import Pattern


@dataclass(frozen=True)
class Route:
    """One entry: which method and path lead to which handler, and the name to build the path from."""

    method: str
    pattern: Pattern
    handler: Callable[..., Any]
    name: str

    def build(self, params: Mapping[str, object] | None = None) -> str:
        """The path of this route with the given values."""
        return self.pattern.fill(params or {})


@dataclass(frozen=True)
class Resolution:
    """What a path leads to."""

    route: Route
    params: dict[str, object] = field(default_factory=dict)

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

    def resolve(self, method: str, path: str) -> Resolution:
        """What a request leads to.

        Raises RouteNotFound, or MethodMismatch if only the method is wrong.
        """
        allowed = []
        for route in self._routes:
            params = route.pattern.read(path)
            if params is None:
                continue
            if route.method == method.upper():
                return Resolution(route, params)
            allowed.append(route.method)
        if allowed:
            raise MethodMismatch(path, allowed)
        raise RouteNotFound(path)

    def url_for(self, name: str, params: Mapping[str, object] | None = None) -> str:
        """The path of a named route. Raises RouteNotFound for an unknown name."""
        if name not in self._names:
            raise RouteNotFound(name)
        return self._names[name].build(params)
