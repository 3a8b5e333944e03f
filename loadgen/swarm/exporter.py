"""Keeps what Prometheus scrapes up to date: the current run's text, made once a second while the run lasts.

Reports come once a second too, so a text a report of every worker would be rendered several times for one scrape. It is
also made where no report comes, so that a window of the last 30 s does not stand still when the run does.
"""

import sys
import time
from collections.abc import Callable

import gevent
from gevent import Greenlet

from loadgen.outputs.prometheus.exposition import Exposition
from loadgen.swarm.scraping import ScrapeServer

_RENDER_S = 1.0
_LOOK_S = 0.1
# How often a scraper comes that has come only once: Prometheus' usual interval.
_USUAL_INTERVAL_S = 15.0
_LONGEST_WAIT_S = 60.0


class Exporter:
    """One a process, for all its runs. Says where it listens."""

    def __init__(self, host: str, port: int) -> None:
        """port: 0 for a free one. Raises UsageError where it can't listen there."""
        self._server = ScrapeServer(host, port)
        self._work: Greenlet[..., object] | None = None
        self._scrapes_before = 0
        sys.stdout.write(f"Prometheus: {self._server.url}\n")
        sys.stdout.flush()

    def begin(self, exposition: Exposition, elapsed_s: Callable[[], float]) -> None:
        """Show this run from now on. elapsed_s: seconds since its start."""
        self._scrapes_before = self._server.scrapes
        self._turn_to(self._keep_showing, exposition, elapsed_s)

    def end(self, text: bytes) -> None:
        """Show the run's last text until it has been scraped, or nobody seems to come for it, and then nothing.

        Series that froze at their last values would look like a run that goes on.
        """
        self._server.show(text)
        self._turn_to(self._fade)

    @property
    def fading(self) -> bool:
        """Whether somebody is expected to come for the last text."""
        return self._work is not None and not self._work.dead

    def linger(self) -> None:
        """Wait until the last text has been taken or given up."""
        if self._work is not None:
            self._work.join()

    def stop(self) -> None:
        """Show nothing any more, at once."""
        if self._work is not None:
            self._work.kill()
        self._server.show(b"")

    def close(self) -> None:
        """Stop listening."""
        self.stop()
        self._server.close()

    def _turn_to(self, work: Callable[..., object], *arguments: object) -> None:
        if self._work is not None:
            self._work.kill()
        self._work = gevent.spawn(work, *arguments)

    def _keep_showing(self, exposition: Exposition, elapsed_s: Callable[[], float]) -> None:
        while True:
            self._server.show(exposition.text(elapsed_s()))
            gevent.sleep(_RENDER_S)

    def _fade(self) -> None:
        deadline = time.monotonic() + self._patience_s()
        while not self._server.is_taken and time.monotonic() < deadline:
            gevent.sleep(_LOOK_S)
        self._server.show(b"")

    def _patience_s(self) -> float:
        """How long the last text waits for a scrape: twice the interval, not at all where none came for this run."""
        if self._server.scrapes == self._scrapes_before:
            return 0.0
        return min(2 * (self._server.interval_s or _USUAL_INTERVAL_S), _LONGEST_WAIT_S)
