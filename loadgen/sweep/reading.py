"""What a step's summary comes to: its outcome in one word and one line, and its point on the capacity curve.

Pure functions of the summary; nothing is computed here that the summary says already.
"""

from loadgen.metrics.histogram import Dist
from loadgen.metrics.summary import SloResult, Summary
from loadgen.outputs.console import NOT_MEASURED, duration, number
from loadgen.sweep.model import Figures, Objective, Outcome, Quantiles

_GROWING = "the queue grew to the step's end, so a longer step would give other figures"
_GREW_AGAIN = "the queue grew to the step's end, as it did before: there is no steady state at this load"


def outcome_of(summary: Summary, *, grew_before: bool) -> tuple[Outcome, str]:
    """The step's outcome and the reason for it. grew_before: whether the queue grew in an earlier step at this level.

    Where a queue grows no figure can pass, whatever it is so far. Seen once, that may be chance (a few of a hundred
    steady runs look so); seen again in a longer step it is a fail. An invalid run says nothing of the target.
    """
    verdict, slos = summary.verdict.outcome, summary.verdict.slos
    if verdict == "invalid":
        return "invalid", "; ".join(summary.generator.reasons) or "the generator was the bottleneck"
    if verdict == "none":
        return "none", "the scenario states no SLO"
    if verdict == "fail":
        return "fail", "; ".join(_told(slo) for slo in slos if slo.outcome == "fail")
    if grew(summary):
        return ("fail", _GREW_AGAIN) if grew_before else ("inconclusive", _GROWING)
    if verdict == "inconclusive":
        return "inconclusive", "; ".join(_undecided(slo) for slo in slos if slo.outcome != "pass")
    return "pass", "; ".join(_told(slo) for slo in slos)


def grew(summary: Summary) -> bool | None:
    """Whether the queue grew to the end of a measured stage; None where that was not looked for."""
    told = [
        stage.steady.growing
        for stage in summary.stages
        if stage.steady is not None and stage.steady.growing is not None
    ]
    return any(told) if told else None


def longer(summary: Summary) -> float | None:
    """By which factor the run should have been longer for a verdict; None where that is not known."""
    factors = [
        1 + slo.samples_needed / slo.n
        for slo in summary.verdict.slos
        if slo.outcome == "inconclusive" and slo.samples_needed is not None and slo.n
    ]
    return max(factors, default=None)


def objectives(summary: Summary) -> list[Objective]:
    """Each SLO's outcome."""
    return [
        Objective(
            expression=slo.expression,
            outcome=slo.outcome,
            estimate=slo.estimate,
            ci_low=slo.ci_low,
            ci_high=slo.ci_high,
            limit=slo.limit,
            unit=slo.unit,
            n=slo.n,
            samples_needed=slo.samples_needed,
        )
        for slo in summary.verdict.slos
    ]


def figures_of(summary: Summary) -> Figures:
    """The step's point on the capacity curve."""
    requests, throughput, tokens, latency = summary.requests, summary.throughput, summary.tokens, summary.latency
    hardware = summary.cost.hardware
    window_s = throughput.window_s
    both = _sum(throughput.input_tokens_per_s, throughput.output_tokens_per_s)
    tpot_p50 = None if latency.tpot_s is None else latency.tpot_s.p50
    per_output = None if hardware is None else hardware.per_1m_output_tokens
    if per_output is None and summary.cost.currency == "USD":
        per_output = summary.cost.per_1m_output_tokens
    return Figures(
        window_s=window_s,
        sent=requests.sent,
        ok=requests.ok,
        failed=requests.failed,
        cancelled=requests.cancelled,
        dropped=summary.generator.dropped,
        error_rate=requests.error_rate,
        goodput=requests.goodput,
        goodput_requests_per_s=throughput.goodput_requests_per_s,
        sent_per_s=requests.sent / window_s if window_s > 0 else None,
        requests_per_s=throughput.requests_per_s,
        input_tokens_per_s=throughput.input_tokens_per_s,
        output_tokens_per_s=throughput.output_tokens_per_s,
        total_tokens_per_s=both,
        output_tokens_per_s_per_user=1 / tpot_p50 if tpot_p50 else None,
        ttft_s=_quantiles(latency.ttft_s),
        tpot_s=_quantiles(latency.tpot_s),
        itl_s=_quantiles(latency.itl_s),
        e2e_s=_quantiles(latency.e2e_s),
        cached_input_share=_share(tokens.cached_input, tokens.input),
        currency=summary.cost.currency,
        cost_per_1m_output_tokens=summary.cost.per_1m_output_tokens,
        hardware_per_1m_output_tokens=None if hardware is None else hardware.per_1m_output_tokens,
        hardware_per_1m_tokens=None if hardware is None else hardware.per_1m_tokens,
        output_tokens_per_usd=1e6 / per_output if per_output else None,
        growing=grew(summary),
    )


def _quantiles(dist: Dist | None) -> Quantiles | None:
    return None if dist is None else Quantiles(dist.mean, dist.p50, dist.p90, dist.p99)


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _share(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else part / whole


def _told(slo: SloResult) -> str:
    """`ttft p99 < 2s: 1.20 s`."""
    return f"{slo.expression}: {_value(slo.estimate, slo.unit)}"


def _undecided(slo: SloResult) -> str:
    low, high = _value(slo.ci_low, slo.unit), _value(slo.ci_high, slo.unit)
    within = f", 95 % interval {low} to {high}" if slo.ci_low is not None or slo.ci_high is not None else ""
    needed = f", about {slo.samples_needed:,} more samples needed" if slo.samples_needed else ""
    why = f", {slo.reason}" if slo.reason and not within and not needed else ""
    return f"{_told(slo)}{within}{needed}{why}"


def _value(value: float | None, unit: str | None) -> str:
    if value is None:
        return NOT_MEASURED
    if unit == "s":
        return duration(value)
    return f"{value:.2%}" if unit == "share" else number(value)
