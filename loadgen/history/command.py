"""`loadgen history`: a week at a glance, as a page, as CSV and as JSON.

Imports stay light until the command runs.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadgen.errors import UsageError

if TYPE_CHECKING:
    from loadgen.history.model import Soak

_STDOUT = Path("-")
_HELP = """\b
Examples:
  loadgen history                                the newest soak
  loadgen history 20261102T0900 20261109T0900    two of them side by side: ids, or how they begin
  loadgen history all --html weeks.html --csv weeks.csv
  loadgen history --json - | jq '.soaks[0].drifts'

\b
Exit codes: 0, or 2 where there is no such history or soak."""


@click.command(epilog=_HELP)
@click.argument("soaks", nargs=-1, metavar="[SOAK]...")
@click.option(
    "--history",
    "path",
    type=click.Path(path_type=Path),
    envvar="LOADGEN_HISTORY",
    show_envvar=True,
    metavar="FILE",
    help="What `loadgen soak` wrote; default ~/.local/share/loadgen/history.db.",
)
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write one self-contained page.")
@click.option("--csv", type=click.Path(path_type=Path), metavar="FILE", help="Write a line a measure; - is the output.")
@click.option("--json", type=click.Path(path_type=Path), metavar="FILE", help="Write all of it; - is the output.")
def history(soaks: tuple[str, ...], path: Path | None, html: Path | None, csv: Path | None, json: Path | None) -> None:
    """Show what soaks have measured: courses over days, drifts with their day and size, peak and off-peak, gaps.

    Without SOAK the newest one; several are put side by side. A soak may still be running. Reads the history; sends
    nothing.
    """
    from loadgen.history.export import to_csv, to_json
    from loadgen.history.store import History, default_path
    from loadgen.history.week import week_of

    if html == _STDOUT:
        raise UsageError("--html -: accepted: a file")
    with History(path or default_path(), create=False) as opened:
        known = opened.soaks()
        chosen = _chosen(known, soaks, opened.path)
        weeks = [week_of(soak, opened.probes(soak.id)) for soak in chosen]
    if html is not None:
        from loadgen.history.page import history_page

        _write(html, history_page(weeks).encode())
    if csv is not None:
        _write(csv, to_csv(weeks).encode())
    if json is not None:
        _write(json, to_json(weeks))
    if html is csv is json is None:
        from loadgen.history.terminal import print_weeks
        from loadgen.outputs.console import ReportConsole

        console = ReportConsole(highlight=False, width=None if sys.stdout.isatty() else 100)
        print_weeks(weeks, console, [soak for soak in known if soak not in chosen] if not soaks else [])


def _chosen(known: Sequence["Soak"], asked: Sequence[str], path: Path) -> list["Soak"]:
    """The soaks that were asked for, in that order. Raises UsageError for none, or a name that fits none or several."""
    if not known:
        raise UsageError(f"{path}: no soak in it yet; `loadgen soak` begins one")
    if not asked:
        return [known[-1]]
    if list(asked) == ["all"]:
        return list(known)
    chosen: list[Soak] = []
    for name in asked:
        fitting = [soak for soak in known if soak.id == name] or [soak for soak in known if soak.id.startswith(name)]
        if len(fitting) != 1:
            what = f"the beginning of {len(fitting)} soaks" if fitting else "no soak"
            ids = ", ".join(soak.id for soak in fitting or known)
            raise UsageError(f"{name}: {what} in {path}; accepted: all, or one of {ids}")
        chosen += [soak for soak in fitting if soak not in chosen]
    return chosen


def _write(path: Path, data: bytes) -> None:
    """Write a whole file, or leave what was there."""
    if path == _STDOUT:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"{path}: can't be written: {error.strerror or error}") from error
    click.echo(path, err=True)
