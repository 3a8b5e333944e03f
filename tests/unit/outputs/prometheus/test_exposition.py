"""What a scrape says is what the summary says; what is not known is not there."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadgen.arrivals import Schedule
from loadgen.metrics.cost import Meter
from loadgen.metrics.goodput import turn_limits
from loadgen.metrics.summarize import summarize
from loadgen.metrics.turn import CALL_OUTCOMES
from loadgen.outputs.prometheus.buckets import DURATIONS, GAPS, TOKENS
from loadgen.outputs.run_folder import RunFolder
from loadgen.prices.model import FlatPrices
from loadgen.scenario.slos import parse_slo
from tests.support.series import imported, scraped
from tests.unit.metrics.making import PLAN, RUN, new_recorder, snap, turn
from tests.unit.outputs.prometheus.making import OUTCOME, SUBJECT, exposed, shown

_DOCS = Path(__file__).parents[4] / "docs" / "prometheus.md"


def test_counts_sums_and_buckets_are_those_of_the_summary() -> None:
    turns = [turn(20 + number / 10, chunks_ms=(40 + number, 70 + 2 * number, 300)) for number in range(120)]
    exposition, aggregate = exposed(*turns, turn(30, outcome="timeout"), turn(31, outcome="cancelled"))
    series = scraped(exposition.text(30.0))
    summary = summarize(aggregate, RUN, ended_s=100.0)

    assert series.total("requests_total", outcome="ok") == summary.requests.ok == 120
    assert series.total("requests_total", outcome="timeout") == summary.requests.errors["timeout"] == 1
    assert series.total("requests_total") == summary.requests.sent == 122
    assert series.total("requests_scheduled_total") == summary.requests.scheduled
    assert series.total("tokens_total", type="output") == summary.tokens.output_known
    for name, dist in (
        ("time_to_first_token_seconds", summary.latency.ttft_s),
        ("inter_token_latency_seconds", summary.latency.itl_s),
        ("time_per_output_token_seconds", summary.latency.tpot_s),
        ("request_duration_seconds", summary.latency.e2e_s),
        ("service_time_to_first_token_seconds", summary.service.ttft_s),
        ("schedule_lag_seconds", summary.generator.schedule_lag_s),
    ):
        assert dist is not None
        assert dist.p50 is not None
        assert series.total(f"{name}_count") == dist.n
        assert series.total(f"{name}_sum") == pytest.approx(dist.mean * dist.n, rel=1e-12)
        buckets = series.named(f"{name}_bucket", workload="chat", stage="steady")
        counts = [count for _, count in buckets]
        assert counts == sorted(counts)
        assert counts[-1] == dist.n
        assert buckets[-1][0]["le"] == "+Inf"
        upper = next(float(found["le"]) for found, count in buckets if count >= dist.n / 2)
        assert dist.p50 / 1.001 <= upper <= max(1.251 * dist.p50, float(buckets[0][0]["le"]))
    assert series.total("request_tokens_sum", type="output") == summary.tokens.output_known
    assert series.total("request_tokens_count", type="input") == 122


def test_recent_quantiles_are_gauges_of_the_whole_run() -> None:
    series = shown(*[turn(chunks_ms=(50 + number, 80)) for number in range(10)])
    assert series.value("latency_quantile_seconds", metric="ttft", quantile="0.9") == pytest.approx(0.058, rel=1e-3)
    assert series.named("latency_quantile_seconds", metric="ttft", quantile="0.99") == []  # of ten turns: the maximum
    assert not any("workload" in found for found, _ in series.named("latency_quantile_seconds"))


@pytest.mark.parametrize("bounds", [DURATIONS, GAPS], ids=["durations", "gaps"])
def test_buckets_grow_by_a_quarter_at_most(bounds: tuple[int, ...]) -> None:
    assert all(before < after <= 1.25 * before for before, after in pairwise(bounds))
    assert DURATIONS[0] == 1_000_000
    assert GAPS[0] == 10_000
    assert DURATIONS[-1] > 600e9
    assert {100_000_000, 1_000_000_000} <= set(bounds)
    assert TOKENS[0] == 1000


def test_every_cell_counts_from_0_before_anything_has_ended() -> None:
    series = shown()
    cells = len(PLAN.stages) * len(PLAN.workloads)
    assert [value for _, value in series.named("requests_total", outcome="ok")] == [0.0] * cells
    assert len(series.named("time_to_first_token_seconds_count")) == cells
    assert series.total("tokens_total") == 0


def test_tokens_that_the_server_never_said_have_no_series() -> None:
    series = shown(turn(cached_tokens=None), turn(cached_tokens=None))
    assert series.named("tokens_total", type="cached_input") == []
    assert series.total("tokens_total", type="reasoning") == 0
    assert series.named("tokens_total", type="reasoning") != []
    assert series.total("tokens_unknown_requests_total", type="cached_input") == 2


def test_tool_calls_are_counted_by_what_their_workload_found_and_the_rest_is_unjudged() -> None:
    judged = turn(tool_calls=4, marks={"call_right": 2, "call_malformed": 1, "call_nonsense": 1, "calls": 4})
    series = shown(judged, turn(tool_calls=3), turn(marks={"call_right": 1}))
    found = {labels["outcome"]: count for labels, count in series.named("tool_calls_total", workload="chat") if count}
    assert found == {"right": 2, "malformed": 1, "unjudged": 4}
    assert {labels["outcome"] for labels, _ in series.named("tool_calls_total")} == {*CALL_OUTCOMES, "unjudged"}


def test_the_budget_is_there_where_there_is_one_and_the_end_as_planned() -> None:
    assert shown().named("budget_usd") == []
    series = shown(budget_usd=5.0)
    assert series.total("budget_usd") == 5
    planned = SUBJECT.start_unix_s + PLAN.stages[-1].end_s
    assert series.total("run_planned_end_timestamp_seconds") == pytest.approx(planned)


def test_what_nobody_knows_has_no_series() -> None:
    series = shown()
    for name in (
        "latency_quantile_seconds",
        "generator_valid",
        "cost_total",
        "cost_low_total",
        "good_requests_total",
        "slo_good_requests_total",
        "tool_wait_seconds_count",
        "hardware_usd_per_hour",
        "target_users",
        "run_verdict",
        "run_end_timestamp_seconds",
    ):
        assert series.named(name) == [], name
    assert [found["type"] for found, _ in series.named("tokens_total")].count("cached_input") == 0


def priced() -> Meter:
    return Meter(FlatPrices(input=1.0, output=2.0, cached_input=0.5).of("m"), 0.0)


def test_cost_is_there_while_it_is_exact_and_its_bounds_where_it_is_not() -> None:
    exact = shown(turn(), meter=priced(), currency="USD")
    assert exact.total("cost_total", currency="USD") == pytest.approx((10 * 1 + 3 * 2) / 1e6)
    between = shown(turn(), turn(cached_tokens=None), meter=priced(), currency="USD")
    assert between.named("cost_total") == []
    assert between.total("cost_low_total") < between.total("cost_high_total")
    unknown = shown(turn(), turn(input_tokens=None), meter=priced(), currency="USD")
    assert unknown.named("cost_total") == unknown.named("cost_high_total") == []
    assert unknown.total("cost_low_total") > 0


def test_good_turns_by_slo_where_it_applies() -> None:
    limited = limited_to("ttft p99 < 60ms", "e2e{workload=docs} p99 < 1s", "error_rate < 1%")
    series = shown(turn(), turn(chunks_ms=(70, 90)), **limited)
    good = "slo_good_requests_total"
    assert series.value(good, slo="ttft p99 < 60ms", workload="chat", stage="steady") == 1
    assert series.total(good, slo="e2e{workload=docs} p99 < 1s", workload="docs") == 0
    assert series.named(good, slo="e2e{workload=docs} p99 < 1s", workload="chat") == []
    assert series.value("good_requests_total", workload="chat", stage="steady") == 1
    assert series.value("slo_limit_seconds", metric="ttft", quantile="0.99") == pytest.approx(0.06)
    assert series.value("slo_limit_ratio", metric="error_rate") == pytest.approx(0.01)


def limited_to(*texts: str) -> dict[str, Any]:
    """A plan with these SLOs, and the SLOs."""
    slos = tuple(parse_slo(text) for text in texts)
    limits = turn_limits(slos, [stage.name for stage in PLAN.stages], PLAN.workloads)
    return {"plan": msgspec.structs.replace(PLAN, limits=limits), "slos": slos}


def test_ok_turns_to_which_no_limit_applies_are_good_as_in_the_summary() -> None:
    turns = [turn(), turn(chunks_ms=(70, 90)), turn(workload="docs")]
    exposition, aggregate = exposed(*turns, **limited_to("ttft{workload=chat} p99 < 60ms"))
    series = scraped(exposition.text(30.0))
    good = summarize(aggregate, RUN, ended_s=100.0).requests.good
    assert series.total("good_requests_total") == good == 2
    assert series.total("good_requests_total", workload="docs") == 1


def test_good_turns_of_which_some_are_unknown_have_no_series_in_any_cell() -> None:
    """A sum over the cells would look whole."""
    unknown = turn(workload="docs", streamed=False, first_output_ns=None, first_answer_ns=None, chunk_stamps=[])
    series = shown(turn(), unknown, **limited_to("ttft p99 < 60ms"))
    assert series.named("good_requests_total") == []
    assert series.total("slo_good_requests_total", workload="chat") == 1


def test_a_stage_that_has_ended_is_not_rendered_again_and_a_late_turn_still_counts() -> None:
    exposition, aggregate = exposed(turn(5.0), turn(20.0))
    before = scraped(exposition.text(30.0))
    recorder = new_recorder("w2")
    recorder.record(turn(6.0))
    report = snap(recorder, 31.0)
    assert aggregate.apply(report)
    exposition.add(report)
    after = scraped(exposition.text(31.0))
    name = "time_to_first_token_seconds_count"
    assert before.total(name, stage="warmup") == 1
    assert after.total(name, stage="warmup") == 2
    assert after.total(name, stage="steady") == before.total(name, stage="steady") == 1


@pytest.mark.parametrize(("now_s", "active"), [(5.0, "warmup"), (20.0, "steady"), (99.0, "peak"), (101.0, None)])
def test_the_stage_and_what_the_schedule_asks_for(now_s: float, active: str | None) -> None:
    series = shown(now_s=now_s)
    assert [found["stage"] for found, value in series.named("stage_active") if value] == ([active] if active else [])
    assert series.value("target_rate") == (2.0 if active else 0.0)


def test_workers_by_state_and_only_the_living_say_how_they_are() -> None:
    exposition, aggregate = exposed(turn())
    series = scraped(exposition.text(30.0))
    assert series.value("workers", state="active") == 1
    assert series.value("worker_cpu_ratio", worker="w1") == pytest.approx(0.3)
    assert series.value("worker_event_loop_lag_seconds", worker="w1") == pytest.approx(0.001)
    assert series.value("generator_valid") == 1
    aggregate.lose("w1")
    series = scraped(exposition.text(31.0))
    assert series.value("workers", state="lost") == 1
    assert series.named("worker_cpu_ratio") == series.named("worker_event_loop_lag_seconds") == []


def test_names_that_need_it_are_escaped() -> None:
    odd = 'a "model"\\with\nlines'
    assert shown(model=odd).value("run_info") == 1
    assert {found["model"] for _, found, _ in shown(model=odd).all} == {odd}


def test_labels_are_the_documented_ones() -> None:
    known = {"run_id", "scenario", "workload", "model", "stage", "le", "outcome", "type", "quantile", "metric"}
    known |= {"worker", "state", "measured", "dialect", "transport", "arrivals", "version"}
    assert {name for _, found, _ in shown(turn(error="a text of the server", outcome="http_5xx")).all
            for name in found} <= known  # fmt: skip


def test_every_series_is_documented_and_every_documented_one_is_there() -> None:
    slos = tuple(parse_slo(text) for text in ("ttft p99 < 60ms", "error_rate < 1%"))
    names = [stage.name for stage in PLAN.stages]
    plan = msgspec.structs.replace(PLAN, limits=turn_limits(slos, names, PLAN.workloads))
    tool = turn(tool_wait_ns=1000)
    exposition, _ = exposed(
        *[turn() for _ in range(10)],
        tool,
        plan=plan,
        meter=priced(),
        currency="USD",
        slos=slos,
        usd_per_hour=2.0,
        budget_usd=5.0,
    )
    closed = Schedule("closed", SUBJECT.schedule.stages)
    texts = (exposition.text(30.0), exposition.text(100.0, OUTCOME), exposed(schedule=closed)[0].text(20.0))
    found = {re.sub(r"_(bucket|sum|count)$", "", name) for text in texts for name, _, _ in scraped(text).all}
    documented = set(re.findall(r"^\|[^|]*?`(loadgen_\w+)`", _DOCS.read_text(), re.MULTILINE))
    documented |= set(re.findall(r"^\|[^|]*, `(loadgen_\w+)` \|", _DOCS.read_text(), re.MULTILINE))
    # A soak's own series are no run's: loadgen/soak/exposition.py.
    assert found == {name for name in documented if not name.startswith("loadgen_soak_")}


def test_the_file_is_openmetrics_stamped_with_the_end(tmp_path: Path) -> None:
    exposition, _ = exposed(*[turn() for _ in range(10)])
    folder = RunFolder(tmp_path / "run")
    assert exposition.write(folder, 30.0, OUTCOME)
    text = (folder.path / "metrics.prom").read_bytes()
    families = {family.name: family for family in imported(text)}
    assert families["loadgen_requests"].type == "counter"
    assert families["loadgen_time_to_first_token_seconds"].type == "histogram"
    stamps = {float(sample.timestamp) for family in families.values() for sample in family.samples}
    assert stamps == {OUTCOME.end_unix_s}
    (ended,) = families["loadgen_run_verdict"].samples
    assert ended.labels["outcome"] == "pass"
    values = {(s.name, *sorted(s.labels.items())): s.value for f in families.values() for s in f.samples}
    scrape = scraped(exposition.text(30.0, OUTCOME)).all
    assert values == {(name, *sorted(found.items())): value for name, found, value in scrape}
