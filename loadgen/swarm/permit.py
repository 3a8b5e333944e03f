"""A Locust user that sends nothing: a permit to hold one session (closed loop) or a share of the arrivals (open loop).

Locust spreads permits over workers, and spreads them again when workers come and go; the engine does the work.
"""

import gevent.event
from locust import User, constant, task


class Permit(User):
    """Parks until Locust stops it."""

    wait_time = constant(0)

    @task
    def hold(self) -> None:
        """Wait to be killed: an event that nobody sets."""
        gevent.event.Event().wait()
