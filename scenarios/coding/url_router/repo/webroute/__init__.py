"""Routing of paths to handlers, and paths built back from names."""

from webroute.app import App, Request, Response
from webroute.errors import MethodMismatch, NoMatch, RouteError
from webroute.patterns import Pattern
from webroute.router import Match, Route, Router

__all__ = [
    "App",
    "Match",
    "MethodMismatch",
    "NoMatch",
    "Pattern",
    "Request",
    "Response",
    "Route",
    "RouteError",
    "Router",
]
