"""When an exchange must be given up: the earliest of its limits, as a pure function of what has happened so far."""

from loadgen.client.exchange import Exchange


def next_deadline(exchange: Exchange, active_ns: int) -> tuple[int, str] | None:
    """The earliest instant (monotonic ns) at which a sent exchange has failed, and in what words; None for never.

    active_ns: the last read, or the send where nothing was read yet.
    """
    limits, sent_ns = exchange.limits, exchange.sent_ns
    if sent_ns is None:
        return None
    dues: list[tuple[int, str]] = []
    if limits.total_s is not None:
        dues.append((_after(sent_ns, limits.total_s), f"no complete reply within {limits.total_s:g} s"))
    if limits.idle_s is not None:
        dues.append((_after(active_ns, limits.idle_s), f"nothing read for {limits.idle_s:g} s"))
    if limits.first_output_s is not None and _output_is_awaited(exchange):
        dues.append((_after(sent_ns, limits.first_output_s), f"no output within {limits.first_output_s:g} s"))
    return min(dues, default=None)


def _output_is_awaited(exchange: Exchange) -> bool:
    """A reply known not to be streamed has no first output."""
    timeline = exchange.timeline
    return timeline.first_output_ns is None and (exchange.status is None or timeline.streaming)


def _after(start_ns: int, wait_s: float) -> int:
    return start_ns + int(wait_s * 1e9)
