"""The fields that the parts of a scenario share, and how a mistake that concerns several of them is told.

Used by the model and by the specs of the workload kinds.
"""

from collections.abc import Iterable
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from loadgen.scenario.quantities import parse_count, parse_flag, parse_number
from loadgen.scenario.sizes import Seconds

Text = Annotated[str, Field(min_length=1)]
# They become file names, metric labels and steps of a --set path, which is cut at dots and takes numbers for indexes.
Label = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$", max_length=60)]
RunLabel = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", max_length=100)]
Flag = Annotated[bool, BeforeValidator(parse_flag)]
Number = Annotated[float, BeforeValidator(parse_number)]
Count = Annotated[int, BeforeValidator(parse_count)]
PositiveCount = Annotated[Count, Field(ge=1)]
PositiveNumber = Annotated[Number, Field(gt=0)]
PositiveSeconds = Annotated[Seconds, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, le=1)]


class Problem(NamedTuple):
    """A mistake that concerns more than one field: where it is shown, and what is wrong."""

    at: tuple[str | int, ...]
    what: str


def refuse(title: str, problems: Iterable[Problem]) -> None:
    """Raises all problems as one ValidationError, each at its own place; nothing for none."""
    details = [
        InitErrorDetails(type=PydanticCustomError("scenario", "{what}", {"what": what}), loc=at, input=None)
        for at, what in problems
    ]
    if details:
        raise ValidationError.from_exception_data(title, details)
