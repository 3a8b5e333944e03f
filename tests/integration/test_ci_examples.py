"""The jobs in examples/ci do what they say: their shell steps run here, against a server, as the forges run them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadgen.errors import ExitCode
from loadgen.simulator.process import ScriptedServer
from tests.support.command import closed_load, write_scenario

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "examples" / "ci"
DECIDED = (ExitCode.PASS, ExitCode.SLO_FAILED, ExitCode.INCONCLUSIVE)
Shell = Callable[..., int]


def github() -> dict[str, Any]:
    workflow: dict[str, Any] = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    return workflow


def github_step(name: str) -> str:
    """What the step of this name runs."""
    [step] = [step for step in github()["jobs"]["load-test"]["steps"] if step.get("name") == name]
    return str(step["run"])


def gitlab() -> dict[str, Any]:
    job: dict[str, Any] = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())["llm-load-test"]
    return job


@pytest.fixture
def target() -> Iterator[str]:
    """Answers in 30 ms."""
    with ScriptedServer(ttft_ms=10, interval_ms=5, chunks=5) as server:
        yield server.url


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Runs a script in a folder that stands for the checkout, with this environment's commands; its exit code."""
    scenario = write_scenario(tmp_path, load=closed_load(4, "2s"), slos=["e2e p50 < 5s"])
    shutil.copy(CHECKOUT / "locustfile.py", tmp_path)

    def run(script: str, **variables: str) -> int:
        given: Mapping[str, str] = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SCENARIO": scenario,
            "GITHUB_OUTPUT": str(tmp_path / "outputs.txt"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        }
        command = ["bash", "-e", "-o", "pipefail", "-c", script]
        return subprocess.run(command, cwd=tmp_path, env={**given, **variables}, timeout=60, check=False).returncode

    return run


def outputs(folder: Path) -> dict[str, str]:
    """What the steps have told GitHub; of a name told twice the last."""
    return dict(line.split("=", 1) for line in (folder / "outputs.txt").read_text().splitlines())


def test_on_github_a_run_is_reported_and_becomes_the_baseline_of_the_next(
    shell: Shell, tmp_path: Path, target: str
) -> None:
    workflow = {name: str(value) for name, value in github()["env"].items() if name not in ("SCENARIO", "LOADGEN")}
    variables = workflow | {"LOADGEN_TARGET": target}
    assert shell(github_step("Run the load"), **variables) == 0
    first = int(outputs(tmp_path)["code"])
    assert first in (*DECIDED, ExitCode.INVALID_RUN)
    report = (tmp_path / "results/run/report.md").read_text()
    assert (tmp_path / "results/comment.md").read_text() == report == (tmp_path / "summary.md").read_text()

    assert shell(github_step("Compare with the baseline"), **variables) == 0
    assert outputs(tmp_path)["code"] == "0"  # with nothing
    assert shell(github_step("Verdict"), **variables, RUN_CODE=str(first), COMPARE_CODE="0") == first
    for number in range(7):
        assert shell(github_step("Add the run to the baseline"), **variables, GITHUB_RUN_ID=str(98 + number)) == 0
    assert sorted(path.name for path in (tmp_path / "baseline").iterdir()) == ["100", "101", "102", "103", "104"]

    for extra in ("101", "102", "103", "104"):
        shutil.rmtree(tmp_path / "baseline" / extra)
    shutil.rmtree(tmp_path / "results")
    variables["DRIVER"] = "locust"
    assert shell(github_step("Run the load"), **variables) == 0
    second = int(outputs(tmp_path)["code"])
    assert shell(github_step("Compare with the baseline"), **variables) == 0
    compared = int(outputs(tmp_path)["code"])
    if first in DECIDED and second in DECIDED:
        assert compared in DECIDED
        comparison = (tmp_path / "results/comparison.md").read_text()
        assert comparison
        assert (tmp_path / "results/comment.md").read_text().endswith(comparison)


