"""Tokens and the prefix cache, and what it all cost."""

import numpy as np

from loadgen.metrics.summary import Cost, Summary, Tokens
from loadgen.outputs.html.bins import spread
from loadgen.outputs.html.cells import Cell, Missing, count, facts, money, percentage, share
from loadgen.outputs.html.course import Course
from loadgen.outputs.html.figure import Figure, line, render
from loadgen.outputs.html.markup import Html, el
from loadgen.outputs.html.section import section


def tokens_section(summary: Summary, course: Course) -> Html:
    """Tokens by kind, what the cache took, what was got of the sizes asked for."""
    cached = _cached_share(course) if course else None
    return section(
        "tokens",
        "Tokens and cache",
        facts(token_facts(summary.tokens)),
        render(cached) if cached is not None else el("p", _NO_CACHE, class_="notes"),
    )


_NO_SIZE = "no turn aimed at a size, or its size is unknown"
_NO_CACHE = "How much of the input came from the server's cache is not known: the server does not say."


def token_facts(tokens: Tokens) -> list[tuple[str, Cell]]:
    """Sums of the server's usage; of an unknown one what is known."""
    cached = None if tokens.cached_input is None or not tokens.input else tokens.cached_input / tokens.input
    return [
        ("input", _sum(tokens.input, tokens.input_known)),
        ("output", _sum(tokens.output, tokens.output_known)),
        ("cached input", _sum(tokens.cached_input, tokens.cached_input_known)),
        ("cached share of the input", share(cached, "the input, or what of it was cached, is unknown")),
        ("reasoning", _sum(tokens.reasoning, tokens.reasoning_known)),
        ("input got, of what was asked", share(tokens.input_ratio, _NO_SIZE)),
        (
            "output got, of what was asked",
            share(tokens.output_ratio, _NO_SIZE),
        ),
    ]


def _sum(total: int | None, known: int) -> Cell:
    at_least = f"; at least {known:,}" if known else ""
    return count(total, f"the server did not report it for every turn{at_least}")


def _cached_share(course: Course) -> Figure | None:
    """By when a turn was sent; None where nothing of it is known."""
    told = course.ok & ~np.isnan(course.column("cached_tokens")) & ~np.isnan(course.column("input_tokens"))
    if not told.any():
        return None
    at = course.column("send_s")[told]
    sums = [spread(course.bins, at, at, course.column(name)[told]) for name in ("cached_tokens", "input_tokens")]
    cached, given = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(given > 0, cached / given, np.nan)
    known = ratio[~np.isnan(ratio)]
    rows: list[list[Cell]] = [
        [start, f"{cached[row]:,.0f}", f"{given[row]:,.0f}", _share(ratio[row])] for row, start in enumerate(course.at)
    ]
    caption = (
        f"Cached tokens as a share of the input tokens of the turns sent in each {course.bin_text}: "
        f"{cached.sum() / given.sum():.1%} in all, from {known.min():.1%} to {known.max():.1%}."
        if given.sum() > 0
        else "No input tokens."
    )
    layout = course.layout(yaxis={"title": {"text": "cached share"}, "tickformat": ".0%", "range": [0, 1.02]})
    data = [line("cached share", course.middles, ratio, "@2", showlegend=False)]
    return Figure("Cached share of the input", caption, data, layout, ["from", "cached", "input", "share"], rows)


def _share(value: float) -> Cell:
    return Missing("no input was sent in this time") if np.isnan(value) else percentage(float(value))


def cost_section(summary: Summary, course: Course) -> Html:
    """The bill, and how it grew."""
    cost = summary.cost
    if cost.currency is None and cost.hardware is None:
        return section("cost", "Cost", el("p", "Not known: the scenario states neither prices nor hardware."))
    grown = _grown(course, cost.currency) if course and cost.currency is not None else None
    return section("cost", "Cost", facts(cost_facts(cost)), render(grown) if grown is not None else None)


def cost_facts(cost: Cost) -> list[tuple[str, Cell]]:
    """What a run, a stage or a workload cost."""
    found: list[tuple[str, Cell]] = []
    if (currency := cost.currency) is not None:
        unknown = "tokens that bear a price are unknown"
        found += [
            ("total", money(cost.total, currency, unknown)),
            ("at least", money(cost.total_low, currency, unknown)),
            ("at most", money(cost.total_high, currency, f"{cost.unknown_turns} turns of unknown cost")),
            ("per 1,000 requests", money(cost.per_1k_requests, currency, unknown)),
            ("per million output tokens", money(cost.per_1m_output_tokens, currency, unknown)),
            ("turns of unknown cost", count(cost.unknown_turns, "not known")),
        ]
    if (hardware := cost.hardware) is not None:
        nothing = "nothing came out in the measured window, or its tokens are unknown"
        found += [
            ("hardware", money(hardware.total, "USD")),
            ("hardware per 1,000 requests", money(hardware.per_1k_requests, "USD", nothing)),
            ("hardware per million output tokens", money(hardware.per_1m_output_tokens, "USD", nothing)),
            ("hardware per million tokens", money(hardware.per_1m_tokens, "USD", nothing)),
        ]
    return found


def _grown(course: Course, currency: str) -> Figure | None:
    """The known cost of the turns so far, all stages; None where no turn's is known."""
    known = ~np.isnan(course.column("cost"))
    if not known.any():
        return None
    at = course.column("end_s")[known]
    grown = np.cumsum(spread(course.bins, at, at, course.column("cost")[known])) * course.scale
    unknown = int((~known & course.seen).sum())
    left_out = f" {unknown:,} turns of unknown cost are left out." if unknown else ""
    caption = (
        f"Known cost of all turns so far, warm-up included: {grown[-1]:.4g} {currency} in the end, "
        f"{grown[-1] / course.total_s * 3600:.4g} {currency} an hour on average.{left_out}"
    )
    rows: list[list[Cell]] = [[start, money(float(grown[row]), currency)] for row, start in enumerate(course.at)]
    layout = course.layout(yaxis={"title": {"text": currency}, "rangemode": "tozero"})
    data = [line("cost", course.ends, grown, "@1", showlegend=False)]
    return Figure("Cost so far", caption, data, layout, ["until the end of the time from", "cost"], rows, course.note)
