"""Prometheus' configuration and rules, held by its own tool."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

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


def test_every_alert_is_seen_to_fire_and_to_keep_silent() -> None:
    groups = yaml.safe_load((_FOLDER / "rules" / "alerts.yml").read_text())["groups"]
    tests = yaml.safe_load((_FOLDER / "tests" / "alerts_test.yml").read_text())["tests"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    tried = [case for test in tests for case in test["alert_rule_test"]]

    assert alerts
    assert alerts - {case["alertname"] for case in tried if case["exp_alerts"]} == set()
    assert alerts - {case["alertname"] for case in tried if not case["exp_alerts"]} == set()