@pytest.mark.parametrize(
    ("run_code", "compare_code", "settings", "ends_with"),
    [
        ("0", "0", {}, 0),
        ("1", "0", {}, 1),
        ("3", "0", {}, 3),
        ("3", "0", {"INCONCLUSIVE": "warn"}, 0),
        ("3", "1", {"INCONCLUSIVE": "warn"}, 1),
        ("4", "0", {}, 4),
        ("5", "0", {}, 5),
        ("2", "0", {}, 2),
        ("70", "0", {}, 70),
        ("0", "1", {}, 1),
        ("0", "2", {}, 2),
        ("0", "3", {}, 0),
        ("0", "3", {"INCONCLUSIVE_COMPARISON": "fail"}, 3),
    ],
)
def test_on_github_every_exit_code_has_its_own_end(
    shell: Shell, run_code: str, compare_code: str, settings: dict[str, str], ends_with: int
) -> None:
    given = {name: str(github()["env"][name]) for name in ("INCONCLUSIVE", "INCONCLUSIVE_COMPARISON")}
    codes = {"RUN_CODE": run_code, "COMPARE_CODE": compare_code}
    assert shell(github_step("Verdict"), **given | settings | codes) == ends_with


def test_on_github_only_the_step_that_loads_gets_the_key() -> None:
    workflow = github()
    assert "OPENAI_API_KEY" not in workflow["env"]
    holders = [step["name"] for job in workflow["jobs"].values() for step in job["steps"]
               if "secrets." in yaml.safe_dump(step)]  # fmt: skip
    assert holders == ["Run the load"]


# Stands for GitHub's command line: answers with the ids of comments, and keeps what it was asked to write.
GH = """#!/bin/sh
echo "$@" >> gh.log
case "$*" in *--jq*) printf '%s' "$IDS" ;; esac
"""


@pytest.mark.parametrize(
    ("ids", "written"),
    [("", "pr comment 7 --body-file results/body.md"),
     ("12\n13\n", "api --silent --method PATCH repos/me/it/issues/comments/12 --field body=@results/body.md")],
)  # fmt: skip
def test_on_github_one_comment_is_made_and_edited(shell: Shell, tmp_path: Path, ids: str, written: str) -> None:
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/comment.md").write_text("## loadgen: PASS\n")
    found = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "IDS": ids, "MARK": "<!-- loadgen -->"}
    step = github_step("Comment on the pull request")
    assert shell(step, **found, PULL_REQUEST="7", GITHUB_REPOSITORY="me/it") == 0
    assert (tmp_path / "gh.log").read_text().splitlines()[1:] == [written]
    assert (tmp_path / "results/body.md").read_text() == "<!-- loadgen -->\n## loadgen: PASS\n"


# Stands for both drivers and for `loadgen compare`: what the job makes of every code can't be asked of real loads.
STAND_IN = """#!/bin/sh
if [ "$1" = compare ]; then echo compared; exit "$COMPARE_CODE"; fi
mkdir -p results/run && echo report > results/run/report.md && exit "$RUN_CODE"
"""


@pytest.mark.parametrize("driver", ["loadgen", "locust"])
@pytest.mark.parametrize(
    ("run_code", "compare_code", "ends_with"),
    [(0, 0, 0), (1, 0, 1), (3, 0, 3), (4, 0, 4), (5, 0, 5), (2, 0, 2), (70, 0, 70), (0, 1, 1), (0, 2, 2), (0, 3, 0)],
)
def test_on_gitlab_every_exit_code_has_its_own_end(
    shell: Shell, tmp_path: Path, driver: str, run_code: int, compare_code: int, ends_with: int
) -> None:
    for name in ("loadgen", "locust"):
        (tmp_path / name).write_text(STAND_IN)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "baseline" / "6").mkdir(parents=True)
    job = gitlab()
    named = {name: str(value) for name, value in job["variables"].items() if name not in ("SCENARIO", "LOADGEN")}
    branch = {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main", "CI_PIPELINE_ID": "7"}
    merge = {"CI_MERGE_REQUEST_IID": "", "GITLAB_TOKEN": "", "LOADGEN_TARGET": "http://127.0.0.1:1/v1"}
    codes = {"RUN_CODE": str(run_code), "COMPARE_CODE": str(compare_code), "DRIVER": driver}
    found = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    assert shell("\n".join(job["script"]), **named | branch | merge | codes | found) == ends_with
    assert (tmp_path / "baseline" / "7" / "report.md").exists() == (ends_with == 0)
    assert job["artifacts"]["reports"]["junit"] == "results/run/junit.xml"


def test_on_gitlab_only_what_is_inconclusive_is_a_warning() -> None:
    assert gitlab()["allow_failure"] == {"exit_codes": [int(ExitCode.INCONCLUSIVE)]}
