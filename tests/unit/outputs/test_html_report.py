"""report.html: complete in itself, every figure with its words and numbers, nothing from outside taken for markup."""

import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from loadgen.metrics.summary import Quality, Summary
from loadgen.metrics.turn import TurnMeasurement
from loadgen.outputs.html.curves import merged
from loadgen.outputs.html.definitions import DEFINITIONS
from loadgen.outputs.html.figure import as_json
from loadgen.outputs.html.page import html_report
from loadgen.outputs.material import Material
from tests.unit.metrics.making import summary_of, turn
from tests.unit.outputs.folders import made_run, some_turns
from tests.unit.outputs.summaries import FAILED, PASSED, UNDECIDED, invalid, summary_with

HOSTILE = "\"><script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)>'&amp;"
_VOID = {"meta", "br", "hr", "col"}


class Page(HTMLParser):
    """The elements of a page: (tag, attributes, text directly within), in their order; strict about nesting."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))
        if tag not in _VOID:
            self._open.append(len(self.found) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.found[self._open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[self._open[-1]][2].append(data)

    def all(self, tag: str) -> Iterator[tuple[dict[str, str | None], str]]:
        return ((attributes, "".join(text)) for name, attributes, text in self.found if name == tag)

    def specs(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(text) for attributes, text in self.all("script") if attributes.get("type")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("html") / "run"
    made_run(path, some_turns())
    return path


@pytest.fixture(scope="module")
def text(run: Path) -> str:
    return html_report(Material.read(run))


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def body_of(text: str) -> str:
    """Without style and scripts, plots' data among them."""
    return re.sub(r"<(style|script)\b.*?</\1>", "", text, flags=re.DOTALL)


def report_of(summary: Summary) -> str:
    return html_report(Material(Path("nowhere"), summary))


def test_every_figure_has_its_words_and_its_numbers(page: Page) -> None:
    figures = [attributes for attributes, _ in page.all("figure")]
    plots = [attributes for attributes, _ in page.all("div") if attributes.get("role") == "img"]
    captions = [caption for _, caption in page.all("figcaption")]
    tables = [
        attributes for attributes, _ in page.all("div") if (attributes.get("aria-label") or "").startswith("Data:")
    ]
    assert len(figures) >= 20
    assert len(plots) == len(captions) == len(tables) == len(page.specs()) == len(figures)
    for plot, caption in zip(plots, captions, strict=True):
        assert re.search(r"\d", caption)
        assert caption.split(".")[0] in (plot["aria-label"] or "")


def test_every_part_is_there_in_its_order(page: Page) -> None:
    titles = [title for _, title in page.all("h2")]
    assert titles == [
        "Verdict",
        "What was run",
        "Latency",
        "Throughput and load",
        "Stages",
        "Errors",
        "Tokens and cache",
        "Cost",
        "Generator health",
        "Workload: chat",
        "Workload: docs",
        "Scenario and environment",
        "How each figure is defined",
    ]
    anchors = {attributes["id"] for attributes, _ in page.all("section")}
    assert {(attributes["href"] or "")[1:] for attributes, _ in page.all("a")} == anchors


def test_nothing_is_requested(page: Page) -> None:
    policies = [attributes["content"] for attributes, _ in page.all("meta") if "http-equiv" in attributes]
    assert policies == [
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
    ]
    loading = ("src", "srcset", "data", "action", "background", "poster", "formaction", "xlink:href")
    for tag, attributes, _ in page.found:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form", "audio", "video", "source")
        assert not set(attributes) & set(loading)
        assert not any(name.startswith("on") for name in attributes)
        assert tag != "a" or (attributes["href"] or "").startswith("#")
    assert "url(" not in "".join(style for _, style in page.all("style"))


