"""What the simulator is told of the tasks: for each user message the right answer, and a plausible wrong one.

Written to a file by the process that starts a simulator of its own; nothing of it is ever part of a request.
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from loadgen.scenario.reasoning import ReasoningSpec
from loadgen.workloads.fragments import encode_json
from loadgen.workloads.reasoning.phrasing import asked_form, put
from loadgen.workloads.reasoning.plan import tasks_of


def answer_lines(spec: ReasoningSpec, *, seed: int) -> Iterable[bytes]:
    """One JSON line for each task in each phrasing. seed: the scenario's."""
    for task in tasks_of(spec, seed=seed):
        for phrasing in spec.phrasings:
            text = put(task, phrasing, seed=seed)
            yield encode_json(
                {
                    "sha256": sha256(text.encode()).hexdigest(),
                    "task": task.id,
                    "family": task.family.name,
                    "phrasing": phrasing,
                    "form": asked_form(phrasing),
                    "answer": task.answer,
                    "wrong": task.wrong,
                }
            )


def write_answers(specs: Iterable[ReasoningSpec], path: Path, *, seed: int) -> None:
    """The answers to all that these workloads ask, as a file for `loadgen simulate --answers`."""
    path.write_bytes(b"".join(line + b"\n" for spec in specs for line in answer_lines(spec, seed=seed)))
