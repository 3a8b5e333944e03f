"""SLO expressions: what they mean, where their mistakes are, and what goes with the rest of a scenario."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.scenario import scenario_from_json, scenario_to_json
from loadgen.scenario.quantities import format_duration
from loadgen.scenario.slos import (
    COSTS,
    LATENCIES,
    METRICS,
    MLPERF,
    RATES,
    Slo,
    SloError,
    mlperf_slos,
    parse_slo,
)
from tests.unit.scenario.conftest import Load, Refuse

LABELS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,10}", fullmatch=True)
POSITIVE = st.floats(1e-6, 1e9, allow_nan=False)
TIMES_S = st.floats(1e-6, 86_400, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ttft p99 < 2s", Slo("ttft", "p99", "<", 2.0)),
        ("  ttft   p99<2s ", Slo("ttft", "p99", "<", 2.0)),
        ("itl p99.9 <= 500ms", Slo("itl", "p99.9", "<=", 0.5)),
        ("e2e mean < 1.5m", Slo("e2e", "mean", "<", 90.0)),
        ("service.ttft max < 80 ms", Slo("service.ttft", "max", "<", 0.08)),
        ("connect p50 < 250us", Slo("connect", "p50", "<", 0.00025)),
        ("ttft{stage=steady, workload=chat} p99 < 2s", Slo("ttft", "p99", "<", 2.0, "steady", "chat")),
        ("tpot { workload = a-b } p050.0 < 1s", Slo("tpot", "p50", "<", 1.0, None, "a-b")),
        ("error_rate < 1%", Slo("error_rate", None, "<", 0.01)),
        ("error_rate <= 0.001", Slo("error_rate", None, "<=", 0.001)),
        ("goodput >= 95%", Slo("goodput", None, ">=", 0.95)),
        ("throughput.output_tokens > 1k", Slo("throughput.output_tokens", None, ">", 1000.0)),
        ("throughput.requests{stage=high} > 2.5", Slo("throughput.requests", None, ">", 2.5, "high")),
        ("cost.per_1k_requests < 5", Slo("cost.per_1k_requests", None, "<", 5.0)),
        ("quality.docs.accuracy > 0.9", Slo("quality.docs.accuracy", None, ">", 0.9)),
        ("quality.agents.pass@1.strict >= 90%", Slo("quality.agents.pass@1.strict", None, ">=", 0.9)),
        ("quality.docs.malformed <= 0", Slo("quality.docs.malformed", None, "<=", 0.0)),
    ],
)
def test_an_expression_means(text: str, meant: Slo) -> None:
    found = parse_slo(text)
    assert found == meant
    assert found.text == text.strip()


@pytest.mark.parametrize(
    ("text", "at", "what"),
    [
        ("", 0, "a metric is expected"),
        ("ttff p99 < 2s", 0, "'ttff' is no metric"),
        ("output_tokens > 5", 0, "did you mean 'throughput.output_tokens'?"),
        ("quality.docs > 1", 0, "names no quality"),
        ("quality.docs.f1{stage=a} > 1", 15, "names its workload already"),
        ("ttft{stag=x} p99 < 2s", 5, "'stag' is no selector"),
        ("ttft{stage} p99 < 2s", 10, "'=' and a name are expected"),
        ("ttft{stage=} p99 < 2s", 11, "the name of a stage is expected"),
        ("ttft{stage=a stage=b} p99 < 2s", 13, "',' or '}' is expected"),
        ("ttft{stage=a, stage=b} p99 < 2s", 14, "stage is given twice"),
        ("ttft < 2s", 5, "a statistic of ttft is expected"),
        ("ttft p100 < 2s", 5, "'p100' is no statistic"),
        ("ttft p0 < 2s", 5, "'p0' is no statistic"),
        ("ttft median < 2s", 5, "'median' is no statistic"),
        ("error_rate p99 < 1%", 11, "has no statistic"),
        ("ttft p99 2s", 9, "a comparison is expected"),
        ("ttft p99 = 2s", 9, "a comparison is expected"),
        ("ttft p99 > 2s", 9, "ttft is better the less it is"),
        ("goodput < 95%", 8, "goodput is better the more it is"),
        ("throughput.requests < 9", 20, "better the more"),
        ("ttft p99 <", 10, "a value is expected"),
        ("ttft p99 < soon", 11, "a value is expected"),
        ("ttft p99 < 2", 11, "2 has no unit"),
        ("ttft p99 < 2 parsecs", 11, "unknown unit 'parsecs'"),
        ("ttft p99 < 0s", 11, "no limit"),
        ("ttft p99 < -2s", 11, "can't be negative"),
        ("ttft p99 < 25h", 11, "25h is longer than any time that is measured; accepted: at most 24h"),
        ("ttft p99 < 1e308d", 11, "the limit is not finite"),
        ("throughput.requests > 1e999", 22, "the limit is not finite"),
        ("quality.docs.f1 > 1e999%", 18, "the limit is not finite"),
        ("ttft p٩٩ < 2s", 5, "is no statistic"),
        ("error_rate < 0%", 13, "no number of turns shows a rate of 0"),
        ("error_rate < 1s", 13, "has the unit 's'"),
        ("goodput >= 100%", 11, "no number of turns shows a share of 1"),
        ("goodput > 95", 10, "did you mean 95%?"),
        ("cost.total < $5", 13, "a value is expected"),
        ("cost.total < 5 USD", 13, "has the unit 'USD'"),
        ("ttft p99 < 2s please", 14, "'please' is left over"),
    ],
)
def test_a_mistake_is_pointed_at(text: str, at: int, what: str) -> None:
    with pytest.raises(SloError) as caught:
        parse_slo(text)
    said, shown, caret = str(caught.value).split("\n")
    assert what in said
    assert (shown, caret) == (f"    {text}", f"    {' ' * at}^")
    assert caught.value.at == at


@st.composite
def slos(draw: st.DrawFn) -> Slo:
    metric = draw(st.one_of(st.sampled_from(METRICS), st.builds("quality.{}.{}".format, LABELS, LABELS)))
    stat, limit = None, draw(POSITIVE)
    if metric in LATENCIES:
        percentiles = st.integers(1, 999).map(lambda tenths: f"p{tenths / 10:.12g}")
        stat, limit = draw(st.one_of(st.sampled_from(("mean", "max")), percentiles)), draw(TIMES_S)
    elif metric in ("error_rate", "goodput"):
        limit = draw(st.floats(0.0001, 0.9999))
    upper = metric in (*LATENCIES, "error_rate", *COSTS)
    lower = metric in ("goodput", *RATES)
    ops = ("<", "<=") if upper else (">", ">=") if lower else ("<", "<=", ">", ">=")
    chosen = [None, None] if metric.startswith("quality.") else [draw(st.none() | LABELS), draw(st.none() | LABELS)]
    return Slo(metric, stat, draw(st.sampled_from(ops)), limit, chosen[0], chosen[1])


@given(slos())
def test_what_is_written_plainly_reads_back(slo: Slo) -> None:
    assert parse_slo(str(slo)) == slo


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    # Whatever else it raised would be a bug.
    with suppress(SloError):
        assert parse_slo(text).limit >= 0


@given(TIMES_S)
def test_a_turns_limit_is_to_the_nanosecond(limit_s: float) -> None:
    within = parse_slo(f"ttft p99 <= {format_duration(limit_s)}").turn_limit_ns
    assert within == round(limit_s * 1e9)
    assert parse_slo(f"ttft p99 < {format_duration(limit_s)}").turn_limit_ns == within - 1


def test_comparisons_take_in_their_limit_or_not() -> None:
    assert [parse_slo(f"quality.w.m {op} 5").met_by(5.0) for op in ("<", "<=", ">", ">=")] == [False, True, False, True]


def test_a_quantile_is_the_nearest_double() -> None:
    assert [parse_slo(f"ttft {stat} < 1s").quantile for stat in ("p50", "p99.9", "p99.99", "mean")] == [
        0.5,
        0.999,
        0.9999,
        None,
    ]


@pytest.mark.parametrize("name", MLPERF)
def test_mlperfs_limits_are_two_objectives(name: str) -> None:
    ttft, tpot = map(parse_slo, mlperf_slos(name))
    assert (ttft.metric, ttft.stat, tpot.metric, tpot.stat) == ("ttft", "p99", "tpot", "p99")
    assert math.isclose(ttft.limit * 1e3, MLPERF[name][0])
    assert math.isclose(tpot.limit * 1e3, MLPERF[name][1])


STATED = 'slos: ["ttft p99 < 2s"]'


def test_a_scenario_states_objectives_in_three_ways(load: Load) -> None:
    entries = """\
