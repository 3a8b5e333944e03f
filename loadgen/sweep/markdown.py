"""sweep.md: the sweep for people who read it in a browser, a wiki or a pull request. A pure function of the sweep."""

from pathlib import Path

from loadgen.outputs.markdown import code
from loadgen.scenario.quantities import format_duration
from loadgen.sweep.conclusion import shown
from loadgen.sweep.folder import write_whole
from loadgen.sweep.model import Sweep
from loadgen.sweep.table import rows

_NAME = "sweep.md"


def write_sweep_markdown(folder: Path, sweep: Sweep) -> Path:
    """Write sweep.md; its path. Raises UsageError where the disk would not take it."""
    write_whole(folder, _NAME, markdown(sweep).encode())
    return folder / _NAME


def markdown(sweep: Sweep) -> str:
    """The whole text, ending in a line break."""
    subject, plan = sweep.subject, sweep.plan
    target = subject.target or f"the embedded simulator, profile {subject.profile}"
    lines = [f"# Sweep of {_cell(subject.scenario)}", ""]
    if sweep.result is not None:
        lines += [f"**{_cell(sweep.result.text)}**", ""]
        if sweep.result.knee is not None:
            lines += [_cell(sweep.result.knee.text), ""]
    lines += [
        f"- target: {code(target)}, model {code(subject.model)}",
        f"- steps of {format_duration(subject.duration_s)} and, where inconclusive, up to "
        f"{format_duration(plan.max_step_s)}; each a run of its own, in the folder named below",
        f"- started {sweep.started_at}, loadgen {sweep.version}, workers {subject.workers}, seeds from {subject.seed}",
        *(f"- SLO: {code(slo)}" for slo in subject.slos),
        *(f"- note: {code(note)}" for note in sweep.notes),
        "",
    ]
    titles, cells = rows(sweep)
    lines += [_row(["step", *titles]), _row(["---", *("---:" for _ in titles)])]
    for step, row in zip(sweep.steps, cells, strict=True):
        lines.append(_row([f"[{step.number}]({step.folder})", *map(_cell, row)]))
    lines += [
        "",
        "Requests/s and tokens/s are of what was completed within the measured window; output tokens/s a user is the "
        "reading speed of one stream, 1 / (TPOT p50); latency counts from the intended time. A dash was not measured.",
        "",
        "| step | level | verdict | because |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        _row([str(step.number), shown(step.level, subject.unit), step.outcome, code(step.reason, in_table=True)])
        for step in sweep.steps
    ]
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    r"""Text that stays in its cell. Backslashes first: a text may end in one."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
