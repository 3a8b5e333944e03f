"""The families of tasks, a few a file. Every answer is worked out by code, and in tests by a second way."""

from collections.abc import Mapping

from loadgen.workloads.reasoning.families.arithmetic import EQUATIONS, REMAINDERS, SHOPPING
from loadgen.workloads.reasoning.families.calendar import DATES, MEETING
from loadgen.workloads.reasoning.families.logic import KNIGHTS, RANKING
from loadgen.workloads.reasoning.families.networks import LEDGER, ROUTE
from loadgen.workloads.reasoning.families.procedures import LETTERS, REGISTERS
from loadgen.workloads.reasoning.families.quantities import COUNTING, SURVEY, UNITS
from loadgen.workloads.reasoning.task import Family

_ALL = (
    *(SHOPPING, EQUATIONS, REMAINDERS, DATES, MEETING, UNITS, SURVEY),
    *(COUNTING, KNIGHTS, RANKING, ROUTE, LEDGER, LETTERS, REGISTERS),
)
FAMILIES: Mapping[str, Family] = {family.name: family for family in _ALL}
