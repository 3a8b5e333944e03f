"""What all dashboards share: variables, annotations, links, and the selectors that the variables fill.

Used by boards/. Names of series are those of docs/prometheus.md; `make check-dashboards` holds them against a real run.
"""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard

from grafana.parts import SOURCE, TAG, Query, Row, placed

# Of figures of a whole run, and of those by stage and workload.
RUN = 'run_id=~"$run", scenario=~"$scenario", model=~"$model"'
CELL = RUN + ', workload=~"$workload", stage=~"$stage"'

# The least; Grafana widens it with the zoom. Without one it asks once a minute, and short stages are not there.
_MARK_STEP = "1s"
_COLORS = {"Run start": "green", "Run end": "red", "Stages": "blue"}


# Rates follow what Grafana thinks a good window at this zoom; a number of seconds is for figures that name theirs.
_ZOOMED = ("$__rate_interval", "$__rate_interval_ms / 1000")


def lasting(series: str) -> str:
    """A gauge at any zoom: what only a run's last scrape tells would else fall between two points of a wide step."""
    return f"last_over_time({series}[$__rate_interval])"


def certificate() -> str:
    """1 where the generator kept up so far, 0 where not."""
    series = lasting(f"loadgen_generator_valid{{{RUN}}}")
    return f"min by (run_id) ({series})"


def rate(series: str, *, by: str = "", labels: str = "", window_s: int | None = None) -> str:
    """The summed rate of a run's counter over the chosen stages and workloads.

    Not rate(): that divides by the whole window where the run is younger, and shows a third of a rate. A counter begins
    with its run at 0, so what it grew by over the run's age is right.
    """
    chosen = f"{CELL}, {labels}" if labels else CELL
    grouped = f"sum by ({by})" if by else "sum"
    window, seconds = _ZOOMED if window_s is None else (f"{window_s}s", str(window_s))
    age = f"time() - max (loadgen_run_start_timestamp_seconds{{{RUN}}})"
    return f"{grouped} (increase({series}{{{chosen}}}[{window}])) / scalar(clamp_max({age}, {seconds}) > 0)"


def total(series: str, *, by: str = "", labels: str = "") -> str:
    """The sum of a counter's last values: exact, for a run's counters begin with it at 0. For instant queries."""
    chosen = f"{CELL}, {labels}" if labels else CELL
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (last_over_time({series}{{{chosen}}}[$__range]))"


def cost() -> str:
    """What each run has cost; nothing for one where that is only known to lie between bounds. For instant queries.

    The exact series ends where a cost is no longer known, and its last value would pass for the total: but by then the
    lower bound, which goes on, is above it.
    """
    exact, least = (total(f"loadgen_{name}_total", by="run_id, currency") for name in ("cost", "cost_low"))
    return f"({exact} >= on (run_id, currency) 0.999999 * {least})"


def still_told(series: str, beside: str) -> str:
    """The runs in which a series was there as long as another: one that ends early has a last value, but no total."""

    def last(name: str) -> str:
        return f"max by (run_id) (max_over_time(timestamp({name}{{{CELL}}})[$__range:5s]))"

    return f"({last(series)} >= {last(beside)} - 10)"


def quantile(q: float, histogram: str, *, by: str = "", window: str = "$__rate_interval") -> str:
    """A quantile of what a histogram took in lately; within one bucket, a factor of 1.25."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({histogram}_bucket{{{CELL}}}[{window}])))"


def quantile_of_all(q: float, histogram: str, *, by: str) -> str:
    """A quantile of all that a histogram holds. For instant queries."""
    return f"histogram_quantile({q}, {total(f'{histogram}_bucket', by=f'le, {by}')})"


def limits(metric: str) -> Query:
    """The scenario's limits on one latency, drawn as such."""
    return Query(f'max by (slo) (loadgen_slo_limit_seconds{{{RUN}, metric="{metric}"}})', "SLO {{slo}}")


def _choice(name: str, label: str, query: str, *, several: bool, description: str) -> builders.QueryVariable:
    variable = (
        builders.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(SOURCE)
        .query(query)
        .definition(query)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(several)
        .include_all(several)
        # Run ids begin with the time, so that the newest run is first and chosen.
        .sort(dashboard.VariableSort.ALPHABETICAL_DESC if name == "run" else dashboard.VariableSort.ALPHABETICAL_ASC)
    )
    if several:
        variable.all_value(".*").current(dashboard.VariableOption(selected=True, text="All", value="$__all"))
    return variable


def _variables(runs: bool) -> list[builders.QueryVariable]:
    """runs: whether several can be chosen."""
    of_run = 'loadgen_requests_total{run_id=~"$run", scenario=~"$scenario"'
    return [
        _choice(
            "scenario",
            "Scenario",
            "label_values(loadgen_run_info, scenario)",
            several=True,
            description="Only runs of these scenarios",
        ),
        _choice(
            "run",
            "Run",
            'label_values(loadgen_run_info{scenario=~"$scenario"}, run_id)',
            several=runs,
            description="The newest first; a run that lies outside of the time range is not here",
        ),
        _choice("model", "Model", f"label_values({of_run}}}, model)", several=True, description="As the target has it"),
        _choice(
            "workload", "Workload", f"label_values({of_run}}}, workload)", several=True, description="Of the scenario"
        ),
        _choice("stage", "Stage", f"label_values({of_run}}}, stage)", several=True, description="Warm-up included"),
    ]


def _mark(name: str, expr: str, text: str, *, at_value: bool) -> builders.AnnotationQuery:
    """A mark. at_value: at the time that the series tells (ms); otherwise a stretch for as long as it is above 0."""
    return (
        builders.AnnotationQuery()
        .name(name)
        .datasource(SOURCE)
        .enable(True)
        .icon_color(_COLORS[name])
        .expr(expr)
        .step(_MARK_STEP)
        .title_format(text)
        .text_format("{{scenario}} · {{run_id}}")
        .tag_keys("scenario,model")
        .use_value_for_time(at_value)
    )


def _marks() -> list[builders.AnnotationQuery]:
    active = f'loadgen_stage_active{{{RUN}, stage=~"$stage"}}'
    ended = lasting(f"loadgen_run_end_timestamp_seconds{{{RUN}}}")
    return [
        _mark("Run start", f"1000 * loadgen_run_start_timestamp_seconds{{{RUN}}}", "Start", at_value=True),
        _mark("Run end", f"1000 * {ended}", "End", at_value=True),
        _mark("Stages", f"{active} == 1", "Stage {{stage}}", at_value=False),
    ]


def board(
    uid: str,
    title: str,
    description: str,
    rows: Sequence[Row],
    *,
    runs: bool = False,
    since: str = "now-15m",
    refresh: str = "5s",
) -> dashboard.Dashboard:
    """A dashboard of these rows. runs: whether it shows several runs together. since: the time range it opens with."""
    built = (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .time(since, "now")
        .refresh(refresh)
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(builders.DatasourceVariable("datasource").label("Source").type("prometheus"))
        .annotations(list(_marks()))
        .link(
            builders.DashboardLink("loadgen")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .keep_time(True)
            .include_vars(True)
        )
    )
    for variable in _variables(runs):
        built.with_variable(variable)
    made = built.build()
    made.panels = placed(rows)
    return made
