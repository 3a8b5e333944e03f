"""Measure the numbers that loadgen promises, and write benchmarks/results.md and results.json.

`python -m benchmarks.run [--quick] [--only CASE]...`; `make benchmark` calls it. Exits with 0 where every number was
met, 1 where one was not, 2 where the machine can't run it.
"""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES
from benchmarks.clients import GENERATOR_CPU, SERVER_CPU
from benchmarks.numbers import Number
from benchmarks.report import markdown, value_cell
from loadgen import __version__

RESULTS = Path(__file__).parent


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each case once instead of three times")
    parser.add_argument("--only", action="append", choices=sorted(CASES), metavar="CASE", help="repeatable")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where results.md and results.json go")
    return parser.parse_args()


def _environment(repeat: int) -> dict[str, Any]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "loadgen": __version__,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "load_average_before": os.getloadavg()[0],
        "repetitions": repeat,
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _measure(case: str, repeat: int, work: Path) -> list[Number]:
    """The case's numbers; where it broke, one number that says so and is not met."""
    try:
        return CASES[case](repeat, work)
    except (RuntimeError, OSError) as error:
        return [Number(case, "the case could not be run", "", [None], 0.0, str(error))]


def main() -> int:
    """Run the cases; the exit code."""
    options = _options()
    usable = os.sched_getaffinity(0)
    if not {SERVER_CPU, GENERATOR_CPU} <= usable:
        sys.stderr.write(f"CPUs {SERVER_CPU} and {GENERATOR_CPU} are needed, one each for server and generator\n")
        return 2
    # Asked to stop, it takes its children along, as it does for Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # The harness itself waits and counts on the server's core; the generator has its own alone.
    os.sched_setaffinity(0, {SERVER_CPU})
    repeat = 1 if options.quick else 3
    environment, started = _environment(repeat), time.monotonic()
    numbers: list[Number] = []
    with tempfile.TemporaryDirectory(prefix="loadgen-benchmark-") as work:
        for case in options.only or CASES:
            began = time.monotonic()
            measured = _measure(case, repeat, Path(work))
            numbers += measured
            print(f"{case} ({time.monotonic() - began:.0f} s)")
            for number in measured:
                print(f"  {number.what}: {value_cell(number)}", flush=True)
    environment["took_s"] = round(time.monotonic() - started)
    results = {"environment": environment, "numbers": [number.as_json() for number in numbers]}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (options.out / "results.md").write_text(markdown(environment, numbers))
    missed = [number for number in numbers if number.met is False]
    print(f"{len(missed)} of {sum(number.met is not None for number in numbers)} numbers not met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
