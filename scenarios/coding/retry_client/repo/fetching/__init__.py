"""A client that repeats requests where that helps and does no harm."""

from fetching.client import Client
from fetching.errors import ConnectFailed, FetchError, TimedOut
from fetching.messages import Request, Response
from fetching.policy import Policy

__all__ = ["Client", "ConnectFailed", "FetchError", "Policy", "Request", "Response", "TimedOut"]
