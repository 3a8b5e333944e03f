"""Locust's runner as the conductor sees it, and Locust's own statistics filled from our snapshots."""

import logging
import time
from collections.abc import Iterable
from typing import Any

from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner
from locust.stats import StatsError

from loadgen import __version__
from loadgen.metrics.live import EndToEnd
from loadgen.swarm.messages import REFUSE, Note, pack

logger = logging.getLogger(__name__)

LOCAL_WORKER = "local"
_KEPT_SECONDS = 60


class LocustSwarm:
    """Workers and permits of a Locust runner; a single process is one worker that is itself."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._listening: set[str] = set()

    def hear(self, worker: str, version: str) -> None:
        """This worker has said hello: it listens to our messages now. One of another version gets no work."""
        if version == __version__:
            self._listening.add(worker)
            return
        logger.error("worker %s runs loadgen %s, not %s: it gets no work", worker, version, __version__)
        text = f"this is loadgen {version}, and the master's is {__version__}: install the same on both"
        self.send(REFUSE, pack(Note("", text)), worker)

    def permit_counts(self) -> dict[str, int]:
        """See Swarm."""
        runner = self._environment.runner
        if not isinstance(runner, MasterRunner):
            return {LOCAL_WORKER: runner.user_count if runner is not None else 0}
        living = self.workers()
        return {node.id: node.user_count for node in runner.clients.all if node.id in living}

    def wanted(self) -> int:
        """See Swarm."""
        runner = self._environment.runner
        return runner.target_user_count if runner is not None else 0

    def workers(self) -> set[str]:
        """See Swarm."""
        runner = self._environment.runner
        if not isinstance(runner, MasterRunner):
            return {LOCAL_WORKER}
        return {node.id for node in runner.clients.all if node.state != STATE_MISSING} & self._listening

    def send(self, kind: str, data: bytes, worker: str) -> None:
        """See Swarm."""
        runner = self._environment.runner
        assert runner is not None
        runner.send_message(kind, data, client_id=worker)


def fill_locust_stats(environment: Environment, parts: Iterable[EndToEnd]) -> None:
    """Add a snapshot's end-to-end times to Locust's statistics, so that its UI and its logs stay right.

    In bulk, from the histogram's buckets: three significant digits where Locust's own rounding keeps two.
    """
    stats = environment.stats
    for part in parts:
        for entry in (stats.get(part.workload, "POST"), stats.total):
            _fill(entry, part)
        for kind, count in part.failures.items():
            key = StatsError.create_key("POST", part.workload, kind)
            error = stats.errors.setdefault(key, StatsError("POST", part.workload, kind))
            error.occurrences += count


# Any: Locust annotates its milliseconds as int, and takes the floats we give it.
def _fill(entry: Any, part: EndToEnd) -> None:
    now_s = time.time()
    failed = sum(part.failures.values())
    entry.num_requests += part.ok + failed
    entry.num_none_requests += failed
    entry.num_failures += failed
    entry.num_reqs_per_sec[int(now_s)] += part.ok + failed
    entry.num_fail_per_sec[int(now_s)] += failed
    for per_second in (entry.num_reqs_per_sec, entry.num_fail_per_sec):
        # Locust keeps every second of a run, and looks at the last twelve.
        for second in [at for at in per_second if at < now_s - _KEPT_SECONDS]:
            del per_second[second]
    entry.last_request_timestamp = now_s
    for value_ms, count in part.values_ms:
        entry.response_times[value_ms] += count
        entry.total_response_time += value_ms * count
        entry.min_response_time = min(value_ms, entry.min_response_time or value_ms)
        entry.max_response_time = max(value_ms, entry.max_response_time)
