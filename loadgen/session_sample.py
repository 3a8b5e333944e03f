"""Which sessions a sample keeps: whole ones, chosen by their names, the same in every process and every run.

Asked by whatever holds only a part of a run's turns: the record log, its columns, the scored turns.
"""

from hashlib import blake2b


def session_of(name: str) -> str:
    """The session that a session or one of its sub-agents (`12+1`) belongs to."""
    return name.partition("+")[0]


def drawn(name: str) -> float:
    """A number in [0, 1), evenly spread over names, that is always the same for the same one."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") / 2.0**64
