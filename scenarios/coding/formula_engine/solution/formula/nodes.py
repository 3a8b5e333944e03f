"""The tree of a formula."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """A literal."""

    value: float


@dataclass(frozen=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True)
class Negative:
    """A minus in front of something."""

    operand: "Node"


@dataclass(frozen=True)
class Binary:
    """An operator between two operands: arithmetic, a comparison, `and` or `or`."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class Conditional:
    """One of two branches, as a condition has it."""

    condition: "Node"
    then: "Node"
    otherwise: "Node"


Node = Number | Name | Negative | Binary | Call | Conditional
