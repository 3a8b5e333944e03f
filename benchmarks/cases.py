"""The cases: each runs loadgen, and the floor where it is compared, and gives the numbers measured.

A case is a function of (its repetitions, a work folder). Floor and loadgen alternate within it, against one server, so
that a noisy machine disturbs both; ratios are taken within one repetition.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.clients import (
    GENERATOR_CPU,
    SERVER_CPU,
    FloorRun,
    LoadgenRun,
    Plan,
    Run,
    Times,
    plan_of,
    run_floor,
    run_loadgen,
)
from benchmarks.exposition import exposition
from benchmarks.numbers import DISTURBED_PERCENT, OTHERS, Number
from benchmarks.processes import wait_for_quiet
from benchmarks.soak import soak
from loadgen.metrics.histogram import Dist
from loadgen.simulator.process import ScriptedServer

Case = Callable[[int, Path], list[Number]]

_MS = 1e3
_SECOND_NS = 1_000_000_000
# At the edges of a window the load is still coming up or already draining.
_EDGE_NS = _SECOND_NS // 2
_SENT_TOGETHER = 0.02
# A disturbed run is made again, whatever it measured.
_ATTEMPTS = 2
_DISTURBED_SHARE = DISTURBED_PERCENT / 100
_QUIET_TIMEOUT_S = 10.0
R = TypeVar("R", bound=Run)


def accuracy_1(repeat: int, work: Path) -> list[Number]:
    """Stamps against the server's with one stream."""
    return _accuracy("accuracy_1", "one_stream", repeat, work)


def accuracy_10(repeat: int, work: Path) -> list[Number]:
    """Stamps against the server's with ten streams."""
    return _accuracy("accuracy_10", "ten_streams", repeat, work)


def _accuracy(case: str, scenario: str, repeat: int, work: Path) -> list[Number]:
    runs = list(_loadgen_runs(scenario, repeat, work))
    errors = [_ttft_errors_ns(run) for run in runs]
    itl = [_itl_error_s(run, 0.5) for run in runs]
    n = f"{len(runs[0].records)} requests a run"
    return [
        Number(case, "TTFT (service) above the server's own, p50", "ms", [_ms(e, 50) for e in errors], 0.7, n),
        Number(case, "TTFT (service) above the server's own, p99", "ms", [_ms(e, 99) for e in errors], 4.0, n),
        Number(case, "ITL p50, distance from the server's", "ms", [_times(e, _MS) for e in itl], 0.1),
        _others(case, runs),
    ]


def at_once(repeat: int, work: Path) -> list[Number]:
    """1,000 streams started at the same instant."""
    plan, case = plan_of("at_once"), "at_once"
    pairs = list(_pairs(plan, repeat, work))
    ours = [float(np.mean(_service_ttft_ns(run))) / 1e6 for _, run in pairs]
    floors = [float(np.mean(_floor_ttft_ns(floor))) / 1e6 for floor, _ in pairs]
    return [
        Number(case, "mean TTFT, times the floor's", "x", _ratios(ours, floors), 1.3),
        Number(case, "mean TTFT, loadgen", "ms", list(ours)),
        Number(case, "mean TTFT, floor", "ms", list(floors)),
        Number(case, "mean TTFT by the server's stamps", "ms", [_mean_ms(run.truth_ttft_ns) for _, run in pairs]),
        _others(case, [run for _, run in pairs]),
    ]


