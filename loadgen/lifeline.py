"""A child process's tie to its parent: it must not outlive it, whatever happens to the parent.

Called by the commands that the supervisor starts, first thing.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send us `number` when the parent (its process id) is gone. Linux; elsewhere it does nothing.

    Exits at once if the parent died before this call.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
