"""A week in the terminal, as a page, as CSV and as JSON, through the command that people run."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from loadgen.errors import UsageError
from loadgen.history.command import history
from loadgen.history.export import COLUMNS, to_csv, to_json
from loadgen.history.page import DEFINITIONS, history_page
from loadgen.history.terminal import print_weeks
from loadgen.history.week import Week
from tests.support.histories import MONDAY_S, Story, a_soak, a_week, write_week

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def drifted() -> Week:
    return a_week(Story(drift_day=4, failed=[20, 21], missed=range(40, 44)))


@pytest.fixture(scope="module")
def steady() -> Week:
    soak = a_soak("20261102T000000Z-ef01", days=3, every_s=7200, model="<b>other</b>")
    return a_week(Story(seed=2, cached=False), soak)


@pytest.fixture(scope="module")
def text(drifted: Week) -> str:
    return history_page([drifted])


def body_of(page: str) -> str:
    return re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)


def specs_of(page: str) -> dict[str, Any]:
    """Every plot's data by its title."""
    found = re.findall(
        r"<h3>([^<]*)</h3><div class=\"plot\".*?<script type=\"application/json\">(.*?)</script>", page, re.S
    )
    return {title: json.loads(spec) for title, spec in found}


def printed(*weeks: Week) -> str:
    console = Console(width=100, file=io.StringIO(), color_system=None)
    print_weeks(weeks, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(history, arguments)


# --- the terminal ---


def test_the_terminal_tells_drifts_gaps_and_courses(drifted: Week) -> None:
    shown = printed(drifted)
    assert "Drift: output.tokens.mean.short +" in shown
    assert "Gap: Tue 3 Nov 16:00 to Tue 3 Nov 20:00, 4 windows: not run" in shown
    assert "Probes: 648 ok, 8 failed, 16 missed" in shown
    assert re.search(r"cache\.hit_ratio\.after_5m +[▁-█·]{28} +\S+% +0%", shown)
    assert "cost.per_1m_output_tokens: 1.8 USD in peak hours" in shown


def test_a_drift_has_its_day_and_its_size(drifted: Week) -> None:
    tokens = next(drift for drift in drifted.drifts.found if drift.series == "output.tokens.mean.short")
    assert abs(tokens.at_s - MONDAY_S - 4 * 86_400) <= 3 * 3600
    assert tokens.low <= 0.2 <= tokens.high


def test_the_terminal_stays_within_100_columns_but_for_sentences(drifted: Week, steady: Week) -> None:
    lines = printed(drifted, steady).splitlines()
    assert max(len(line) for line in lines if re.search("[▁-█]", line)) <= 100


def test_costs_that_are_not_known_are_told_as_bounds(steady: Week) -> None:
    assert re.search(r"cost\.per_request .* to", printed(steady))
    assert re.search(r"tell of cost\.per_request( and \d+ more)?: only bounds of it are known", printed(steady))


def test_soaks_are_put_side_by_side(drifted: Week, steady: Week) -> None:
    beside = printed(drifted, steady).split("Side by side")[1]
    assert re.search(r"cache\.hit_ratio\.warm +9\d[.\d]*% +–", beside)


# --- the page ---


def test_every_figure_has_its_words_and_its_numbers(text: str) -> None:
    body = body_of(text)
    assert body.count("<figure") == body.count('role="img"') == body.count("<figcaption") >= 20
    assert not re.search(r">\s*(nan|None|inf)\b", body)


def test_a_drift_is_drawn_into_its_course_with_day_size_and_interval(text: str) -> None:
    plot = specs_of(text)["output.tokens.mean.short"]
    assert any(trace["name"].endswith("the drift") for trace in plot["data"] if "name" in trace)
    (line,) = [shape for shape in plot["layout"]["shapes"] if shape["type"] == "line"]
    assert line["x0"] == pytest.approx(4, abs=0.2)
    assert [shape for shape in plot["layout"]["shapes"] if shape.get("fillcolor") == "@band1"]
    assert "on Fri 6 Nov" in plot["layout"]["annotations"][0]["texts"][0]


def test_a_course_is_broken_where_nothing_was_measured(text: str) -> None:
    plot = specs_of(text)["latency.ttft_s.p50"]
    (line,) = plot["data"]
    assert None in line["y"]
    assert [shape["x0"] for shape in plot["layout"]["shapes"]] == pytest.approx([20 / 24, 40 / 24], abs=1e-3)


def test_maps_have_an_hour_a_row_and_a_day_a_column(text: str) -> None:
    plot = specs_of(text)["cost.per_1m_output_tokens by hour"]
    trace = plot["data"][0]
    assert trace["type"] == "heatmap"
    assert (len(trace["z"]), len(trace["z"][0])) == (24, 7)
    monday = [row[0] for row in trace["z"]]
    assert monday[:5] == [0.9, 1.8, 1.8, 1.8, 0.9]
    assert [row[5] for row in trace["z"]] == [0.9] * 24


def test_every_cost_cache_hit_and_tail_has_a_map(text: str) -> None:
    maps = {title.removesuffix(" by hour") for title in specs_of(text) if title.endswith(" by hour")}
    assert maps >= {f"cost.per_{of}" for of in ("request", "session", "solved_task", "1m_output_tokens")}
    assert maps >= {"cache.hit_ratio.warm", "cache.hit_ratio.after_5m", "latency.ttft_s.p99", "latency.e2e_s.p99"}


def test_maps_of_several_soaks_share_their_colours(drifted: Week, steady: Week) -> None:
    page = specs_of(history_page([drifted, steady]))
    ranges = [
        (spec["data"][0]["zmin"], spec["data"][0]["zmax"])
        for title, spec in page.items()
        if title.startswith("latency.e2e_s.p99 by hour: ")
    ]
    assert len(ranges) == 2
    assert ranges[0] == ranges[1]


def test_soaks_share_the_axes_of_their_courses(drifted: Week, steady: Week) -> None:
    plot = specs_of(history_page([drifted, steady]))["latency.ttft_s.p50"]
    assert [trace["name"] for trace in plot["data"]] == ["m (abcd)", "&lt;b&gt;other&lt;/b&gt; (ef01)"]


def test_what_comes_from_outside_is_text(steady: Week) -> None:
    assert "<b>other" not in body_of(history_page([steady]))


def test_a_soak_that_has_only_begun_has_a_page() -> None:
    empty = Week(a_soak(), ())
    assert "No probe has ended ok yet." in body_of(history_page([empty]))
    assert "none yet" in printed(empty)


def test_the_definitions_are_those_of_the_documentation() -> None:
    documented = " ".join((ROOT / "docs" / "history.md").read_text().replace("**", "").replace("`", "").split())
    assert [name for name, text in DEFINITIONS if text not in documented] == []


# --- CSV and JSON ---


def test_a_line_a_measure_and_one_for_what_has_none(drifted: Week) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([drifted]))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == sum(max(1, len(probe.measures)) for probe in drifted.probes)
    missed = [row for row in rows if row["outcome"] == "missed"]
    assert {row["measure"] for row in missed} == {""}