def test_what_comes_from_outside_is_text_wherever_it_stands(tmp_path: Path) -> None:
    summary = made_run(tmp_path / "run", some_turns(120))
    workload = msgspec.structs.replace(
        summary.workloads["docs"],
        quality={HOSTILE: Quality(value=0.5, unit=HOSTILE), "t": Quality(columns=[HOSTILE], rows=[[HOSTILE]])},
    )
    slo = msgspec.structs.replace(FAILED, expression=HOSTILE, reason=HOSTILE)
    hostile = msgspec.structs.replace(
        summary,
        run=msgspec.structs.replace(
            summary.run, id=HOSTILE, scenario=HOSTILE, target=HOSTILE, model=HOSTILE, dialect=HOSTILE, notes=[HOSTILE]
        ),
        verdict=msgspec.structs.replace(summary.verdict, outcome="fail", slos=[slo], notes=[HOSTILE]),
        generator=msgspec.structs.replace(summary.generator, reasons=[HOSTILE], notes=[HOSTILE]),
        requests=msgspec.structs.replace(summary.requests, errors={HOSTILE: 3}),
        stages=[msgspec.structs.replace(stage, name=f"{HOSTILE}{at}") for at, stage in enumerate(summary.stages)],
        workloads={HOSTILE: workload},
    )
    (tmp_path / "run" / "scenario.yaml").write_text(f"name: {HOSTILE}\n")
    (tmp_path / "run" / "environment.json").write_bytes(
        msgspec.json.encode({HOSTILE: HOSTILE, "a": {HOSTILE: [HOSTILE]}})
    )
    text = html_report(Material(tmp_path / "run", hostile))
    page = Page(text)
    assert "<script>alert" not in text
    assert not list(page.all("img"))
    assert len([1 for attributes, _ in page.all("script") if not attributes]) == 2
    assert HOSTILE in [heading for _, heading in page.all("h1")]


def test_names_in_plots_are_no_markup_either(tmp_path: Path) -> None:
    summary = made_run(tmp_path / "run", some_turns(120))
    log = tmp_path / "run" / "histograms.hlog"
    log.write_text(log.read_text().replace("stage=steady", f"stage={quote(HOSTILE, safe='')}"))
    stages = [msgspec.structs.replace(one, name=one.name.replace("steady", HOSTILE)) for one in summary.stages]
    material = Material(tmp_path / "run", msgspec.structs.replace(summary, stages=stages))
    specs = Page(html_report(material)).specs()
    names = [trace.get("name", "") for spec in specs for trace in spec["data"]]
    notes = [text for spec in specs for note in spec["layout"].get("annotations", []) for text in note["texts"]]
    for shown in (names, notes):
        assert any("&lt;script&gt;" in text for text in shown)
        assert not any("<" in text for text in shown)


def test_a_script_in_a_plots_data_can_not_end_it() -> None:
    assert "<" not in as_json({"name": "</script><script>alert(1)</script>"})
    assert msgspec.json.decode(as_json("</script>&")) == "</script>&"


@pytest.mark.parametrize(("outcome", "word"), [("pass", "Pass"), ("fail", "Fail"), ("inconclusive", "Inconclusive")])
def test_the_verdict_comes_first_and_in_words(outcome: str, word: str) -> None:
    text = report_of(summary_with(outcome, PASSED, FAILED, UNDECIDED, notes=["the queue grew"]))
    body = body_of(text)
    assert body.index(f">{word}<") < body.index("What was run")
    for shown in ("ttft p99 &lt; 2s", "50.0 ms", "49.0 ms to 51.2 ms (95%)", "at least 71.2 ms", "about 310 more"):
        assert shown in body
    assert "needs about 310 more turns: 7 s at this rate" in body
    assert "the queue grew" in body


def test_an_invalid_run_says_so_before_any_figure() -> None:
    body = body_of(report_of(invalid(summary_with("invalid"), "loop lag p99 40 ms, above 20 ms")))
    assert body.index("Not certified") < body.index("loop lag p99 40 ms") < body.index("What was run")


def test_what_was_not_measured_is_a_dash_with_its_reason() -> None:
    body = body_of(report_of(summary_of(turn(20, chunks_ms=()), turn(21, chunks_ms=(), input_tokens=None))))
    assert "no reply was streamed" in body
    assert "takes at least 100 values" in body
    assert "≥\u202f10<sup>" in body
    assert "the scenario states neither prices nor hardware" in body
    assert not re.search(r">\s*(nan|None|inf)\b", body)


def test_a_run_without_a_single_turn_has_a_report() -> None:
    body = body_of(report_of(summary_of()))
    assert "No turn is in the records." in body
    assert "No turn of a measured stage failed." in body


_NOTHING: dict[str, Any] = {"chunk_stamps": [], "first_output_ns": None, "sent_ns": None, "output_tokens": None}


@pytest.mark.parametrize(
    "turns",
    [
        some_turns(1),
        some_turns(3),
        [turn(20.0, outcome="connect", **_NOTHING)],
        [turn(20.0, outcome="cancelled")],
        [turn(20.0 + k, chunks_ms=()) for k in range(30)],
    ],
    ids=["one turn", "three turns", "a failed one", "one cut off", "not streamed"],
)
def test_a_run_of_hardly_anything_has_a_report(tmp_path: Path, turns: list[TurnMeasurement]) -> None:
    made_run(tmp_path / "run", turns)
    body = body_of(html_report(Material.read(tmp_path / "run")))
    assert not re.search(r">\s*(nan|None|inf)\b", body)


