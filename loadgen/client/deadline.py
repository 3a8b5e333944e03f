"""When an exchange must be given up: the earliest of its limits, as a pure function of what has happened so far."""

from loadgen.client.exchange import Exchange


def next_deadline_ns(exchange: Exchange, active_ns: int) -> int | None:
    """The earliest instant (monotonic ns) at which a sent exchange has failed; None for never.

    active_ns: the last read, or the send where nothing was read yet. Asked once an exchange and by its timer, so it
    makes no words: `overdue` has them.
    """
    limits, sent_ns = exchange.limits, exchange.sent_ns
    if sent_ns is None:
        return None
    due = None
    if limits.total_s is not None:
        due = _whole_due(exchange, sent_ns, limits.total_s)
    if limits.idle_s is not None:
        due = _earlier(due, active_ns + int(limits.idle_s * 1e9))
    if limits.first_output_s is not None and _output_is_awaited(exchange):
        due = _earlier(due, sent_ns + int(limits.first_output_s * 1e9))
    return due


def overdue(exchange: Exchange, active_ns: int, now_ns: int) -> str | None:
    """Which limit has passed at `now_ns`, in words for the record; None while all hold. Where several: the earliest."""
    limits, sent_ns = exchange.limits, exchange.sent_ns
    if sent_ns is None:
        return None
    dues: list[tuple[int, str]] = []
    if limits.total_s is not None:
        dues.append((_whole_due(exchange, sent_ns, limits.total_s), f"no complete reply within {limits.total_s:g} s"))
    if limits.idle_s is not None:
        dues.append((active_ns + int(limits.idle_s * 1e9), f"nothing read for {limits.idle_s:g} s"))
    if limits.first_output_s is not None and _output_is_awaited(exchange):
        dues.append((sent_ns + int(limits.first_output_s * 1e9), f"no output within {limits.first_output_s:g} s"))
    due_ns, words = min(dues, default=(now_ns + 1, ""))
    return words if due_ns <= now_ns else None


def _whole_due(exchange: Exchange, sent_ns: int, total_s: float) -> int:
    """The whole turn's limit counts the connection that was made for it."""
    return sent_ns - (exchange.connect_ns or 0) + int(total_s * 1e9)


def _earlier(due: int | None, other: int) -> int:
    return other if due is None else min(due, other)


def _output_is_awaited(exchange: Exchange) -> bool:
    """A reply known not to be streamed has no first output."""
    timeline = exchange.timeline
    return timeline.first_output_ns is None and (exchange.status is None or timeline.streaming)
