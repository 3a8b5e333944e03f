"""report.md: the run in fewer than 60 lines, fit for a comment on a pull request. A pure function of the summary.

Whatever comes from outside (names, expressions, messages) stands in code spans: there neither Markdown nor HTML means
anything, and a forge turns nothing into a mention, a reference or a link.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from loadgen.metrics.histogram import Dist
from loadgen.metrics.summary import Cost, Generator, SloResult, Summary, WorkloadSummary
from loadgen.outputs.console import (
    NOT_MEASURED,
    QUALITY_COLUMNS,
    beside,
    counts,
    dists,
    duration,
    in_unit,
    interval,
    money,
    number,
    parts_of,
    percent,
    quality_rows,
    rate,
    total,
    workers,
)
from loadgen.outputs.material import Material

NAME: Final = "report.md"
# A comment is read on one screen; what is left out is counted, and is in summary.json.
_MOST_NOTES = 8
_MOST_WORKLOADS = 5
_LONGEST = 300
_OUTCOMES = {"pass": "pass", "fail": "**FAIL**", "inconclusive": "**inconclusive**", "not_judged": "not judged"}


def markdown_report(material: Material) -> str:
    """The text of report.md."""
    summary = material.summary
    blocks = (
        [f"## loadgen: {summary.verdict.outcome.upper() if summary.verdict.slos else _no_slo(summary)}"],
        [verdict_sentence(summary)],
        [_subject(summary)],
        slo_table(summary.verdict.slos),
        _latency_tables(summary),
        _request_table(summary),
        *map(_quality_table, list(summary.workloads.items())[:_MOST_WORKLOADS]),
        _cost_table(summary.cost),
        _generator_lines(summary.generator),
        _note_lines([*summary.verdict.notes, *summary.run.notes]),
    )
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def code(text: object, *, in_table: bool = False) -> str:
    """A code span that shows this text as it is, on one line and not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split()) or " "
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST - 1]}…"
    if in_table:
        # Cells are split before anything else is read, in code spans too; there the backslash is taken away again.
        line = line.replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def verdict_sentence(summary: Summary) -> str:
    """What the outcome means, in a sentence that names what decided it."""
    slos = summary.verdict.slos
    match summary.verdict.outcome:
        case "pass":
            return "Every SLO holds." if len(slos) != 1 else f"{code(slos[0].expression)} holds."
        case "fail":
            return f"{_share(slos, 'fail')} failed: {_named(slos, 'fail')}."
        case "inconclusive":
            return f"{_share(slos, 'inconclusive')} could not be decided: {_named(slos, 'inconclusive')}."
        case "invalid":
            return "The generator was the bottleneck: these figures are not the target's alone, and decide nothing."
        case "none":
            return "The scenario states no SLO: nothing was judged."


def _no_slo(summary: Summary) -> str:
    return "INVALID" if summary.verdict.outcome == "invalid" else "no SLO stated"


def _share(slos: Sequence[SloResult], outcome: str) -> str:
    hit = sum(slo.outcome == outcome for slo in slos)
    return f"{hit} of {len(slos)} SLOs" if len(slos) > 1 else "The SLO"


def _named(slos: Sequence[SloResult], outcome: str) -> str:
    return ", ".join(code(slo.expression) for slo in slos if slo.outcome == outcome)


def _subject(summary: Summary) -> str:
    run, requests = summary.run, summary.requests
    return (
        f"{code(run.scenario)}: {code(run.model)} at {code(run.target)}, {duration(run.duration_s)}, "
        f"{requests.sent:,} turns, {workers(run.workers)}, seed {run.seed}, loadgen {code(run.version)}, "
        f"run {code(run.id)}"
    )


def slo_table(slos: Sequence[SloResult]) -> list[str]:
    """A line a SLO; no lines for none."""
    rows = (
        (
            code(slo.expression, in_table=True),
            _OUTCOMES[slo.outcome],
            in_unit(slo.estimate, slo.unit),
            interval(slo),
            NOT_MEASURED if slo.n is None else f"{slo.n:,}",
            code(slo.reason, in_table=True) if slo.reason else "",
        )
        for slo in slos
    )
    return table(("SLO", "outcome", "estimate", "interval", "n", "remark"), "llrrrl", rows)


