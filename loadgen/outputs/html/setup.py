"""What was run: target, load, workloads and stages; and the files that say it in full."""

from collections.abc import Sequence
from typing import Any

import msgspec

from loadgen.metrics.summary import StageSummary, Summary
from loadgen.outputs.console import duration
from loadgen.outputs.html.cells import Cell, Missing, facts, figure, seconds, share, table
from loadgen.outputs.html.course import Course
from loadgen.outputs.html.markup import Content, Html, el, join
from loadgen.outputs.html.section import section
from loadgen.outputs.material import Material


def setup_section(summary: Summary) -> Html:
    """Which run this is, of what, from where."""
    run = summary.run
    return section(
        "run",
        "What was run",
        facts(
            [
                ("scenario", run.scenario),
                ("target", run.target),
                ("model", run.model),
                ("dialect", run.dialect),
                ("workloads", ", ".join(summary.workloads)),
                ("stages", ", ".join(_stage_name(stage) for stage in summary.stages)),
                ("started", run.started_at.replace("T", " ").replace("+00:00", " UTC")),
                ("lasted", duration(run.duration_s)),
                ("seed", str(run.seed)),
                ("workers", str(run.workers)),
                ("transport", run.transport),
                ("loadgen", run.version),
                ("run id", el("code", run.id)),
            ]
        ),
    )


def _stage_name(stage: StageSummary) -> str:
    return stage.name if stage.measured else f"{stage.name} (not measured)"


def stages_section(summary: Summary, course: Course) -> Html:
    """A row a stage, measured or not."""
    spans = {window.name: window for window in course.windows}
    rows: list[list[Cell]] = []
    for stage in summary.stages:
        span = spans.get(stage.name)
        rows.append(
            [
                stage.name,
                "yes" if stage.measured else "no",
                f"{span.start_s:g} s" if span is not None else Missing("no turn was due in it"),
                seconds(stage.throughput.window_s),
                f"{stage.requests.sent:,}",
                share(stage.requests.error_rate, "no turn ended"),
                figure(stage.throughput.requests_per_s, "it was not reached"),
                *_latencies(stage),
                _steady(stage),
            ]
        )
    headers = ["stage", "measured", "from", "length", "sent", "error rate", "requests/s", *_HEADERS, "steady"]
    return section("stages", "Stages", table(headers, rows, label="Stages", words=(0, 1, len(headers) - 1)))


_LATENCIES = (("ttft_s", "TTFT"), ("tpot_s", "TPOT"), ("e2e_s", "E2E"))
_HEADERS = [f"{name} {which}" for _, name in _LATENCIES for which in ("p50", "p99")]


def _latencies(stage: StageSummary) -> list[Cell]:
    cells: list[Cell] = []
    for field, _ in _LATENCIES:
        dist = getattr(stage.latency, field)
        for quantile, least in (("p50", 2), ("p99", 100)):
            value = None if dist is None else getattr(dist, quantile)
            cells.append(seconds(value, f"{quantile} takes at least {least} values"))
    return cells


def _steady(stage: StageSummary) -> Cell:
    found = stage.steady
    if found is None:
        return Missing("searched for in measured stages, where the scenario states SLOs")
    if found.growing:
        return "no: the queue grew"
    if found.steady is None:
        return Missing("too few turns ended to tell")
    if not found.steady:
        return "no"
    return f"yes, after {duration(found.cut_s)}" if found.cut_s else "yes"


def inputs_section(material: Material) -> Html:
    """The scenario as it was run, and where."""
    scenario, environment = material.scenario_yaml, material.environment
    return section(
        "inputs",
        "Scenario and environment",
        el("h3", "scenario.yaml"),
        _code(scenario, "scenario.yaml is not in the run folder."),
        el("h3", "environment.json"),
        _environment(environment) if environment is not None else _code(None, "environment.json is not readable."),
        join([el("h3", "Not readable"), *(el("p", name, class_="notes") for name in material.unreadable)])
        if material.unreadable
        else None,
    )


def _code(text: str | None, otherwise: str) -> Html:
    if text is None:
        return el("p", otherwise, class_="notes")
    return el("pre", el("code", text), tabindex="0")


def _environment(facts_found: dict[str, Any]) -> Html:
    """Plain facts as a list, the nested ones as JSON."""
    plain: list[tuple[str, Cell]] = []
    nested: list[Content] = []
    for name, value in facts_found.items():
        if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict | list) for one in value)):
            nested.append(el("details", el("summary", name), _code(_json(value), "")))
        else:
            plain.append((name.replace("_", " "), _shown(value)))
    return join([facts(plain), *nested])


def _shown(value: object) -> Cell:
    if value is None:
        return Missing("not known")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return el("code", " ".join(map(str, value))) if value else "none"
    return str(value)


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
