"""What a simulator is: the one value that its parts are made from. Made by command.py and by tests."""

from dataclasses import dataclass, field

from loadgen.simulator.ageing import Ageing
from loadgen.simulator.answers import Dials
from loadgen.simulator.dialects import DIALECTS, Dialect
from loadgen.simulator.faults import Fault
from loadgen.simulator.timing import PROFILES, Profile


@dataclass(frozen=True, slots=True)
class Settings:
    """api_key: if given, requests without it get 401."""

    profile: Profile = PROFILES["default"]
    dialect: Dialect = DIALECTS["openai"]
    dials: Dials = field(default_factory=Dials)
    faults: tuple[Fault, ...] = ()
    ageing: Ageing = field(default_factory=Ageing)
    seed: int = 1
    model: str = "simulated-model"
    api_key: str | None = field(default=None, repr=False)
