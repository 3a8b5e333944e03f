"""The tab "LLM latency" of Locust's web UI: what Locust's own statistics can't show, live and after the run.

Locust's page takes a tab from two places: its template arguments name the tab, its table and further downloads, and
every answer to its poll of the statistics may carry the table's rows. Reads the master's aggregate, and only while a
page asks: the engine pays nothing.
"""

import time
from collections.abc import Callable
from typing import Any

from flask import Response, make_response, request, send_file
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_STOPPING
from locust.web import WebUI

from loadgen.metrics.aggregate import LIVE_RETENTION_S
from loadgen.metrics.histogram import Dist
from loadgen.metrics.snapshot import Metric
from loadgen.metrics.summarize import SoFar, so_far
from loadgen.metrics.summary import Summary
from loadgen.outputs.console import NOT_MEASURED, counts, dists, duration, in_unit, number, rate
from loadgen.swarm.run import Run

KEY = "llm-latency"
REPORT_PATH = "loadgen/report"
_TITLE = "LLM latency"
_POLL_PATH = "/stats/requests"
# The page asks every 2 s, each open one for itself: they share an answer.
_FRESH_S = 1.0
_RECENT = f"last {LIVE_RETENTION_S:g} s"
# No underscores: the page rewrites names that have them.
_COLUMNS = (
    ("figure", ""),
    ("value", "measured stages"),
    ("p50", "p50"),
    ("p90", "p90"),
    ("p99", "p99"),
    ("n", "n"),
    ("recent50", f"{_RECENT}: p50"),
    ("recent90", "p90"),
    ("recent99", "p99"),
)
_METRICS: tuple[Metric, ...] = ("ttft", "ttfo", "itl", "tpot", "e2e")

Row = dict[str, str]


def add_tab(environment: Environment, current: Callable[[], Run | None]) -> None:
    """Add the tab and the last report's place to Locust's web UI, where there is one. current: the run to show."""
    web_ui = environment.web_ui
    if web_ui is None or web_ui.app is None:
        return
    _announce(web_ui)
    rows, app = _Rows(current), web_ui.app

    @app.after_request
    def with_rows(response: Response) -> Response:
        if not request.path.endswith(_POLL_PATH) or response.status_code != 200 or not response.is_json:
            return response
        answer = response.get_json()
        # The page polls only while it takes the load for running: a run that is stopping would never end there.
        if answer.get("state") == STATE_STOPPING:
            answer["state"] = STATE_RUNNING
        others = [table for table in answer.get("extended_stats", []) if table["key"] != KEY]
        answer["extended_stats"] = [*others, {"key": KEY, "data": rows.now()}]
        response.set_data(app.json.dumps(answer))
        return response

    def last_report() -> Response:
        run = current()
        path = None if run is None else run.folder / "report.html"
        if path is None or not path.exists():
            return make_response("No report yet: it is written when the run has ended.", 404)
        return send_file(path.absolute())

    base_path = getattr(environment.parsed_options, "web_base_path", None) or ""
    app.add_url_rule(f"{base_path}/{REPORT_PATH}", "loadgen_report", web_ui.auth_required_if_enabled(last_report))  # type: ignore[no-untyped-call]


def _announce(web_ui: WebUI) -> None:
    """Locust keeps what it finds in its template arguments, and renders every page with them."""
    arguments = web_ui.template_args
    table = {"key": KEY, "structure": [{"key": key, "title": title} for key, title in _COLUMNS]}
    added: dict[str, dict[str, Any]] = {
        "extended_tabs": {"title": _TITLE, "key": KEY},
        "extended_tables": table,
        "extended_csv_files": {"href": f"./{REPORT_PATH}", "title": "Report of the last run (loadgen)"},
    }
    for name, part in added.items():
        arguments[name] = [*arguments.get(name, []), part]


class _Rows:
    """The table's rows, made anew once a second at most."""

    def __init__(self, current: Callable[[], Run | None]) -> None:
        self._current = current
        self._made_s = float("-inf")
        self._rows: list[Row] = []

    def now(self) -> list[Row]:
        run = self._current()
        now_s = time.monotonic()
        if now_s - self._made_s >= _FRESH_S or (run is not None and run.summary is not None):
            # The page sorts by what is called the name, until somebody presses a column's head.
            rows = rows_of(run)
            self._rows, self._made_s = [row | {"name": f"{at:02}"} for at, row in enumerate(rows)], now_s
        return self._rows