def streams_1000(repeat: int, work: Path) -> list[Number]:
    """1,000 streams at 50,000 chunks a second, started over 4 s: accuracy and CPU."""
    plan, case = plan_of("streams_1000"), "streams_1000"
    pairs = list(_pairs(plan, repeat, work))
    runs = [run for _, run in pairs]
    ramp = [_ttft_errors_ns(run)[: plan.streams] for run in runs]
    ours = [_us_a_chunk(run, plan) for run in runs]
    floors = [_us_a_chunk(floor, plan) for floor, _ in pairs]
    n = f"{round(np.median([_rate(run, plan) for run in runs])):,} chunks/s"
    return [
        Number(case, "ITL p50, distance from the server's", "ms", _scaled(_itl_error_s(r, 0.5) for r in runs), 0.2),
        Number(case, "ITL p99, distance from the server's", "ms", _scaled(_itl_error_s(r, 0.99) for r in runs), 6.0),
        Number(case, "TTFT (service) above the server's own, p50", "ms", [_ms(e, 50) for e in ramp], 2.0, "the ramp"),
        Number(case, "CPU a chunk, times the floor's", "x", _ratios(ours, floors), 1.6, n),
        Number(case, "CPU a chunk, loadgen (all processes)", "µs", list(ours)),
        Number(case, "CPU a chunk, floor", "µs", list(floors)),
        *_shares(case, runs, lambda run: run.writes_between(*_window(run, plan)) * plan.script.coalesce, plan),
        _others(case, runs),
    ]


def short_replies(repeat: int, work: Path) -> list[Number]:
    """CPU of a request of 16 chunks that arrive in one write."""
    plan, case = plan_of("short_replies"), "short_replies"
    pairs = list(_pairs(plan, repeat, work))
    runs = [run for _, run in pairs]
    ours = [_us_a_request(run, plan) for run in runs]
    floors = [_us_a_request(floor, plan) for floor, _ in pairs]
    rates = [run.ends_between(*_window(run, plan)) / _length_s(run, plan) for run in runs]
    n = f"{round(np.median(rates)):,} requests/s"
    return [
        Number(case, "CPU a request, loadgen (all processes)", "µs", list(ours), 100.0, n),
        Number(case, "CPU a request, floor", "µs", list(floors)),
        Number(case, "CPU a request, times the floor's", "x", _ratios(ours, floors)),
        *_shares(case, runs, lambda run: run.ends_between(*_window(run, plan)), plan),
        _others(case, runs),
    ]


def streams_2000(repeat: int, work: Path) -> list[Number]:
    """2,000 streams at 50,000 chunks a second, with the certificate valid."""
    plan, case = plan_of("streams_2000"), "streams_2000"
    runs = list(_loadgen_runs("streams_2000", repeat, work))
    short = [1 - _carried(run) / _rate(run, plan) for run in runs]
    n = f"{round(np.median([_rate(run, plan) for run in runs])):,} chunks/s written"
    reasons = "; ".join(reason for run in runs for reason in run.summary.generator.reasons)
    return [
        Number(case, "runs whose certificate is not valid", "runs", [_invalid(runs)], 0.0, reasons),
        Number(case, "chunks/s, short of what the server wrote", "%", [100 * value for value in short], 2.0, n),
        *_health(case, runs),
        _others(case, runs),
    ]


def offered_100000(repeat: int, work: Path) -> list[Number]:
    """100,000 chunks a second offered: the full rate or `invalid`."""
    plan, case = plan_of("offered_100000"), "offered_100000"
    runs = list(_loadgen_runs("offered_100000", repeat, work))
    offered = plan.streams * plan.script.coalesce / (plan.script.interval_ms / 1e3)
    shares = [_carried(run) / offered for run in runs]
    silent = sum(share < 0.98 and run.summary.generator.valid for share, run in zip(shares, runs, strict=True))
    reasons = "; ".join(sorted({reason for run in runs for reason in run.summary.generator.reasons}))
    return [
        Number(case, "runs below 98 % of the rate and yet valid", "runs", [float(silent)], 0.0, reasons),
        Number(case, "chunks/s received", "/s", [_carried(run) for run in runs]),
        Number(case, "runs whose certificate is not valid", "runs", [_invalid(runs)]),
        *_health(case, runs),
        _others(case, runs),
    ]


def open_loop(repeat: int, work: Path) -> list[Number]:
    """Open loop at 200 requests a second."""
    case = "open_loop"
    runs = list(_loadgen_runs("open_loop", repeat, work))
    achieved = [run.summary.requests.sent / run.summary.throughput.window_s for run in runs]
    lags = [run.summary.generator.schedule_lag_s for run in runs]
    return [
        Number(case, "achieved rate, distance from 200/s", "%", [abs(rate - 200) / 2 for rate in achieved], 1.0),
        Number(case, "schedule lag p99", "ms", _scaled(None if lag is None else lag.p99 for lag in lags), 3.0),
        _others(case, runs),
    ]


