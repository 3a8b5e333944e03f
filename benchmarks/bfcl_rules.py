"""Whether answers to BFCL's questions get the verdict that BFCL's own checker gives them.

Run by hand, for its package is none of loadgen's: `pip download --no-deps bfcl-eval`, unpack the wheel, then
`python -m benchmarks.bfcl_rules FOLDER`, where FOLDER holds `bfcl_eval/`. From the published answers it makes right
ones and ones with something changed, and shows each on which the two differ.
"""

import argparse
import copy
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

from loadgen.client.reply import Reply, ToolCall
from loadgen.scenario.tools import ToolsSpec
from loadgen.workloads.tools.bfcl import BfclWorkload
from loadgen.workloads.tools.matching import plain_name

# Those with answers whose parameters are Python's: in the others BFCL takes arguments as source text.
CATEGORIES = (
    *("simple_python", "multiple", "parallel", "parallel_multiple"),
    *("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple"),
)
ANSWERS_A_QUESTION = 8
_SHOWN = 3
Call = tuple[str, dict[str, Any]]
Checker = Callable[[list[Any], list[dict[str, Any]], list[Any], str], bool]


def bfcls_checker(folder: Path) -> Checker:
    """BFCL's own. Its package imports the clients of every vendor and parsers of other languages; none is needed."""
    root = folder / "bfcl_eval"
    for name in ("", ".constants", ".eval_checker", ".eval_checker.ast_eval", ".eval_checker.ast_eval.type_convertor"):
        package = ModuleType(f"bfcl_eval{name}")
        package.__path__ = [str(root.joinpath(*name.split(".")))]
        sys.modules[package.__name__] = package
    models = _stub("bfcl_eval.constants.model_config")
    models.MODEL_CONFIG_MAPPING = {"x": SimpleNamespace(underscore_to_dot=True)}  # type: ignore[attr-defined]
    for name in ("java_type_converter", "js_type_converter"):
        setattr(_stub(f"bfcl_eval.eval_checker.ast_eval.type_convertor.{name}"), name, None)
    rules = importlib.import_module("bfcl_eval.eval_checker.ast_eval.ast_checker")
    python = importlib.import_module("bfcl_eval.constants.enums").Language.PYTHON

    def check(functions: list[Any], calls: list[dict[str, Any]], wanted: list[Any], category: str) -> bool:
        # It changes what it is given.
        return bool(rules.ast_checker(functions, copy.deepcopy(calls), wanted, python, category, "x")["valid"])

    return check


def _stub(name: str) -> ModuleType:
    return sys.modules.setdefault(name, ModuleType(name))


def answers(wanted: list[Any], rng: Random) -> Iterator[list[Call]]:
    """Some answers to a question: two that are right, then ones in which something may be changed."""
    for number in range(ANSWERS_A_QUESTION):
        calls = [_right_call(one, rng) for one in wanted]
        yield calls if number < 2 or not calls else _changed(calls, rng)


def _right_call(wanted: dict[str, dict[str, list[Any]]], rng: Random) -> Call:
    ((name, parameters),) = wanted.items()
    given = {
        key: _right_value(_one(values, rng), rng)
        for key, values in parameters.items()
        if not ("" in values and (rng.random() < 0.5 or not any(value != "" for value in values)))
    }
    return plain_name(name), given


def _right_value(value: Any, rng: Random) -> Any:
    """A value of an answer as a model would write it: in an object each member has a list of them."""
    if isinstance(value, list):
        return [_right_value(item, rng) if isinstance(item, dict) else item for item in value]
    if not isinstance(value, dict) or not all(isinstance(right, list) for right in value.values()):
        return value
    return {
        key: _right_value(_one(right, rng), rng)
        for key, right in value.items()
        if "" not in right or rng.random() < 0.5
    }


def _one(values: list[Any], rng: Random) -> Any:
    return rng.choice([value for value in values if value != ""] or [""])


def _changed(calls: list[Call], rng: Random) -> list[Call]:
    _, given = rng.choice(calls)
    draw = rng.random()
    if given and draw < 0.8:
        key = rng.choice(list(given))
        given[key] = _other(given[key], rng)
    elif given and draw < 0.85:
        del given[rng.choice(list(given))]
    elif draw < 0.9:
        given["no_parameter"] = 1
    elif draw < 0.95:
        return calls[1:]
    return rng.sample(calls, len(calls))


def _other(value: Any, rng: Random) -> Any:
    if isinstance(value, bool):
        return rng.choice([not value, int(value)])
    if isinstance(value, int | float):
        return rng.choice([value + 1, float(value), int(value), str(value)])
    if isinstance(value, str):
        return rng.choice([value.upper(), f"{value} x", value.replace(" ", ""), f"{value}.", 5, [value]])
    if isinstance(value, list):
        floats = [float(item) if type(item) is int else item for item in value]
        return rng.choice([value[::-1], value + value[:1], [_other(item, rng) for item in value], floats, str(value)])
    if isinstance(value, dict):
        others = {key: _other(item, rng) for key, item in value.items()}
        return rng.choice([{**value, "no_member": 1}, dict(list(value.items())[1:]), others])
    return value


def verdict(workload: BfclWorkload, number: int, calls: list[Call]) -> object:
    """What loadgen says of an answer to a question."""
    session: Any = workload.session(number, Random(0))
    session.next_turn(None)
    made = tuple(ToolCall(f"call_{n}", name, json.dumps(given)) for n, (name, given) in enumerate(calls))
    marks = session.score(Reply(ok=True, text="", tool_calls=made, finish_reason="tool_calls"))
    return (marks or {}).get("done")


def main() -> None:
    """Compare all categories; exit 1 where any answer got two verdicts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bfcl_rules", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the unpacked package bfcl_eval lies")
    folder = parser.parse_args().folder
    check, rng = bfcls_checker(folder), Random(3)
    compared = right = differ = 0
    for category in CATEGORIES:
        asked = folder / "bfcl_eval" / "data" / f"BFCL_v4_{category}.json"
        answered = asked.parent / "possible_answer" / asked.name
        workload = BfclWorkload(ToolsSpec(name="bfcl", bfcl=str(asked)), asked, answered)
        wanted = {one["id"]: one["ground_truth"] for one in map(json.loads, answered.open(encoding="utf-8"))}
        for number, line in enumerate(asked.open(encoding="utf-8")):
            question = json.loads(line)
            for calls in answers(wanted[question["id"]], rng):
                theirs = check(
                    question["function"], [{name: given} for name, given in calls], wanted[question["id"]], category
                )
                ours = verdict(workload, number, calls)
                compared, right = compared + 1, right + theirs
                if ours is not theirs:
                    differ += 1
                    if differ <= _SHOWN:
                        print(f"{question['id']}: BFCL says {theirs}, loadgen {ours}, of {calls}")
    print(f"{compared:,} answers, {right:,} of them right to BFCL; another verdict of loadgen on {differ:,}")
    sys.exit(int(differ > 0))


if __name__ == "__main__":
    main()