def _latency_tables(summary: Summary) -> list[str]:
    """The whole run's latencies; of several workloads each one's TTFT and end-to-end time besides."""
    columns = ("latency from the intended time", "mean", "p50", "p90", "p99", "max", "n")
    rows: list[tuple[str, ...]] = [(label, *_cells(dist)) for label, dist in dists(summary.latency)]
    if len(summary.workloads) > 1:
        for name, part in list(summary.workloads.items())[:_MOST_WORKLOADS]:
            named = code(name, in_table=True)
            rows.append((f"TTFT {named}", *_cells(part.latency.ttft_s)))
            rows.append((f"E2E {named}", *_cells(part.latency.e2e_s)))
    return table(columns, "lrrrrrr", rows)


def _cells(dist: Dist | None) -> tuple[str, ...]:
    if dist is None:
        return (*(NOT_MEASURED,) * 5, "0")
    return (*map(duration, (dist.mean, dist.p50, dist.p90, dist.p99, dist.max)), f"{dist.n:,}")


def _request_table(summary: Summary) -> list[str]:
    columns = (
        *("workload", "sent", "ok", "failed", "cut off", "dropped"),
        *("requests/s", "tokens/s in", "tokens/s out", "goodput"),
    )
    parts = parts_of(summary)
    shown = parts if len(parts) <= _MOST_WORKLOADS + 1 else [*parts[:_MOST_WORKLOADS], parts[-1]]
    rows = (
        (
            name if part is summary and len(parts) > 1 else code(name, in_table=True),
            *(f"{count:,}" for count in (part.requests.sent, part.requests.ok, part.requests.failed)),
            f"{part.requests.cancelled:,}",
            f"{part.generator.dropped:,}",
            number(part.throughput.requests_per_s),
            rate(part.throughput.input_tokens_per_s, part.throughput.input_tokens_per_s_known),
            rate(part.throughput.output_tokens_per_s, part.throughput.output_tokens_per_s_known),
            in_unit(part.requests.goodput, "share"),
        )
        for name, part in shown
    )
    lines = table(columns, "lrrrrrrrrr", rows)
    if left := len(parts) - len(shown):
        lines += ["", f"Workloads that are not shown: {left}."]
    if summary.requests.errors:
        lines += ["", f"Failed: {code(counts(summary.requests.errors))}"]
    return lines


def _quality_table(workload: tuple[str, WorkloadSummary]) -> list[str]:
    name, part = workload
    rows = quality_rows(part)
    return table((f"quality of {code(name, in_table=True)}", *QUALITY_COLUMNS), "lrrr", rows) if rows else []


def _cost_table(cost: Cost) -> list[str]:
    """By prices, by hardware, or both; nothing where neither is known."""
    rows = []
    if cost.currency is not None:
        unknown = f", {cost.unknown_turns:,} turns of unknown cost" if cost.unknown_turns else ""
        each = (money(cost.per_1k_requests), money(cost.per_1m_output_tokens))
        rows.append((f"{code(cost.currency, in_table=True)} by prices{unknown}", total(cost), *each))
    if cost.hardware is not None:
        hardware = cost.hardware
        each = (money(hardware.per_1k_requests), money(hardware.per_1m_output_tokens))
        rows.append(("USD by hardware", money(hardware.total), *each))
    return table(("cost", "total", "per 1,000 requests", "per million output tokens"), "lrrr", rows)


def _generator_lines(generator: Generator) -> list[str]:
    state = "valid" if generator.valid else "**INVALID**"
    figures = (
        f"schedule lag p99 {_p99(generator.schedule_lag_s)}, loop lag p99 {_p99(generator.loop_lag_s)}, "
        f"engine {percent(generator.cpu_ratio)} of a core, {number(generator.chunks_per_read)} chunks a read"
        f"{beside(generator)}"
    )
    return [
        f"Generator: {state}; {figures}",
        *(f"- {code(line)}" for line in _some([*generator.reasons, *generator.notes])),
    ]


def _p99(dist: Dist | None) -> str:
    return duration(None if dist is None else dist.p99)


def _note_lines(notes: Sequence[str]) -> list[str]:
    return ["Notes:", *(f"- {code(note)}" for note in _some(notes))] if notes else []


def _some(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:_MOST_NOTES]
    if len(lines) > _MOST_NOTES:
        yield f"and {len(lines) - _MOST_NOTES} more, in summary.json"


def table(columns: Sequence[str], sides: str, rows: Iterable[Sequence[str]]) -> list[str]:
    """A pipe table, `l` and `r` naming each column's side; no lines for no rows."""
    written = [_row(row) for row in rows]
    rule = _row(["---:" if side == "r" else "---" for side in sides])
    return [_row(columns), rule, *written] if written else []


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
