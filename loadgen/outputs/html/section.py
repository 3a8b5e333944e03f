"""A section of the page, and the small parts that several of them use."""

from collections.abc import Iterable

from loadgen.metrics.summary import Latency, Service
from loadgen.outputs.console import LATENCIES
from loadgen.outputs.html.cells import QUANTILES, Cell, quantile_cells, table
from loadgen.outputs.html.markup import Content, Html, el

_WHY_NONE = {
    "ttft_s": "no reply was streamed, or none had output",
    "ttfo_s": "no reply was streamed, or none had content or a tool call",
    "itl_s": "no reply was streamed, or none had a second chunk",
    "tpot_s": "no reply was streamed, or its output tokens are unknown or at most 1",
    "e2e_s": "no turn ended ok",
    "connect_s": "no new connection was made",
}
_SERVICE = (("connect_s", "connect"), ("ttft_s", "TTFT"), ("e2e_s", "E2E"))


def section(anchor: str, title: str, *children: Content) -> Html:
    """A section that the contents link to."""
    return el("section", el("h2", title), *children, id=anchor)


def paragraphs(lines: Iterable[str], class_: str | None = None) -> Html:
    """Lines as a list; nothing where there are none."""
    items = [el("li", line) for line in lines]
    return el("ul", *items, class_=class_) if items else Html("")


def latency_table(label: str, latency: Latency, service: Service | None = None) -> Html:
    """Latency from the intended time and, where given, service time from the send time."""
    rows: list[list[Cell]] = [
        [name, *quantile_cells(getattr(latency, field), _WHY_NONE[field])] for field, name in LATENCIES
    ]
    if service is not None:
        rows += [
            [f"{name}, service", *quantile_cells(getattr(service, field), _WHY_NONE[field])] for field, name in _SERVICE
        ]
    return table(["", "mean", *(name for _, name, _ in QUANTILES), "max", "n"], rows, label=label)
