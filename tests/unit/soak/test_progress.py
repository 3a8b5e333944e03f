"""Lines for who watches: one a window, nothing that is not known."""

from loadgen.history.model import Measure, Outcome, Probe, Soak
from loadgen.soak.progress import Progress

SOAK = Soak("s1", "week", "http://t/v1", "m", "openai", 0.0, 900.0, 9000.0, 1.0, 1, "0", windows=10)


def probe(window: int, outcome: Outcome = "ok", error: str | None = None, **measures: Measure) -> Probe:
    named = {name.replace("__", "."): measure for name, measure in measures.items()}
    return Probe("s1", window, window, "cache", "warm", 0.0, 0.0, 1.0, outcome, named, error)


def told(*probes: Probe) -> list[str]:
    lines: list[str] = []
    progress = Progress(SOAK, lines.append)
    for one in probes:
        progress.add(one, lambda: 4500.0)
    return lines


def test_a_window_is_told_when_the_next_one_has_begun() -> None:
    hit, unknown = Measure(0.97, None, None, 1, "ratio"), Measure(None, None, None, 0, "s")
    found = told(
        probe(0, cache__hit_ratio__warm=hit, latency__ttft_s__p50=unknown), probe(0, "failed", "connect: refused")
    )
    assert found == []
    (line,) = told(
        probe(0, cache__hit_ratio__warm=hit, latency__ttft_s__p50=unknown),
        probe(0, "failed", "connect: refused"),
        probe(1),
    )
    assert line == (
        "Thu 01 Jan 00:15 UTC window 1 of 10: 1 ok, 1 failed; cache at once 97%; connect: refused; "
        "next Thu 01 Jan 01:15 UTC"
    )


def test_a_soak_that_goes_on_tells_nothing_of_windows_before_its_time() -> None:
    assert told(probe(5), probe(5)) == []
    (line,) = told(probe(5), probe(6))
    assert "window 6 of 10: 1 ok" in line


def test_lines_come_no_more_often_than_a_person_reads() -> None:
    assert len(told(*(probe(window) for window in range(10)))) == 1
