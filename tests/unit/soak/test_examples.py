"""What examples/soak says to cron and systemd is what the commands take, and the key gets to them."""

import shlex
import subprocess
from pathlib import Path

import click

from loadgen.history.command import history
from loadgen.soak.command import soak

EXAMPLES = Path(__file__).parents[3] / "examples" / "soak"


def cron_lines() -> list[str]:
    """The commands of the crontab, without their times."""
    lines = (EXAMPLES / "crontab").read_text(encoding="utf-8").splitlines()
    return [line.split(maxsplit=5)[5] for line in lines if line[:1] in "*0123456789"]


def played(line: str, home: Path) -> list[str]:
    """What a command of the crontab is run with, after the key, by the shell and with as little as cron gives it."""
    (home / ".config" / "loadgen").mkdir(parents=True, exist_ok=True)
    (home / ".config" / "loadgen" / "soak.env").write_text("OPENAI_API_KEY=of-the-file\n")
    command = home / "loadgen"
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$OPENAI_API_KEY" "$@" > "$HOME/played"\n')
    command.chmod(0o700)
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LOADGEN": str(command)}
    subprocess.run(["/bin/sh", "-c", line], env=environment, check=True, timeout=30)
    return (home / "played").read_text().splitlines()


def accepted(command: click.Command, arguments: list[str]) -> dict[str, object]:
    return command.make_context(str(command.name), arguments).params


def test_crons_soak_has_the_key_and_goes_on_with_the_week(tmp_path: Path) -> None:
    key, name, *arguments = played(cron_lines()[0], tmp_path)
    assert (key, name) == ("of-the-file", "soak")
    options = accepted(soak, arguments)
    assert (options["every"], options["duration"], options["resume"]) == (900.0, 7 * 86_400.0, True)


def test_crons_page_of_every_morning(tmp_path: Path) -> None:
    _, name, *arguments = played(cron_lines()[1], tmp_path)
    assert name == "history"
    assert accepted(history, arguments)["html"] == tmp_path / "public" / "week.html"


def test_the_unit_goes_on_with_the_week_where_it_may_write() -> None:
    text = (EXAMPLES / "loadgen-soak.service").read_text(encoding="utf-8").replace("\\\n", " ")
    settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] != "#")
    _, name, *arguments = shlex.split(settings["ExecStart"])
    assert name == "soak"
    options = accepted(soak, arguments)
    assert options["resume"]
    assert options["history"] == Path("/var/lib") / settings["StateDirectory"] / "history.db"
