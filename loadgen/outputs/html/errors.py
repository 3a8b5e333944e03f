"""What did not end well: turns by outcome, over time and in sum."""

import numpy as np

from loadgen.metrics.summary import Summary
from loadgen.outputs.console import number
from loadgen.outputs.html.bins import per_second
from loadgen.outputs.html.cells import Cell, count, facts, share, table
from loadgen.outputs.html.course import Course
from loadgen.outputs.html.figure import Figure, bar, render
from loadgen.outputs.html.markup import Html, el
from loadgen.outputs.html.section import section


def errors_section(summary: Summary, course: Course) -> Html:
    """Failures by class; a sentence where there are none."""
    requests = summary.requests
    judged = requests.ok + requests.failed
    rows: list[list[Cell]] = [
        [name, count(found), share(found / judged if judged else None, "no turn ended")]
        for name, found in sorted(requests.errors.items(), key=lambda item: -item[1])
    ]
    bad = [name for name in course.table.outcomes if name != "ok"]
    return section(
        "errors",
        "Errors",
        facts([("error rate", share(requests.error_rate, "no turn ended")), ("failed", f"{requests.failed:,}")]),
        table(["class", "turns", "of all that ended"], rows, label="Errors by class")
        if rows
        else el("p", "No turn of a measured stage failed."),
        render(_over_time(course, bad)) if bad else None,
    )


def _over_time(course: Course, outcomes: list[str]) -> Figure:
    columns = {
        name: per_second(course.bins, course.column("end_s")[course.table.of_outcome(name)]) * course.scale
        for name in sorted(outcomes)
    }
    data = [bar(name, course.middles, rate, f"@{(at + 1) % 6}") for at, (name, rate) in enumerate(columns.items())]
    total = sum(columns.values(), np.zeros(course.bins.count))
    worst = int(np.argmax(total))
    kinds = ", ".join(outcome.replace("cancelled", "cancelled (cut off by us)") for outcome in columns)
    caption = (
        f"Turns a second that did not end ok, by when they ended: {kinds}; at most {number(float(total[worst]))} a "
        f"second, at {course.at[worst]}."
    )
    rows: list[list[Cell]] = [
        [at, *(number(float(rate[row])) for rate in columns.values())] for row, at in enumerate(course.at) if total[row]
    ]
    layout = course.layout(barmode="stack", bargap=0.05, yaxis={"title": {"text": "per second"}, "rangemode": "tozero"})
    headers = ["from", *columns]
    return Figure("Outcomes other than ok over time", caption, data, layout, headers, rows, course.note)
