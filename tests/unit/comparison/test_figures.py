"""Which figures of a run are compared, and which way each is better."""

import msgspec
import pytest

from loadgen.comparison.figures import Better, measured
from loadgen.metrics.summary import Quality
from tests.unit.metrics.making import summary_of, turn


@pytest.mark.parametrize(
    ("name", "unit", "better"),
    [
        ("accuracy", "share", "higher"),
        ("malformed_calls", "share", "lower"),
        ("depth", "share", None),
        ("cost_per_solved_task", "share", None),
        ("first_answer_s", "s", None),
        ("solved", "tasks", None),
        *((name, "share", "higher") for name in ("task_done", "calls_parsed", "calls_valid", "right_tool", "recall")),
        *((name, "share", "lower") for name in ("stale_rate", "made_up_rate", "unreadable_rate", "abstained_rate")),
        *((name, "share", "lower") for name in ("calls_invalid", "calls_unknown_tool", "needless_answers", "gave_up")),
        ("accuracy_drop_under_load", "difference of shares", None),
        ("tool_wait_share", "share", None),
    ],
)
def test_a_quality_is_judged_where_it_is_a_share_and_its_name_says_which_way(
    name: str, unit: str, better: Better | None
) -> None:
    summary = summary_of(turn())
    chat = msgspec.structs.replace(summary.workloads["chat"], quality={name: Quality(value=0.5, unit=unit)})
    found = measured(msgspec.structs.replace(summary, workloads={"chat": chat}), by_workload=False)
    [figure] = [figure for figure in found if figure.group == "quality"]
    assert figure.better == better