def long_prompts(repeat: int, work: Path) -> list[Number]:
    """Prompts of 100,000 tokens over eight streams: none may delay the first request, its own reply or the others'."""
    plan, case = plan_of("long_prompts"), "long_prompts"
    runs = list(_loadgen_runs("long_prompts", repeat, work))
    began = [(run.began_ns - run.watched.started_ns) / 1e9 for run in runs]
    errors = [_ttft_errors_ns(run) for run in runs]
    lags = [run.summary.generator.schedule_lag_s for run in runs]
    n = f"{len(runs[0].records)} prompts a run, {plan.streams} streams"
    return [
        Number(case, "from `loadgen run` to the load's first request", "s", list(began), 3.0, "all on one core"),
        Number(case, "TTFT (service) above the server's own, p50", "ms", [_ms(e, 50) for e in errors], 3.0, n),
        Number(case, "TTFT (service) above the server's own, p95", "ms", [_ms(e, 95) for e in errors], 3.0),
        Number(case, "ITL p99, distance from the server's", "ms", _scaled(_itl_error_s(r, 0.99) for r in runs), 3.0),
        Number(case, "schedule lag p95", "ms", _scaled(None if lag is None else lag.p95 for lag in lags)),
        _others(case, runs),
    ]


def beside_a_million(repeat: int, work: Path) -> list[Number]:
    """A chat's gaps with and without prompts of a million tokens beside it, each against the server's own gaps."""
    case = "beside_a_million"
    alone, beside = list(_loadgen_runs("chat_alone", repeat, work)), list(_loadgen_runs(case, repeat, work))
    gaps = [run.summary.workloads["chat"].latency.itl_s for run in (*alone, *beside)]
    p99 = _scaled(None if dist is None else dist.p99 for dist in gaps)
    truth = [float(np.quantile(run.truth_gaps_ns, 0.99)) / 1e6 for run in (*alone, *beside)]
    above = [None if ours is None else ours - server for ours, server in zip(p99, truth, strict=True)]
    pairs = zip(above[:repeat], above[repeat:], strict=True)
    added = [None if before is None or after is None else after - before for before, after in pairs]
    prompts = sum(record.workload == "long" for record in beside[0].records)
    return [
        Number(case, "chat's ITL p99 above the server's, added by the prompts", "ms", added, 3.0, f"{prompts} prompts"),
        Number(case, "chat's ITL p99 alone", "ms", p99[:repeat]),
        Number(case, "chat's ITL p99 beside the prompts", "ms", p99[repeat:]),
        Number(case, "the server's own p99, alone", "ms", list(truth[:repeat])),
        Number(case, "the server's own p99, beside the prompts", "ms", list(truth[repeat:])),
        _others(case, [*alone, *beside]),
    ]


def memory(_repeat: int, work: Path) -> list[Number]:
    """A worker's memory after 10,000 and after 100,000 requests; once, for it lasts longest and varies least."""
    case = "memory"
    early, late = [], []
    runs = list(_loadgen_runs("memory", 1, work))
    for run in runs:
        ends = sorted(stamp.writes_ns[-1] for stamp in run.stamps)
        early.append(_resident_mib(run, ends, 10_000))
        late.append(_resident_mib(run, ends, 100_000))
    growth = [None if a is None or b is None else 100 * (b / a - 1) for a, b in zip(early, late, strict=True)]
    return [
        Number(case, "worker's memory, growth from 10,000 to 100,000 requests", "%", growth, 5.0),
        Number(case, "worker's memory after 10,000 requests", "MiB", early),
        Number(case, "worker's memory after 100,000 requests", "MiB", late),
        _others(case, runs),
    ]