def test_quantiles_of_the_curves_are_those_of_the_summary(run: Path) -> None:
    material = Material.read(run)
    dist = material.summary.latency.e2e_s
    found = merged(material.histograms, "e2e", ["steady", "peak"])
    assert dist is not None
    assert found is not None
    assert found.n == dist.n
    assert [found.at(0.5), found.at(0.9), found.at(0.99)] == pytest.approx([dist.p50, dist.p90, dist.p99], rel=1e-9)
    assert found.at(0.999) is dist.p99_9 is None


def test_what_a_workload_alone_measures_is_on_its_page(run: Path) -> None:
    summary = Material.read(run).summary
    quality = {
        "recall_at_64k": Quality(value=0.91, ci_low=0.85, ci_high=0.95, n=120, unit="share"),
        "by_depth": Quality(columns=["depth", "recall"], rows=[[0.1, 0.98], [0.9, None], [0.5, 0.00034]]),
    }
    docs = msgspec.structs.replace(summary.workloads["docs"], quality=quality)
    changed = msgspec.structs.replace(summary, workloads={**summary.workloads, "docs": docs})
    body = body_of(html_report(Material(run, changed)))
    own = body[body.index("Workload: docs") :]
    for shown in (
        "recall at 64k",
        "91.00%",
        "85.00% to 95.00%",
        "by depth",
        "0.98",
        "0.00034",
        "nothing to measure it on",
    ):
        assert shown in own


def test_a_latency_has_one_colour_throughout(page: Page) -> None:
    specs = page.specs()
    curves = next(spec["data"] for spec in specs if spec["layout"]["xaxis"].get("ticktext", ["", ""])[0] == "50%")
    of_curve = {trace["name"]: trace["line"]["color"] for trace in curves}
    histograms = [
        spec["data"][0] for spec in specs if spec["data"][0].get("fill") == "tozeroy" and len(spec["data"]) == 1
    ]
    of_histogram = {trace["name"]: trace["line"]["color"] for trace in histograms if trace["name"] in of_curve}
    assert len(of_histogram) >= 4
    assert of_histogram.items() <= of_curve.items()


def test_a_small_figure_of_a_table_is_not_shown_as_nought(run: Path) -> None:
    summary = Material.read(run).summary
    costs = Quality(columns=["part", "cost_usd"], rows=[["again", 0.000138], ["nothing", 0.0], ["all", 12.5]])
    docs = msgspec.structs.replace(summary.workloads["docs"], quality={"session_cost": costs})
    shown = Page(html_report(Material(run, msgspec.structs.replace(summary, workloads={"docs": docs}))))
    cells = [text for _, text in shown.all("td")]
    assert {"0.000138", "0", "12.5"} <= set(cells)
    assert "cost usd" in [text for _, text in shown.all("th")]


def test_a_sample_of_the_records_is_scaled_and_said(run: Path, tmp_path: Path) -> None:
    for name in ("summary.json", "records.jsonl.gz", "histograms.hlog", "environment.json"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    (tmp_path / "scenario.yaml").write_text("records: {sample: 0.25}\n")
    assert "Estimated from a sample of 0.25 of the sessions" in html_report(Material.read(tmp_path))


def test_records_that_are_gone_are_said_to_be_missing(run: Path, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_bytes((run / "summary.json").read_bytes())
    text = body_of(html_report(Material.read(tmp_path)))
    assert "No turn is in the records." in text
    assert "histograms.hlog: not there" in text


def test_a_hundred_thousand_turns_make_a_small_file_soon(tmp_path: Path) -> None:
    some = some_turns(2_000)
    summary = made_run(tmp_path / "run", some)
    records = tmp_path / "run" / "records.jsonl.gz"
    records.write_bytes(records.read_bytes() * 50)
    began = time.process_time()
    text = html_report(Material(tmp_path / "run", summary))
    assert time.process_time() - began < 10
    assert len(text.encode()) < 8_000_000


def test_definitions_are_the_documentations_words() -> None:
    documented = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
    words = _plain(documented)
    for name, definition in DEFINITIONS:
        for part in re.split(r"^from |(?<=\w) to (?=end\b|first|last|taken|when it)|\. Null where: ", definition):
            assert _plain(part).rstrip(".") in words, f"{name}: {part}"


def _plain(markdown: str) -> str:
    return (
        " ".join(re.sub(r"[*`|]|\n- ", " ", markdown).split()).replace(" ,", ",").replace(" .", ".").replace(" :", ":")
    )
