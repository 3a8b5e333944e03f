"""How each figure is defined: the words of docs/metrics.md, which is not installed; a test holds them alike."""

from collections.abc import Iterable
from typing import Final

from loadgen.outputs.html.markup import Html, el, join
from loadgen.outputs.html.section import section

# Name, definition. Each definition stands word for word in docs/metrics.md, where ** and ` mark words.
DEFINITIONS: Final = (
    (
        "intended time",
        "when the turn should have been sent. Of a first turn its planned arrival; of a later turn the end of the one "
        "before plus think time or tool wait; in trace replay the later of the recorded time (scaled) and that; in "
        "closed loop a session's first turn is due when its permit falls free",
    ),
    (
        "send time",
        "when the turn's first byte is handed to the socket; of a turn that was tried again, its last attempt's",
    ),
    (
        "first output",
        "the first chunk of any kind: reasoning, content or tool call. A role-only or empty delta is no output",
    ),
    ("TTFT", "from intended to first output of any kind. Null where: not streamed, or no output"),
    ("TTFO", "from intended to first content or tool-call output, after reasoning"),
    ("ITL", "every gap between successive output chunks, pooled"),
    ("TPOT", "from first output to last output, divided by (output tokens - 1)"),
    ("E2E", "from intended to end"),
    (
        "latency and service",
        "Latency is from the intended time, so a stalled server can't hide the requests that queued behind it (no "
        "coordinated omission). Service time is from the send time. Both are reported.",
    ),
    (
        "chunk",
        "A chunk is one event with output. A chunk is not a token: token counts are the server's usage. Events of one "
        "read share the stamp, and their gaps of 0 are kept.",
    ),
    (
        "quantiles",
        "pX is by nearest rank, ceil(X n), answered with the bucket's highest equivalent value and held within min and "
        "max: within 0.1 %, or 0.5 µs below 2 ms, of the exact sample quantile.",
    ),
    (
        "no quantile",
        "pX is null where n < 1 / (1 - X): it would only repeat the maximum.",
    ),
    (
        "ok, cancelled, failed",
        "ok: a 2xx, complete, finish reason stop, length, tool_calls, function_call or content_filter; without any "
        "output still ok, its TTFT null. cancelled: cut off by us (end of the grace time, a hard stop). failed: "
        "everything else",
    ),
    (
        "scheduled, sent, dropped",
        "scheduled = sent + dropped; sent = ok + failed + cancelled. A turn whose connection failed is sent: it was "
        "taken up. dropped: an arrival above max_in_flight. error_rate = failed / (ok + failed), null for 0 / 0.",
    ),
    (
        "stages",
        "A turn belongs to the stage of its intended time. The top-level blocks and the workloads' merge the measured "
        "stages.",
    ),
    (
        "requests/s",
        "ok turns that ended inside the window.",
    ),
    (
        "tokens/s",
        "a turn's tokens in proportion to its chunks stamped inside it (a reply without chunks counts where it ends).",
    ),
    (
        "unknown sums",
        "A sum with unknown parts is null, with what is known in a field of the same name with _known",
    ),
    (
        "schedule lag",
        "from intended to taken; 0 if a timer fired early. Waiting for a connection is latency, never lag",
    ),
    ("loop lag", "from when the event loop's probe was due to when it ran"),
)


def definitions_section(definitions: Iterable[tuple[str, str]] = DEFINITIONS) -> Html:
    """Every figure of the page, in the words of the documentation; by default a run's."""
    pairs = join(join([el("dt", name), el("dd", text)]) for name, text in definitions)
    return section(
        "definitions",
        "How each figure is defined",
        el("p", "A value that was not measured is a dash, never 0.", class_="notes"),
        el("dl", pairs, class_="definitions"),
    )