def startup(repeat: int, work: Path) -> list[Number]:
    """From the command to the first request, and from the last response to the exit."""
    case = "startup"
    runs = list(_loadgen_runs("startup", max(3, repeat), work))
    began = [(run.began_ns - run.watched.started_ns) / 1e9 for run in runs]
    ended = [(run.watched.ended_ns - run.ended_ns) / 1e9 for run in runs]
    return [
        Number(case, "from `loadgen run` to the load's first request", "s", list(began), 2.5, "all on one core"),
        Number(case, "from the last response to the exit", "s", list(ended), 2.0, "all on one core"),
        _others(case, runs),
    ]


CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        accuracy_1,
        accuracy_10,
        at_once,
        streams_1000,
        short_replies,
        streams_2000,
        offered_100000,
        open_loop,
        long_prompts,
        beside_a_million,
        memory,
        startup,
        soak,
        exposition,
    )
}


# -- running


def _loadgen_runs(scenario: str, repeat: int, work: Path) -> Iterator[LoadgenRun]:
    plan = plan_of(scenario)
    with ScriptedServer(cpu=SERVER_CPU) as server:
        for number in range(repeat):
            yield _undisturbed(run_loadgen, plan, server, work, f"{scenario}-{number}")


def _pairs(plan: Plan, repeat: int, work: Path) -> Iterator[tuple[FloorRun, LoadgenRun]]:
    with ScriptedServer(cpu=SERVER_CPU) as server:
        for number in range(repeat):
            floor = _undisturbed(run_floor, plan, server, work, f"{plan.name}-floor-{number}")
            yield floor, _undisturbed(run_loadgen, plan, server, work, f"{plan.name}-{number}")


def _undisturbed(
    client: Callable[[Plan, ScriptedServer, Path, str], R], plan: Plan, server: ScriptedServer, work: Path, label: str
) -> R:
    """A run during which others left the generator's core alone; where none is to be had, the least disturbed."""
    runs: list[R] = []
    for attempt in range(_ATTEMPTS):
        wait_for_quiet((SERVER_CPU, GENERATOR_CPU), _DISTURBED_SHARE, _QUIET_TIMEOUT_S)
        runs.append(client(plan, server, work, f"{label}-{attempt}"))
        if runs[-1].others_share <= _DISTURBED_SHARE:
            break
    return min(runs, key=lambda run: run.others_share)


# -- what the runs say


def _ttft_errors_ns(run: LoadgenRun) -> Times:
    """Per request, the client's service TTFT minus the server's (first write minus receipt).

    The client sends no ids, so its requests in the order of their sends are matched with the server's in the order of
    receipt. Requests sent within microseconds of each other may swap; their own TTFTs are alike.
    """
    ours, truth = _service_ttft_ns(run), run.truth_ttft_ns
    if len(ours) != len(truth):
        raise RuntimeError(f"{len(ours)} replies in the records and {len(truth)} by the server's count")
    _check_order(run)
    return ours - truth


def _check_order(run: LoadgenRun) -> None:
    """Raises RuntimeError where sends and receipts drift apart: the n-th of the one is not the n-th of the other."""
    sent = np.array([record.send_s or 0.0 for record in run.records])
    received = np.sort([stamp.received_ns for stamp in run.stamps]) / 1e9
    apart = (received - received[0]) - (sent - sent[0])
    if np.median(np.abs(apart)) > _SENT_TOGETHER:
        raise RuntimeError("the records and the server's stamps are not of the same requests")


def _service_ttft_ns(run: LoadgenRun) -> Times:
    return np.array([round(r.service_ttft_s * 1e9) for r in run.records if r.service_ttft_s is not None])


def _floor_ttft_ns(run: FloorRun) -> Times:
    return np.array([first - sent for _stream, sent, first, _end in run.requests])


def _itl_error_s(run: LoadgenRun, q: float) -> float | None:
    """Distance of a quantile of all measured gaps from that of all the server's gaps."""
    dist = run.summary.latency.itl_s
    ours = None if dist is None else _quantile(dist, q)
    return None if ours is None else abs(ours - float(np.quantile(run.truth_gaps_ns, q)) / 1e9)