def rows_of(run: Run | None) -> list[Row]:
    """The table's rows for this run: its summary once there is one, else what has been measured so far."""
    if run is None:
        return [_row("run", "none yet")]
    conductor = run.conductor
    if run.summary is not None:
        state = "the last run, ended" if run.ended else "ended, its reports are being written"
        head = [_row("run", f"{conductor.run_id}: {state}"), _row("verdict", _verdict(run.summary))]
        return [*head, *_figures(run.summary, {}), _row("report", f"under Download Data, and in {run.folder}")]
    if not conductor.begun:
        state = f"ended before the load began: {run.failure or 'stopped'}" if run.ended else "preparing"
        return [_row("run", f"{conductor.run_id}: {state}")]
    aggregate = conductor.aggregate
    view = aggregate.live(now_s=conductor.elapsed_s)
    state = (
        f"{conductor.run_id}: {'draining' if run.ending else view.stage or 'starting'}, "
        f"{max(0.0, view.elapsed_s):.0f} of {conductor.schedule.total_s:.0f} s, {view.in_flight} in flight"
    )
    recent = {metric: aggregate.recent(metric).dist() for metric in _METRICS}
    figures = so_far(aggregate, min(aggregate.elapsed_s, conductor.load_ended_s))
    rows = [_row("run", state), _row("verdict", "when the run has ended"), *_figures(figures, recent)]
    now = f"{number(view.requests_per_s)} requests, {number(view.tokens_per_s)} output tokens, "
    return [*rows, _row("per second, last 5 s", f"{now}{number(view.chunks_per_s)} chunks")]


def _figures(part: SoFar | Summary, recent: dict[Metric, Dist | None]) -> list[Row]:
    requests, throughput = part.requests, part.throughput
    latencies = zip(_METRICS, dists(part.latency), strict=True)
    failed = f" ({counts(requests.errors)})" if requests.errors else ""
    return [
        *(_latency_row(label, dist, recent.get(metric)) for metric, (label, dist) in latencies),
        _row("output tokens/s", rate(throughput.output_tokens_per_s, throughput.output_tokens_per_s_known)),
        _row("requests/s", number(throughput.requests_per_s)),
        _row("goodput", _goodput(part)),
        _row(
            "requests",
            f"{requests.ok} ok, {requests.failed} failed{failed}, {requests.cancelled} cut off, "
            f"{part.generator.dropped} dropped",
        ),
        _row("generator", _certificate(part)),
    ]


def _goodput(part: SoFar | Summary) -> str:
    share = in_unit(part.requests.goodput, "share")
    if part.requests.goodput is None:
        return NOT_MEASURED
    return f"{share} of the turns, {number(part.throughput.goodput_requests_per_s)} requests/s"


def _certificate(part: SoFar | Summary) -> str:
    generator = part.generator
    if part.requests.sent == 0 and not isinstance(part, Summary):
        return "nothing measured yet"
    figures = f"schedule lag p99 {_p99(generator.schedule_lag_s)}, loop lag p99 {_p99(generator.loop_lag_s)}"
    so_far_or_not = "" if isinstance(part, Summary) else " so far"
    if generator.valid:
        return f"valid{so_far_or_not}: {figures}"
    return f"INVALID{so_far_or_not}: {'; '.join(generator.reasons)}"


def _p99(dist: Dist | None) -> str:
    return duration(None if dist is None else dist.p99)


def _verdict(summary: Summary) -> str:
    judged = ", ".join(f"{slo.expression} {slo.outcome.replace('_', ' ')}" for slo in summary.verdict.slos)
    return f"{summary.verdict.outcome}: {judged}" if judged else f"{summary.verdict.outcome} (no SLO stated)"


def _latency_row(label: str, dist: Dist | None, recent: Dist | None) -> Row:
    row = _row(label, f"mean {duration(dist.mean)}" if dist is not None else NOT_MEASURED)
    row |= {"n": "0" if dist is None else f"{dist.n:,}"}
    for column, found in (("p", dist), ("recent", recent)):
        for quantile in ("50", "90", "99"):
            shown = duration(None if found is None else getattr(found, f"p{quantile}"))
            row[f"{column}{quantile}"] = shown.replace(" ", "\N{NO-BREAK SPACE}")
    return row


def _row(figure: str, value: str) -> Row:
    return {"figure": figure, "value": value}
