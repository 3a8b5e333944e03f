"""What a scenario says of a `reasoning` workload: generated tasks with exact answers, each in many phrasings.

docs/reasoning.md has what each family and each phrasing is.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from loadgen.scenario.fields import Flag, Label, PositiveCount, PositiveNumber, Problem, refuse
from loadgen.scenario.sizes import Part, Size, some

FamilyName = Literal[
    "shopping",
    "equations",
    "remainders",
    "dates",
    "meeting",
    "units",
    "survey",
    "counting",
    "knights",
    "ranking",
    "route",
    "ledger",
    "letters",
    "registers",
]
FAMILY_NAMES: tuple[FamilyName, ...] = get_args(FamilyName)
Phrasing = Literal[
    "plain",
    "terse",
    "wordy",
    "formal",
    "reordered",
    "irrelevant",
    "typos",
    "json",
    "boxed",
    "german",
    "spanish",
]
PHRASINGS: tuple[Phrasing, ...] = get_args(Phrasing)


def _as_list(value: Any) -> Any:
    """One name is a list of one; what is neither is left to its field."""
    return some(list(value)) if isinstance(value, list | tuple) else [value]


class ReasoningSpec(Part):
    """Tasks crossed with phrasings, in a balanced random order.

    families, phrasings: all where nothing is said. tasks_per_family: different tasks of each family. repeats: how often
    each task is asked in each phrasing, None until the load ends. fresh: every request opens with a number of its own,
    so that no prefix cache knows it; else repeats are the same bytes.
    """

    kind: Literal["reasoning"] = "reasoning"
    name: Label
    weight: PositiveNumber = 1.0
    families: Annotated[tuple[FamilyName, ...], BeforeValidator(_as_list)] = FAMILY_NAMES
    tasks_per_family: Annotated[PositiveCount, Field(le=100)] = 3
    phrasings: Annotated[tuple[Phrasing, ...], BeforeValidator(_as_list)] = PHRASINGS
    repeats: PositiveCount | None = None
    fresh: Flag = True
    output_tokens: Size | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "ReasoningSpec":
        problems = [
            Problem((key,), "has a name twice; accepted: each once")
            for key in ("families", "phrasings")
            if len(set(getattr(self, key))) < len(getattr(self, key))
        ]
        refuse("reasoning", problems)
        return self
