"""The whole file: sections in their order, style, script and the plots' library, all inline; nothing is requested.

A policy in its head forbids every request, so that what a name or an error text might smuggle in loads nothing.
"""

import functools
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from loadgen.metrics.summary import Summary
from loadgen.outputs.console import duration
from loadgen.outputs.html.course import Course
from loadgen.outputs.html.definitions import definitions_section
from loadgen.outputs.html.errors import errors_section
from loadgen.outputs.html.generator import generator_section
from loadgen.outputs.html.latency import latency_section
from loadgen.outputs.html.markup import Html, el, join
from loadgen.outputs.html.setup import inputs_section, setup_section, stages_section
from loadgen.outputs.html.throughput import throughput_section
from loadgen.outputs.html.tokens import cost_section, tokens_section
from loadgen.outputs.html.verdict import verdict_section
from loadgen.outputs.html.workloads import anchor, workload_sections
from loadgen.outputs.material import Material

_POLICY: Final = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
_NO_SCRIPT = "The plots need JavaScript. Without it every figure's caption and data table are here all the same."


def html_report(material: Material) -> str:
    """report.html of a run."""
    summary, course = material.summary, Course(material)
    run = summary.run
    return page(
        title=f"{run.scenario}: {summary.verdict.outcome}",
        heading=run.scenario,
        below=f"{run.model} at {run.target}, {_date(run.started_at)}, {duration(run.duration_s)}, seed {run.seed}",
        contents=_contents(summary),
        body=join(
            [
                verdict_section(summary),
                setup_section(summary),
                latency_section(summary, course),
                throughput_section(summary, course),
                stages_section(summary, course),
                errors_section(summary, course),
                tokens_section(summary, course),
                cost_section(summary, course),
                generator_section(summary, course),
                workload_sections(summary, course),
                inputs_section(material),
                definitions_section(),
            ]
        ),
        foot=f"loadgen {run.version}, run {run.id}. One file, complete in itself: it loads nothing.",
    )


def page(*, title: str, heading: str, below: str, contents: list[tuple[str, str]], body: Html, foot: str) -> str:
    """A page of sections. contents: (anchor, words) of the links at its top."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{title} · loadgen"),
        Html(f"<style>{_own('page.css')}</style>"),
    )
    links = el("ul", *(el("li", el("a", words, href=f"#{anchor}")) for anchor, words in contents))
    content = el(
        "body",
        el("header", el("h1", heading), el("p", below)),
        el("nav", links, aria_label="Contents"),
        el("main", el("noscript", el("p", _NO_SCRIPT, class_="notes")), body),
        el("footer", foot),
        Html(f"<script>{_plotly()}</script>"),
        Html(f"<script>{_own('page.js')}</script>"),
    )
    return f"<!doctype html>\n{el('html', head, content, lang='en')}\n"


def _contents(summary: Summary) -> list[tuple[str, str]]:
    workloads = [(anchor(at), name) for at, name in enumerate(summary.workloads)]
    return [
        ("verdict", "Verdict"),
        ("run", "Run"),
        ("latency", "Latency"),
        ("throughput", "Throughput"),
        ("stages", "Stages"),
        ("errors", "Errors"),
        ("tokens", "Tokens"),
        ("cost", "Cost"),
        ("generator", "Generator"),
        *workloads,
        ("inputs", "Scenario"),
        ("definitions", "Definitions"),
    ]


def _date(started_at: str) -> str:
    return f"{started_at[:19].replace('T', ' ')} UTC"


def _own(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


@functools.cache
def _plotly() -> str:
    """plotly.js as its Python package ships it. Found without importing that package, which would take a second."""
    spec = find_spec("plotly")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    text = (Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    # Nothing in it ends a script element; held here all the same, for it is replaced with every release of plotly.
    return text.replace("</script", "<\\/script")