def _quantile(dist: Dist, q: float) -> float | None:
    return {0.5: dist.p50, 0.99: dist.p99}[q]


def _window(run: Run, plan: Plan) -> tuple[int, int]:
    """The steady stretch: from half a second after the ramp (or the start) to half a second before the load's end."""
    settled = max(plan.ramp_s, 1.0)
    return (
        run.began_ns + round(settled * 1e9) + _EDGE_NS,
        run.began_ns + round(plan.total_s * 1e9) - _EDGE_NS,
    )


def _length_s(run: Run, plan: Plan) -> float:
    low, high = _window(run, plan)
    return (high - low) / 1e9


def _cpu_us(run: Run, plan: Plan) -> float:
    return sum(run.watched.cpu_ns(*_window(run, plan)).values()) / 1e3


def _us_a_chunk(run: Run, plan: Plan) -> float:
    return _cpu_us(run, plan) / (run.writes_between(*_window(run, plan)) * plan.script.coalesce)


def _us_a_request(run: Run, plan: Plan) -> float:
    return _cpu_us(run, plan) / run.ends_between(*_window(run, plan))


def _rate(run: Run, plan: Plan) -> float:
    return run.writes_between(*_window(run, plan)) * plan.script.coalesce / _length_s(run, plan)


def _shares(case: str, runs: list[LoadgenRun], units: Callable[[LoadgenRun], int], plan: Plan) -> list[Number]:
    """Who of the generator used the CPU, in µs a unit."""
    parts = {
        "the worker's engine": ("worker", False),
        "the worker's hub": ("worker", True),
        "the master": ("master", None),
        "the supervisor": ("supervisor", None),
    }
    found: dict[str, list[float | None]] = {part: [] for part in parts}
    for run in runs:
        used = run.watched.cpu_ns(*_window(run, plan))
        for part, (role, main) in parts.items():
            ns = sum(v for (r, is_main), v in used.items() if r == role and main in (None, is_main))
            found[part].append(ns / 1e3 / units(run))
    return [Number(case, f"of it: {part}", "µs", values) for part, values in found.items()]


def _others(case: str, runs: Sequence[Run]) -> Number:
    """How much of the generator's core other processes took: above a few per cent, the latencies are theirs too."""
    return Number(case, OTHERS, "%", [100 * run.others_share for run in runs])


def _carried(run: LoadgenRun) -> float:
    return run.summary.throughput.chunks_per_s or 0.0


def _invalid(runs: list[LoadgenRun]) -> float:
    return float(sum(not run.summary.generator.valid for run in runs))


def _health(case: str, runs: list[LoadgenRun]) -> list[Number]:
    generators = [run.summary.generator for run in runs]
    lags = [generator.loop_lag_s for generator in generators]
    return [
        Number(case, "loop lag p99", "ms", _scaled(None if lag is None else lag.p99 for lag in lags)),
        Number(case, "engine thread, share of a core", "%", [_times(g.cpu_ratio, 100) for g in generators]),
        Number(case, "chunks a read", "", [g.chunks_per_read for g in generators]),
    ]


def _resident_mib(run: LoadgenRun, ends_ns: list[int], count: int) -> float | None:
    """The worker's resident memory once so many replies have ended; None where the run had fewer."""
    if len(ends_ns) < count:
        return None
    resident = run.watched.rss_bytes("worker", ends_ns[count - 1], _SECOND_NS)
    return None if resident is None else resident / 2**20


def _ms(errors_ns: Times, percent: float) -> float:
    return float(np.percentile(errors_ns, percent)) / 1e6


def _mean_ms(times_ns: Times) -> float:
    return float(np.mean(times_ns)) / 1e6


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _scaled(values_s: Iterator[float | None]) -> list[float | None]:
    """Seconds as milliseconds."""
    return [_times(value, _MS) for value in values_s]


def _ratios(ours: list[float], floors: list[float]) -> list[float | None]:
    return [mine / floor for mine, floor in zip(ours, floors, strict=True)]