def test_unknown_is_empty_in_csv_and_null_in_json(steady: Week) -> None:
    costs = [row for row in csv.DictReader(io.StringIO(to_csv([steady]))) if row["measure"] == "cost.per_request"]
    assert {row["value"] for row in costs} == {""}
    assert all(float(row["low"]) < float(row["high"]) for row in costs)
    points = json.loads(to_json([steady]))["soaks"][0]["measures"]["cost.per_request"]["points"]
    assert {point["value"] for point in points} == {None}


def test_the_json_has_what_the_page_shows(drifted: Week) -> None:
    soak = json.loads(to_json([drifted]))["soaks"][0]
    assert soak["probes"] == {"ok": 648, "failed": 8, "missed": 16, "interrupted": 0}
    assert [gap["windows"] for gap in soak["gaps"]] == [2, 4]
    assert {drift["measure"] for drift in soak["drifts"]} >= {"output.tokens.mean.short"}
    assert soak["measures"]["cost.per_1m_output_tokens"]["peak"]["value"] == pytest.approx(1.8)


def test_a_key_of_the_json_stands_in_the_documentation(drifted: Week) -> None:
    documented = (ROOT / "docs" / "history.md").read_text()
    soak = json.loads(to_json([drifted]))["soaks"][0]
    keys = {*soak, *soak["measures"]["cost.per_request"], *soak["drifts"][0], *soak["gaps"][0]}
    assert [key for key in sorted(keys) if f"`{key}`" not in documented] == []


def test_no_error_text_becomes_a_formula(drifted: Week) -> None:
    probes = tuple(drifted.probes[:1])
    from msgspec.structs import replace

    odd = Week(drifted.soak, (replace(probes[0], error="=cmd()", measures={}),))
    assert "'=cmd()" in to_csv([odd])


# --- the command ---


@pytest.fixture
def two(tmp_path: Path) -> Path:
    path = tmp_path / "history.db"
    write_week(path, soak=a_soak("20261102T000000Z-aaaa", days=1))
    write_week(path, soak=a_soak("20261103T000000Z-bbbb", days=1))
    return path


def test_the_newest_soak_is_shown_and_the_others_are_named(two: Path) -> None:
    shown = run("--history", str(two)).output
    assert shown.startswith("20261103T000000Z-bbbb")
    assert "Other soaks in this history: 20261102T000000Z-aaaa" in shown


def test_soaks_are_named_by_how_their_ids_begin(two: Path) -> None:
    assert run("20261102", "--history", str(two)).output.startswith("20261102T000000Z-aaaa")
    assert run("all", "--json", "-", "--history", str(two)).output.count('"id"') == 2


def test_an_id_that_fits_several_or_none_is_refused_with_the_ids(two: Path) -> None:
    for name in ("2026", "x"):
        result = run(name, "--history", str(two))
        assert isinstance(result.exception, UsageError)
        assert "20261102T000000Z-aaaa" in str(result.exception)


def test_files_are_written_whole(two: Path, tmp_path: Path) -> None:
    names = {option: str(tmp_path / f"out.{option}") for option in ("html", "csv", "json")}
    result = run("--history", str(two), *(word for option, path in names.items() for word in (f"--{option}", path)))
    assert result.exit_code == 0
    assert [Path(path).stat().st_size > 1000 for path in names.values()] == [True] * 3


def test_without_a_history_or_a_soak_it_says_so(tmp_path: Path) -> None:
    result = run("--history", str(tmp_path / "none.db"))
    assert isinstance(result.exception, UsageError)
    assert "no history" in str(result.exception)
    from loadgen.history.store import History

    History(tmp_path / "empty.db").close()
    result = run("--history", str(tmp_path / "empty.db"))
    assert isinstance(result.exception, UsageError)
    assert "no soak in it yet" in str(result.exception)


def test_the_page_tells_how_long_the_cache_kept_prefixes_before_and_after(text: str) -> None:
    shown = body_of(text).split("How long the cache surely kept prefixes")[1].split("</table>")[0]
    assert re.findall(r'<td class="n">(\d+m to \d+[mh])</td>', shown) == ["5m to 1h", "1m to 5m"]
