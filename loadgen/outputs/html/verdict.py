"""What the reader came for: the verdict, each SLO with its interval, the certificate, and the figures in one glance."""

from loadgen.metrics.histogram import Dist
from loadgen.metrics.summary import SloResult, Summary
from loadgen.outputs.console import duration, in_unit
from loadgen.outputs.html.cells import Cell, Missing, Notes, count, figure, seconds, share, table
from loadgen.outputs.html.generator import certificate
from loadgen.outputs.html.markup import Html, el, join
from loadgen.outputs.html.section import paragraphs, section

# Outcome: mark, word, what it means. Never by colour alone.
_OUTCOMES = {
    "pass": ("✓", "Pass", "Every SLO holds, and its interval leaves no doubt."),
    "fail": ("✗", "Fail", "At least one SLO is broken, and its interval leaves no doubt."),
    "inconclusive": ("?", "Inconclusive", "The run is too short, or too unsteady, to tell whether every SLO holds."),
    "invalid": ("!", "Invalid", "The generator was the bottleneck: these figures are not the target's alone."),
    "none": ("–", "No verdict", "The scenario states no SLO: the figures stand for themselves."),
}
_MARKS = {"pass": "✓ pass", "fail": "✗ fail", "inconclusive": "? inconclusive", "not_judged": "– not judged"}


def verdict_section(summary: Summary) -> Html:
    """The verdict with its SLOs, the certificate, and the run's notes."""
    mark, word, meaning = _OUTCOMES[summary.verdict.outcome]
    return section(
        "verdict",
        "Verdict",
        el(
            "p",
            el("span", mark, class_="mark", aria_hidden="true"),
            el("strong", word),
            el("span", meaning),
            class_=f"badge {summary.verdict.outcome}",
        ),
        slo_table(summary.verdict.slos) if summary.verdict.slos else None,
        paragraphs(summary.verdict.notes, "told"),
        certificate(summary.generator),
        tiles(summary),
        join([el("h3", "Before you trust the figures"), paragraphs(summary.run.notes, "told")])
        if summary.run.notes
        else None,
    )


def slo_table(slos: list[SloResult]) -> Html:
    """Each SLO with its estimate, interval, outcome, and what would decide it."""
    headers = ["SLO", "outcome", "estimate", "interval", "n", "samples needed", "why"]
    rows = [_slo_row(slo) for slo in slos]
    return table(headers, rows, label="Service level objectives", words=range(len(headers)), stacked=True)


def _slo_row(slo: SloResult) -> list[Cell]:
    judged = slo.outcome != "not_judged"
    needed: Cell = "decided" if judged and slo.outcome != "inconclusive" else Missing("no number is known to decide it")
    return [
        el("code", slo.expression),
        el("span", _MARKS[slo.outcome], class_=f"outcome {slo.outcome}"),
        in_unit(slo.estimate, slo.unit) if slo.estimate is not None else Missing("too few values, or none"),
        _interval(slo),
        count(slo.n, "not judged"),
        needed if slo.samples_needed is None else f"about {_two_digits(slo.samples_needed):,} more",
        slo.reason or "",
    ]


def _interval(slo: SloResult) -> Cell:
    if slo.ci_low is None and slo.ci_high is None:
        known = slo.estimate is not None and slo.confidence is None
        return Missing("a fact of this run" if known else "the sample says nothing on either side")
    low, high = (None if bound is None else in_unit(bound, slo.unit) for bound in (slo.ci_low, slo.ci_high))
    sure = "" if slo.confidence is None else f" ({slo.confidence:.0%})"
    if low is None:
        return f"at most {high}{sure}"
    if high is None:
        return f"at least {low}{sure}"
    return f"{low} to {high}{sure}"


def _two_digits(value: int) -> int:
    """An estimate's digits that mean something."""
    return int(float(f"{value:.2g}"))


def tiles(summary: Summary) -> Html:
    """The run in one glance."""
    requests, throughput, latency = summary.requests, summary.throughput, summary.latency
    unknown = "the usage of some turns is unknown"
    notes = Notes()
    shown: list[tuple[str, Cell, str]] = [
        ("requests/s", figure(throughput.requests_per_s, "nothing was measured"), f"{requests.ok:,} ok"),
        (
            "output tokens/s",
            figure(throughput.output_tokens_per_s, unknown, throughput.output_tokens_per_s_known),
            "in the measured stages",
        ),
        ("TTFT p99", _p99(latency.ttft_s), f"p50 {_p50(latency.ttft_s)}"),
        ("TPOT p99", _p99(latency.tpot_s), f"p50 {_p50(latency.tpot_s)}"),
        ("E2E p99", _p99(latency.e2e_s), f"p50 {_p50(latency.e2e_s)}"),
        ("error rate", share(requests.error_rate, "no turn ended"), f"{requests.failed:,} failed"),
    ]
    if requests.goodput is not None:
        shown.append(("goodput", share(requests.goodput), f"{requests.good:,} good"))
    tiles = [
        el("div", el("dt", name), el("dd", el("b", notes.show(value)), el("small", below)))
        for name, value, below in shown
    ]
    return join([el("dl", *tiles, class_="tiles"), notes.told()])


def _p99(dist: Dist | None) -> Cell:
    if dist is None:
        return Missing("no value of it at all")
    return seconds(dist.p99, f"p99 takes at least 100 values, and there are {dist.n}")


def _p50(dist: Dist | None) -> str:
    return duration(None if dist is None else dist.p50)
