"""A kernel timer as a file descriptor: for the engine's clock and for the servers that promise writes at due times.

Event loops time in milliseconds (uvloop wakes up to 1.4 ms early and 0.7 ms late, `select.epoll` rounds to
1 ms); a timerfd is never early and some 70 µs late. `os.timerfd_create` needs Python 3.13, hence ctypes.
"""

import contextlib
import ctypes
import os
import sys

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_TFD_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


class TimerFd:
    """One alarm on the clock of `time.monotonic_ns`: `fd` becomes readable when it has gone off.

    Raises OSError where the platform has none (anything but Linux).
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError("timerfd exists on Linux only")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        self._spec = _Itimerspec()
        self._spec_ref = ctypes.byref(self._spec)
        self._settime = self._libc.timerfd_settime

    def arm(self, at_ns: int) -> None:
        """Go off at `at_ns` of `time.monotonic_ns()`, at once if that is past; replaces an earlier alarm."""
        value = self._spec.it_value
        value.tv_sec, value.tv_nsec = divmod(max(at_ns, 1), 1_000_000_000)
        self._settime(self.fd, _TFD_TIMER_ABSTIME, self._spec_ref, None)

    def acknowledge(self) -> None:
        """Make `fd` unreadable until the next alarm."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 8)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)
