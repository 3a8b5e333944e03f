"""The timer: never early, and gone where the platform has none."""

import select
import sys
import time

import pytest

from loadgen.timerfd import TimerFd


def test_it_goes_off_at_its_time_and_never_before() -> None:
    timer = TimerFd()
    try:
        for wait_ns in (200_000, 1_500_000, 3_300_000):
            due_ns = time.monotonic_ns() + wait_ns
            timer.arm(due_ns)
            assert select.select([timer.fd], [], [], 10)[0]
            assert time.monotonic_ns() >= due_ns
            timer.acknowledge()
            assert not select.select([timer.fd], [], [], 0)[0]
    finally:
        timer.close()


def test_a_time_that_is_past_goes_off_at_once() -> None:
    timer = TimerFd()
    try:
        timer.arm(-5)
        assert select.select([timer.fd], [], [], 10)[0]
    finally:
        timer.close()


def test_elsewhere_it_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(OSError, match="Linux only"):
        TimerFd()
