"""The pages in Chromium: every plot is drawn, nothing is asked of a network, nothing goes wrong, light or dark."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from loadgen.history.page import history_page
from loadgen.outputs.html.page import html_report
from loadgen.outputs.material import Material
from tests.support.histories import Story, a_soak, a_week
from tests.unit.outputs.folders import made_run, some_turns

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium here")


@pytest.mark.parametrize("dark", [False, True])
def test_every_plot_is_drawn_and_nothing_else_is_asked_for(tmp_path: Path, dark: bool) -> None:
    made_run(tmp_path / "run", some_turns(400))
    held_in_a_browser(tmp_path, html_report(Material.read(tmp_path / "run")), dark=dark)


def test_every_plot_of_a_history_is_drawn(tmp_path: Path) -> None:
    steady = a_week(Story(missed=range(9, 12)), a_soak(days=2))
    unknown = a_week(Story(seed=2, cached=False), a_soak("20261104T000000Z-ef01", days=1, every_s=7200))
    held_in_a_browser(tmp_path, history_page([steady, unknown]))


def held_in_a_browser(tmp_path: Path, text: str, *, dark: bool = False) -> None:
    """Fails the test unless the page shows all of its plots, and its console nothing."""
    page = tmp_path / "report.html"
    page.write_text(text, encoding="utf-8")
    shown = subprocess.run(
        [
            str(_CHROMIUM),
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=10000", "--enable-logging=stderr"),
            *(["--force-dark-mode"] if dark else []),
            *("--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    figures = len(re.findall(r"<figure\b", html_body(page)))
    assert f'data-drawn="{figures}"' in shown.stdout
    assert shown.stdout.count('<g class="xy') >= figures
    # The page's own words on its console: refused requests and uncaught errors stand there.
    assert [line for line in shown.stderr.splitlines() if "CONSOLE" in line] == []


def html_body(page: Path) -> str:
    """The page without its scripts, whose text may hold anything."""
    return re.sub(r"<script\b.*?</script>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
