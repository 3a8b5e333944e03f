"""environment.json says where and with what a run was made, and holds no secret."""

import json
from pathlib import Path

import pytest

from loadgen.outputs.environment import environment, redact, redact_command, write_environment
from loadgen.outputs.run_folder import RunFolder

SECRET = "sk-abcdefghijklmnop1234"


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("http://user:pass@host:8000/v1", "http://***@host:8000/v1"),
        ("http://user:pa@ss@host:8000/v1", "http://***@host:8000/v1"),
        ("http://host:8000/v1", "http://host:8000/v1"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        (f"key {SECRET}", "key ***"),
        ("${OPENAI_API_KEY}", "${OPENAI_API_KEY}"),
    ],
)
def test_text_is_redacted(argument: str, shown: str) -> None:
    assert redact(argument) == shown


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["--set", "target.headers.X-Auth=abc"], ["--set", "target.headers.X-Auth=***"]),
        (["--set=target.headers.Authorization=abc"], ["--set=target.headers.Authorization=***"]),
        (["--set", "target.headers={X-Auth: abc}"], ["--set", "target.headers=***"]),
        (["--set", "target={headers: {X-Auth: abc}}"], ["--set", "target=***"]),
        (["--api-key", "abc", "--users", "3"], ["--api-key", "***", "--users", "3"]),
        (["--web-password=abc"], ["--web-password=***"]),
        (["--set", "target.api_key_env=MY_KEY"], ["--set", "target.api_key_env=MY_KEY"]),
        (["--set", "target.headers.X-Auth=${MY_KEY}"], ["--set", "target.headers.X-Auth=${MY_KEY}"]),
        (["--set", "request.max_tokens=64"], ["--set", "request.max_tokens=64"]),
        (["--target", "https://u:p@host"], ["--target", "https://***@host"]),
    ],
)
def test_the_command_line_is_redacted(command: list[str], shown: list[str]) -> None:
    assert redact_command(["loadgen", "run", *command]) == ["loadgen", "run", *shown]


def test_the_file_names_the_machine_the_versions_and_what_the_preflight_found(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    preflight = {"streams": True, "url": "http://u:p@host", "headers": {"Authorization": "x"}, "notes": [SECRET]}
    assert write_environment(folder, environment(["loadgen", "run", "--api-key", "abc"], preflight))
    facts = json.loads((folder.path / "environment.json").read_text())
    assert facts["python"].count(".") == 2
    assert facts["cpu_count"] >= 1
    assert facts["versions"]["locust"]
    assert facts["preflight"] == {"streams": True, "url": "http://***@host", "headers": "***", "notes": ["***"]}
    assert "abc" not in facts["command"]


def test_a_preflight_that_was_skipped_is_null() -> None:
    assert environment(["loadgen"], None)["preflight"] is None


def test_a_base_url_stands_there_as_the_scenario_writes_it() -> None:
    preflight = {"base_url": "http://host/key-in-path/v1", "notes": ["http://host/key-in-path/v1/models answers 404"]}
    facts = environment(["loadgen"], preflight, base_url="http://host/${IN_PATH}/v1")
    assert facts["preflight"] == {
        "base_url": "http://host/${IN_PATH}/v1",
        "notes": ["http://host/${IN_PATH}/v1/models answers 404"],
    }
