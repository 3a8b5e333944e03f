"""Sending requests, with all that is needed until there is an answer."""

from collections.abc import Callable
from typing import Protocol

from fetching.errors import FetchError
from fetching.messages import Request, Response
from fetching.policy import Policy


class Transport(Protocol):
    """Sends a request once; raises FetchError."""

    def __call__(self, request: Request) -> Response:
        """Send it."""
        ...


class Client:
    """Sends requests over a transport, again where the policy says so.

    total: the seconds in which the last attempt has to begin. now, sleep: the clock.
    """

    def __init__(
        self,
        transport: Transport,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        policy: Policy | None = None,
        total: float = 60.0,
    ) -> None:
        self._transport = transport
        self._now = now
        self._sleep = sleep
        self._policy = policy or Policy()
        self._total = total
        self.attempts = 0

    def send(self, request: Request) -> Response:
        """Send a request; `attempts` then tells how often that was.

        The last answer is returned whatever its status, the last error raised.
        """
        began = self._now()
        self.attempts = 0
        while True:
            outcome = self._once(request)
            if not self._policy.repeats(request, outcome):
                break
            wait = self._policy.wait(self.attempts, outcome)
            self._sleep(wait)
            if self.attempts >= self._policy.attempts or self._now() - began > self._total:
                break
        if isinstance(outcome, FetchError):
            raise outcome
        return outcome

    def _once(self, request: Request) -> Response | FetchError:
        self.attempts += 1
        try:
            return self._transport(request)
        except FetchError as error:
            return error
