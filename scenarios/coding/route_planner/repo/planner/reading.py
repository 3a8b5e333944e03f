"""Reading a map from text."""

import re

from planner.errors import PlannerError
from planner.network import Network

_LINE = re.compile(r"(?P<start>\w+)\s*(?P<arrow>--|->)\s*(?P<end>\w+)\s*:\s*(?P<cost>\d+)\s*(?P<closed>closed)?")


def network_from_text(text: str) -> Network:
    """A map of lines such as `a -- b: 5`, `a -> c: 2` (one-way) or `b -- c: 1 closed`; # begins a comment.

    Raises PlannerError with the number of a line that is none.
    """
    network = Network()
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise PlannerError(f"line {number}: cannot read {line!r}")
        network.add(
            found["start"],
            found["end"],
            int(found["cost"]),
            one_way=found["arrow"] == "->",
            closed=found["closed"] is not None,
        )
    return network
