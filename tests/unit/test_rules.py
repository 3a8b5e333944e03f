"""Prometheus' configuration and rules, held by its own tool."""

import shutil
import subprocess
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parents[2] / "prometheus"

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)


def _promtool(*arguments: str) -> str:
    """What it prints; fails the test where it finds fault."""
    found = subprocess.run(["promtool", *arguments], cwd=_FOLDER, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_the_configuration_is_sound_and_reads_every_rule_file() -> None:
    printed = _promtool("check", "config", "prometheus.yml")

    assert all(f"rules/{path.name}" in printed for path in (_FOLDER / "rules").glob("*.yml"))


@pytest.mark.parametrize("tests", sorted((_FOLDER / "tests").glob("*.yml")), ids=lambda path: path.stem)
def test_the_rules_do_what_their_tests_say(tests: Path) -> None:
    assert "SUCCESS" in _promtool("test", "rules", f"tests/{tests.name}")


def test_every_alert_is_tried() -> None:
    tried = (_FOLDER / "tests" / "alerts_test.yml").read_text()
    alerts = [
        line.partition("alert: ")[2]
        for line in (_FOLDER / "rules" / "alerts.yml").read_text().splitlines()
        if "- alert: " in line
    ]

    assert alerts
    assert [
        name for name in alerts if f"alertname: {name}\n        exp_alerts:\n          - exp_labels" not in tried
    ] == []
