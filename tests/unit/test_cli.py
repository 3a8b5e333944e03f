"""The command line's own work: parsing, and mistakes that end in a text and the right code, in this process."""

import json
from pathlib import Path

import pytest

from loadgen import cli
from loadgen.errors import ExitCode, TargetUnreachableError
from tests.support.command import closed_load, write_scenario

_TRACES = Path(__file__).parents[1] / "data" / "traces"


def leave(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a command line; the exit code."""
    monkeypatch.setattr("sys.argv", ["loadgen", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("command", ["", "run", "sweep", "validate", "simulate", "master", "worker"])
def test_help(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave(monkeypatch, *command.split(), "--help") == ExitCode.PASS
    printed = capsys.readouterr().out
    assert printed.startswith("Usage: ")
    # What only our own children use is not for users.
    assert "--parent" not in printed


def test_validate_says_what_a_scenario_would_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave(monkeypatch, "validate", "quickstart") == ExitCode.PASS
    assert "quickstart" in capsys.readouterr().out


def test_a_mistake_names_file_line_field_and_what_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "name: wrong\n"
        "workloads:\n"
        "  - {name: chat, kind: chat, prompt_token: 20}\n"
        "load:\n"
        "  arrivals: poison\n"
        "  stages: [{name: steady, duration: 5s, rate: 1}]\n"
    )
    assert leave(monkeypatch, "validate", str(path)) == ExitCode.BAD_INPUT
    told = capsys.readouterr().err
    assert f"{path}:3" in told
    assert "'prompt_tokens'" in told
    assert f"{path}:5" in told
    assert "'poisson'" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("workloads", "told"),
    [(["sharegpt.json"], "no start times"), (["mooncake.jsonl", "bailian.jsonl"], "exactly one workload")],
)
def test_validate_holds_arrivals_of_a_trace_against_the_recording(
    workloads: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = "".join(
        f"  - {{name: w{at}, kind: replay, format: auto, path: {_TRACES / name}}}\n"
        for at, name in enumerate(workloads)
    )
    path = tmp_path / "timed.yaml"
    path.write_text(
        f"name: timed\nworkloads:\n{kinds}load:\n  arrivals: trace\n  stages: [{{name: steady, duration: 5s}}]\n"
    )
    assert leave(monkeypatch, "validate", str(path)) == ExitCode.BAD_INPUT
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("validate", "quikstart"), "quickstart"),
        (("validate", "quickstart", "--users", "2", "--rate", "3"), "exclude each other"),
        (("validate", "quickstart", "--rate", "0"), "--rate"),
        (("validate", "quickstart", "--duration", "soon"), "duration"),
        (("validate", "quickstart", "--set", "load.grase=1s"), "grace"),
        (("validate", "quickstart", "--target", "not a url"), "--target"),
        (("run", "quickstart", "--workers", "0"), "--workers"),
        (("run", "quickstart", "--userz", "2"), "--users"),
        (("master", "quickstart"), "--target"),
        (("master", "quickstart", "--target", "http://x/v1", "--bind", "here"), "HOST:PORT"),
        (("simulate", "--kv-tokens", "5"), "context_length (262144 in this profile)"),
        (("rnu",), "rnu"),
    ],
)
def test_mistakes_on_the_command_line(
    arguments: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave(monkeypatch, *arguments) == ExitCode.BAD_INPUT
    printed = capsys.readouterr().err
    assert told in printed
    assert "Traceback" not in printed


def test_a_known_error_ends_in_its_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: object) -> ExitCode:
        raise TargetUnreachableError("nobody there")

    monkeypatch.setattr("loadgen.supervisor.run_supervised", unreachable)
    assert leave(monkeypatch, "run", write_scenario(tmp_path, load=closed_load(1, "1s"))) == 5
    assert "error: nobody there" in capsys.readouterr().err


def test_anything_else_is_a_bug_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> ExitCode:
        raise RuntimeError("a bolt is loose")

    monkeypatch.setattr("loadgen.supervisor.run_supervised", broken)
    assert leave(monkeypatch, "run", write_scenario(tmp_path, load=closed_load(1, "1s"))) == ExitCode.BUG
    told = capsys.readouterr().err
    assert "a bolt is loose" in told
    assert "this is a bug of loadgen" in told


def test_options_reach_the_master_as_they_were_given_and_on_no_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def run_supervised(arguments: list[str], workers: int, simulator: list[str] | None, private: str) -> ExitCode:
        seen.extend([arguments, workers, simulator, json.loads(private)["options"]])
        return ExitCode.PASS

    monkeypatch.setattr("loadgen.supervisor.run_supervised", run_supervised)
    scenario = write_scenario(tmp_path, load=closed_load(1, "1s"))
    options = ["--rate", "2.5", "--duration", "1500ms", "--seed", "3", "--set", "load.grace=1s", "--set", "seed=4"]
    assert leave(monkeypatch, "run", scenario, *options, "--workers", "2", "--out", str(tmp_path / "r")) == 0
    arguments, workers, simulator, given = seen
    assert arguments == [scenario, "--out", str(tmp_path / "r")]
    assert workers == 2
    # The command without a target starts the simulator, with the seed that the scenario has in the end.
    assert simulator == ["--seed", "3"]
    leave(monkeypatch, "run", scenario, "--set", "target.dialect=deepseek")
    assert seen[-2] == ["--seed", "7", "--dialect", "deepseek"]
    assert isinstance(given, dict)
    assert (given["duration"], given["rate"], given["users"]) == (1.5, 2.5, None)
    assert given["sets"] == ["load.grace=1s", "seed=4"]
