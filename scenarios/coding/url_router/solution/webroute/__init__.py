"""Routing of paths to handlers, and paths built back from names."""

from webroute.app import App, Request, Response
from webroute.errors import MethodMismatch, RouteError, RouteNotFound
from webroute.patterns import Pattern
from webroute.router import Resolution, Route, Router

__all__ = [
    "App",
    "MethodMismatch",
    "Pattern",
    "Request",
    "Resolution",
    "Response",
    "Route",
    "RouteError",
    "RouteNotFound",
    "Router",
]
