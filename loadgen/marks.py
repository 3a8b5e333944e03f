"""What is said of one answer: the word that workloads, records and quality figures share.

A room of its own, for workloads know nothing of metrics, nor metrics of workloads.
"""

# By name: right or wrong, what was asked, where the passage stood. It goes into the turn's record, and what makes a
# run's `quality` of it is loadgen.quality.
Marks = dict[str, str | int | float | bool | None]


def count_mark(marks: Marks, name: str, more: int = 1) -> None:
    """Count something in an answer's marks."""
    before = marks.get(name, 0)
    assert isinstance(before, int)
    marks[name] = before + more
