"""Who gets a processor last: everything in a sandbox, behind all else on this machine.

Used where a sandbox is started and by its first process. Whoever sends and stamps turns must not wait for it.
"""

import contextlib
import os

# Of a processor that another session wants too, one of this niceness has a tenth. At 19 it would be a fiftieth, with
# which sandboxes on a busy machine ran into their limits before they had done anything.
_NICENESS = b"10"


def stand_back() -> None:
    """Only processors that nobody else wants, for us and our children: for the first process of a new session.

    Nice 19 would not do: such a process still keeps a processor for its slice of some milliseconds.
    """
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)
    put_session_back()


def put_session_back(process: str = "self") -> bool:
    """Have the session of a process (a number in /proc) give way to others. Whether the system took that.

    Where Linux groups processes by session (autogroup), priorities count within a session only, and sessions share
    alike: beside a process that kept its processor busy, one under SCHED_IDLE in a session of its own got half of the
    time, and a tenth so. Who is not privileged may do this ten times a second.
    """
    with contextlib.suppress(OSError), open(f"/proc/{process}/autogroup", "wb", buffering=0) as file:
        file.write(_NICENESS)
        return True
    return False
