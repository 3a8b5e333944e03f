"""Whether runs may be compared: the same scenario and load, whole, and measured by a valid generator.

What is under test may differ: the target's address, its model, dialect and access to it. So may labels, SLOs, prices
and what is kept of the records. Everything else of the scenario shapes what was sent, and must be the same.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

from pydantic import ValidationError

from loadgen.comparison.result import Difference
from loadgen.comparison.runs import Run
from loadgen.scenario.model import Scenario

# Keys of a scenario that may differ; the seed is looked at over all runs of a side.
MAY_DIFFER = (
    "name",
    "description",
    "target.base_url",
    "target.model",
    "target.dialect",
    "target.api_key_env",
    "target.headers",
    "target.ca_file",
    "target.proxy",
    "slos",
    "prices",
    "hardware",
    "budget",
    "records",
    "seed",
)
# What was run on another machine lies elsewhere there.
_PATHS = ("corpus", "path", "calibrate")
_ABSENT = "-"
# A run that was cut short, or whose last stage was, is another load: its end was never measured.
_WINDOW_TOLERANCE = 0.05


def differences(baseline: Sequence[Run], candidate: Sequence[Run]) -> list[Difference]:
    """Why these runs are not of the same load, or not to be trusted; empty where they may be compared."""
    first, *others = [*baseline, *candidate]
    found = [
        Difference(f"{run.path}: no scenario.yaml, so nobody knows what it sent", _ABSENT, _ABSENT)
        for run in (first, *others)
        if run.scenario is None
    ]
    for run in others:
        if first.scenario is not None and run.scenario is not None:
            found += [
                Difference(f"scenario: {key}", before, after)
                for key, before, after in _unlike(_comparable(first.scenario), _comparable(run.scenario))
            ]
        found += _measured_unlike(first, run)
    found += _seeds(baseline, candidate)
    for run in (first, *others):
        if not run.summary.generator.valid:
            reasons = "; ".join(run.summary.generator.reasons) or "no reason given"
            found.append(Difference(f"{run.path}: its generator was not valid ({reasons})", _ABSENT, _ABSENT))
    return list(dict.fromkeys(found))


def _measured_unlike(first: Run, run: Run) -> Iterator[Difference]:
    one, other = first.summary, run.summary
    if one.run.transport != other.run.transport:
        # One stamps at the socket, the other in coroutines that wake later.
        yield Difference("transport", one.run.transport, other.run.transport)
    windows = one.throughput.window_s, other.throughput.window_s
    if abs(windows[0] - windows[1]) > _WINDOW_TOLERANCE * max(windows):
        yield Difference("measured window", *(f"{window:.1f} s" for window in windows))


def _seeds(baseline: Sequence[Run], candidate: Sequence[Run]) -> Iterator[Difference]:
    """Sides of several runs play the same sessions, or each run its own; else one side's sessions are just others."""
    before, after = ([run.summary.run.seed for run in side] for side in (baseline, candidate))
    if len(before) + len(after) == 2 or set(before) == set(after):
        return
    own = len(set(before)) == len(before) and len(set(after)) == len(after) and not set(before) & set(after)
    if not own:
        yield Difference("seeds", _listed(before), _listed(after))


def pairs_of(baseline: Sequence[Run], candidate: Sequence[Run]) -> list[tuple[Run, Run]] | None:
    """Runs that belong together because they have played the same sessions, each pair its own; None where none do.

    Runs that all have one seed are not paired: what they share is in every run.
    """
    before, after = ([run.summary.run.seed for run in side] for side in (baseline, candidate))
    if len(before) < 2 or len(set(before)) < len(before) or Counter(before) != Counter(after):
        return None
    of_seed = {run.summary.run.seed: run for run in candidate}
    return [(run, of_seed[run.summary.run.seed]) for run in baseline]


def notes(baseline: Sequence[Run], candidate: Sequence[Run]) -> list[str]:
    """What differs without speaking against the comparison, and what a reader must know of single runs."""
    told = []
    for what, of in (
        ("model", lambda run: run.summary.run.model),
        ("target", lambda run: run.summary.run.target),
        ("dialect", lambda run: run.summary.run.dialect),
        ("loadgen", lambda run: run.summary.run.version),
        ("workers", lambda run: run.summary.run.workers),
        ("machine", _machine),
        ("SLOs", lambda run: _text((run.scenario or {}).get("slos"))),
        ("prices", lambda run: _text((run.scenario or {}).get("prices"))),
    ):
        before, after = ({str(of(run)) for run in side} for side in (baseline, candidate))
        if before != after or len(before) > 1:
            told.append(f"{what}: {_listed(sorted(before))} against {_listed(sorted(after))}")
    for run in (*baseline, *candidate):
        summary = run.summary
        if summary.run.workers_lost:
            told.append(f"{run.path}: lost workers: {', '.join(summary.run.workers_lost)}")
        if summary.run.snapshots_missing:
            told.append(f"{run.path}: {summary.run.snapshots_missing} reports of workers are missing from its figures")
    return told


def _machine(run: Run) -> str:
    facts = [run.environment.get(key) for key in ("platform", "machine", "cpu_usable", "python")]
    return _ABSENT if not any(facts) else "{}, {}, {} CPUs, Python {}".format(*facts)


def _comparable(scenario: dict[str, Any]) -> dict[str, Any]:
    """The scenario without what may differ, defaults filled in and quantities as plain numbers where it can be read."""
    kept = {key: value for key, value in scenario.items() if key not in MAY_DIFFER}
    if isinstance(target := kept.get("target"), dict):
        kept["target"] = {key: value for key, value in target.items() if f"target.{key}" not in MAY_DIFFER}
    try:
        # A text such as ${NAME} may stand for something else in every environment; as it stands, it is the same.
        parsed = Scenario.model_validate({"name": "compared"} | kept)
    except ValidationError:
        return kept
    plain: dict[str, Any] = parsed.model_dump(mode="json", exclude=set(_top(MAY_DIFFER)))
    plain["target"] = {key: value for key, value in plain["target"].items() if f"target.{key}" not in MAY_DIFFER}
    return plain


def _top(keys: Iterable[str]) -> Iterator[str]:
    return (key for key in keys if "." not in key)


def _unlike(one: Any, other: Any, key: str = "") -> Iterator[tuple[str, str, str]]:
    """Where two values differ: dotted key and both values as text."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            yield from _unlike(one.get(name), other.get(name), f"{key}.{name}" if key else str(name))
    elif _nested(one) and _nested(other) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _unlike(*pair, f"{key}.{index}")
    elif one != other and not (_last(key) in _PATHS and _file_name(one) == _file_name(other)):
        yield key, _text(one), _text(other)


def _nested(value: Any) -> bool:
    """A list of parts that have differences of their own; one of plain values, as a ramp's levels, is a value."""
    return isinstance(value, list) and any(isinstance(item, dict | list) for item in value)


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _file_name(value: Any) -> Any:
    return PurePath(value).name if isinstance(value, str) else value


def _text(value: Any) -> str:
    if isinstance(value, list) and value and all(item == value[0] for item in value):
        value = value[0]  # a level that is held is a ramp from itself to itself
    return _ABSENT if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))
