"""What can be wrapped around handlers."""

from collections.abc import Callable, Sequence
from typing import Any

Handler = Callable[[Any], Any]
Middleware = Callable[[Handler], Handler]


def chained(handler: Handler, middleware: Sequence[Middleware]) -> Handler:
    """A handler within all of the middleware, the first one outermost."""
    for wrap in reversed(middleware):
        handler = wrap(handler)
    return handler


def access_log(lines: list[str]) -> Middleware:
    """Writes a line for each request, with the values from its path."""

    def wrap(handler: Handler) -> Handler:
        def logged(request: Any) -> Any:
            values = " ".join(f"{name}={value}" for name, value in sorted(request.args.items()))
            lines.append(f"{request.method} {request.path} {values}".rstrip())
            return handler(request)

        return logged

    return wrap


def only_for(role: str, *, arg: str = "tenant") -> Middleware:
    """Refuses requests whose X-Role is another one, unless their path is of no tenant at all."""

    def wrap(handler: Handler) -> Handler:
        def guarded(request: Any) -> Any:
            if arg in request.args and request.headers.get("X-Role") != role:
                return f"only for {role}"
            return handler(request)

        return guarded

    return wrap