slos:
  - ttft{stage=steady, workload=chat} p99 < 2s
  - {slo: error_rate < 1%, abort: true}
  - mlperf-llama2-70b
  - {mlperf: deepseek-r1-interactive, abort: true}"""
    scenario = load(replace=(STATED, entries)).scenario
    assert [(slo.text, slo.abort) for slo in scenario.objectives] == [
        ("ttft{stage=steady, workload=chat} p99 < 2s", False),
        ("error_rate < 1%", True),
        ("ttft p99 <= 2000ms", False),
        ("tpot p99 <= 200ms", False),
        ("ttft p99 <= 1500ms", True),
        ("tpot p99 <= 15ms", True),
    ]
    assert scenario_from_json(scenario_to_json(scenario)) == scenario


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("5", "slos.0: 5 is no objective; accepted: text such as"),
        ("{abort: true}", "slos.0: states nothing; accepted: text such as"),
        ("{slo: ttft p99 < 2s, mlperf: llama2-70b}", "slos.0: states two things"),
        ("{slo: ttft p99 < 2s, abort: maybe}", "slos.0.abort: 'maybe' is neither true nor false"),
        ("{slo: ttft p99 < 2s, abrt: true}", "unknown key; accepted: slo, mlperf, abort; did you mean 'abort'?"),
        ("mlperf-llama2", "slos.0: 'llama2' is none of MLPerf's"),
        ("'ttft{stage=warmup} p99 < 2s'", "slos.0: no measured stage is named 'warmup'; accepted: climb, steady"),
        ("'ttft{workload=cat} p99 < 2s'", "slos.0: no workload is named 'cat'; accepted: chat, agents"),
        ("quality.docs.f1 > 1", "slos.0: no workload is named 'docs'"),
        ("goodput > 95%", "slos.0: goodput: no objective says what a good turn is"),
        ("throughput.goodput > 5", "slos.0: throughput.goodput: no objective says"),
        ("{slo: throughput.requests > 5, abort: true}", "slos.0: abort: throughput.requests can't end a run"),
        ("{slo: itl p99 < 5s, abort: true}", "slos.0: abort: itl can't end a run"),
    ],
)
def test_an_entry_is_refused_at_its_place(refuse: Refuse, entry: str, says: str) -> None:
    line, *_ = refuse(replace=(STATED, f"slos:\n  - {entry}"))
    assert line.startswith("scenario.yaml:17:")
    assert says in line


def test_an_expressions_mistake_is_shown_with_its_character(refuse: Refuse) -> None:
    assert refuse(replace=(STATED, "slos:\n  - error_rate < 1%\n  - ttft p9x < 2s")) == [
        "scenario.yaml:18:5: slos.1: 'p9x' is no statistic; "
        "accepted: mean, max, or a percentile such as p50, p99 or p99.9",
        "    ttft p9x < 2s",
        "         ^",
    ]


def test_goodput_needs_a_limit_where_it_is_about(load: Load, refuse: Refuse) -> None:
    limit = '"ttft{workload=agents} p99 < 2s"'
    (line,) = refuse(replace=(STATED, f'slos: [{limit}, "goodput{{workload=chat}} > 95%"]'))
    assert "slos.1: goodput: no objective says what a good turn is" in line
    for goodput in ("goodput > 95%", "goodput{workload=agents} > 95%", "throughput.goodput{stage=steady} > 5"):
        assert len(load(replace=(STATED, f'slos: [{limit}, "{goodput}"]')).scenario.objectives) == 2


def test_costs_need_prices(refuse: Refuse) -> None:
    text = "prices: deepseek-flash\nbudget: {usd: 5}\n"
    (line,) = refuse(replace=(f"{STATED}\n{text}", 'slos: ["cost.total < 5"]\n'))
    assert "slos.0: cost.total: nothing says what the run costs; accepted: prices or hardware beside it" in line


def test_times_of_streams_need_streams(refuse: Refuse) -> None:
    (line,) = refuse(replace=("stream: true", "stream: false"))
    assert "slos.0: ttft is null without streaming" in line


def test_ending_a_run_needs_records(refuse: Refuse) -> None:
    (line,) = refuse(replace=(STATED, "slos: [{slo: error_rate < 1%, abort: true}]\nrecords: none"))
    assert "slos.0: abort: what ends a run is read from the record log; accepted: records: {sample: 0.1}" in line
