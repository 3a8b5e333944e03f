"""`loadgen report DIR`: the reports of a run, or of a sweep, made again from its folder alone.

Imports stay light until the command runs.
"""

from pathlib import Path

import click

from loadgen.errors import UsageError


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where to; default: the run folder itself.")
def report(folder: Path, out: Path | None) -> None:
    """Make report.html, report.md and junit.xml of the run folder DIR again.

    Reads summary.json, the records, the histograms, the scenario and the environment; sends nothing. Of a sweep's
    folder it makes the sweep's report.html and sweep.md, of a folder with parts the three reports of all parts.
    """
    from loadgen.outputs.material import Material
    from loadgen.outputs.report import write_reports
    from loadgen.outputs.run_folder import RunFolder
    from loadgen.suite.folder import NAME as SUITE
    from loadgen.suite.folder import read_suite
    from loadgen.suite.reports import write_suite_reports
    from loadgen.sweep.folder import NAME, read_sweep
    from loadgen.sweep.html import write_sweep_report
    from loadgen.sweep.markdown import write_sweep_markdown

    if (folder / NAME).exists():
        sweep, place = read_sweep(folder), out or folder
        for path in (write_sweep_markdown(place, sweep), write_sweep_report(place, sweep)):
            click.echo(path)
        return
    if (folder / SUITE).exists():
        made, problems = write_suite_reports(folder, read_suite(folder), out=out)
        for path in made:
            click.echo(path)
        if problems:
            raise UsageError("; ".join(problems))
        return
    material = Material.read(folder)
    target = RunFolder.existing(out or folder)
    for path in write_reports(target, material):
        click.echo(path)
    for name in material.unreadable:
        click.echo(f"note: {name}", err=True)
    if target.problems:
        raise UsageError("; ".join(target.problems))
