"""From a request to a response."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from webroute.errors import MethodMismatch, RouteError
from webroute.middleware import Middleware, chained
from webroute.router import Router


@dataclass
class Request:
    """What a handler is given: `params` come from the path, `query` from behind the question mark."""

    method: str
    path: str
    params: dict[str, object] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Response:
    """What a handler gives back."""

    body: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class App:
    """A router with handlers and what is wrapped around them."""

    def __init__(self, *middleware: Middleware) -> None:
        self.router = Router()
        self._middleware = middleware

    def route(self, method: str, pattern: str, name: str | None = None) -> Callable[[Callable], Callable]:
        """Decorate a handler with the path that leads to it."""

        def decorate(handler: Callable) -> Callable:
            self.router.add(method, pattern, handler, name)
            return handler

        return decorate

    def handle(self, method: str, target: str, headers: dict[str, str] | None = None) -> Response:
        """Answer a request; errors of routing become responses with their status."""
        path, _, query = target.partition("?")
        request = Request(method, path, query=dict(parse_qsl(query)), headers=headers or {})
        try:
            found = self.router.resolve(method, path)
        except MethodMismatch as error:
            return Response(str(error), error.status, {"Allow": ", ".join(error.allowed)})
        except RouteError as error:
            return Response(str(error), error.status)
        request.params = found.params
        answer = chained(found.handler, self._middleware)(request)
        return answer if isinstance(answer, Response) else Response(str(answer))
