"""The tools that are offered: which, in what order, encoded once, and their validators compiled once.

Built by the workload before the load starts.
"""

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any, Generic, TypeVar

from jsonschema import Draft202012Validator
from referencing import Registry

from loadgen.errors import UsageError
from loadgen.workloads.fragments import encode_json, escape_text
from loadgen.workloads.tools.backends import SHIPPED
from loadgen.workloads.tools.decoys import decoys
from loadgen.workloads.tools.tool import Described, Tool, definition_of

T = TypeVar("T", bound=Described)

SHIPPED_BY_NAME: Mapping[str, Tool] = {tool.name: tool for tool in SHIPPED}


def validator_of(schema: Mapping[str, Any]) -> Draft202012Validator:
    """A validator that never fetches what a schema refers to: its registry is empty."""
    return Draft202012Validator(schema, registry=Registry())


class Offer(Generic[T]):
    """What is offered to the model, as bytes, and what its calls are held against."""

    def __init__(self, tools: Sequence[T]) -> None:
        self.tools: Mapping[str, T] = {tool.name: tool for tool in tools}
        self.validators = {tool.name: validator_of(tool.parameters) for tool in tools}
        self.shared = encode_json([definition_of(tool) for tool in tools])

    def fresh(self, nonce: str) -> bytes:
        """The same definitions, the first one's description opened by a nonce: no cache can know what follows."""
        head, description, tail = self.shared.partition(b'"description":"')
        return b"".join((head, description, b"(", escape_text(nonce), b") ", tail))


class Catalogue(Offer[Tool]):
    """Tools that work on a world."""


def choose(count: int | None, needed: Iterable[str], seed: str) -> Catalogue:
    """The needed tools, then the other shipped ones, then decoys, up to `count`; in an order drawn from the seed.

    Raises UsageError where there is no room for the needed ones.
    """
    wanted = [SHIPPED_BY_NAME[name] for name in needed]
    others = [tool for tool in SHIPPED if tool not in wanted]
    count = len(SHIPPED) if count is None else count
    if count < len(wanted):
        raise UsageError(f"tools: {count} is too few, the tasks need {len(wanted)}: give more, or fewer tasks")
    chosen = [*wanted, *others, *decoys()][:count]
    # A list whose first tools are the ones that matter would be easier than any real one.
    rng = Random(seed)
    return Catalogue(sorted(chosen, key=lambda _: rng.random()))
