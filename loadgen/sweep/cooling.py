"""Between two steps: wait until the target has come to rest, so that one step's leftovers are not the next one's load.

A target that shows Prometheus metrics under the names of vLLM, SGLang or llama.cpp says when it is idle; of any other
only the time is known.
"""

import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

# Requests that run or wait: vLLM (and the simulator), SGLang, llama.cpp; each by its own documentation.
_BUSY = (
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "sglang:num_running_reqs",
    "sglang:num_queue_reqs",
    "llamacpp:requests_processing",
    "llamacpp:requests_deferred",
)
_SAMPLE = re.compile(rf"^({'|'.join(_BUSY)})(?:\{{[^}}]*\}})?[ \t]+([0-9.eE+-]+)(?=\s|$)", re.MULTILINE)
_ANSWER_S = 2.0
_LARGEST_PAGE = 16 * 1024 * 1024
_POLL_S = 0.25
_INTERRUPT_POLL_S = 0.05
# A target that still works on what nobody waits for any more: after this it is not going to end.
_LONGEST_S = 120.0


def cool(base_url: str | None, least_s: float, interrupted: Callable[[], bool]) -> str | None:
    """Wait `least_s` seconds, and on until the target is idle where it tells; at once back where interrupted.

    base_url: of the target, None where it is not known. The note to make of it, where it did not come to rest.
    """
    if not _wait(least_s, interrupted) or base_url is None:
        return None
    deadline = time.monotonic() + _LONGEST_S
    while busy := busy_requests(base_url):
        if time.monotonic() > deadline:
            return f"the target still had {busy:g} requests running or waiting {_LONGEST_S:g} s after a step"
        if not _wait(_POLL_S, interrupted):
            return None
    return None


def busy_requests(base_url: str) -> float | None:
    """How many requests the target runs or has waiting, by its /metrics; None where it does not say."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https"):
        return None
    host = parts.netloc.rpartition("@")[2]
    # As the load itself: straight to the target, whatever HTTP_PROXY says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{parts.scheme}://{host}/metrics", timeout=_ANSWER_S) as answer:
            page = answer.read(_LARGEST_PAGE).decode("utf-8", "replace")
        return busy_in(page)
    except (OSError, ValueError, http.client.HTTPException):
        return None


def busy_in(page: str) -> float | None:
    """The requests that run or wait by a page of Prometheus text, over all its engines; None where it has no such."""
    found = [float(value) for _, value in _SAMPLE.findall(page)]
    return sum(found) if found else None


def _wait(seconds: float, interrupted: Callable[[], bool]) -> bool:
    """Whether the time passed without an interrupt."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if interrupted():
            return False
        time.sleep(min(left, _INTERRUPT_POLL_S))
    return not interrupted()
