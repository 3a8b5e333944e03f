"""The `tools` workload: agents with the shipped tools or a user's own, or single function-calling questions."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from loadgen.scenario.tools import TASK_NAMES, TaskName, ToolsSpec
from loadgen.workloads.base import Session, Workload
from loadgen.workloads.fragments import escape_text, text_message
from loadgen.workloads.tools.agent import AgentSession, Job
from loadgen.workloads.tools.bfcl import BfclWorkload
from loadgen.workloads.tools.catalogue import SHIPPED_BY_NAME, Catalogue, choose
from loadgen.workloads.tools.own import GivenTask, OwnTask, read_own
from loadgen.workloads.tools.plan import Plan, equal
from loadgen.workloads.tools.tasks import Assignment, assign, needed_tools, new_world
from loadgen.workloads.tools.world import World

_INSTRUCTIONS = escape_text(
    "\nYou are an agent with tools. Do exactly what the user asks by calling tools, and nothing else. Calls that do "
    "not depend on each other may be made at once. A call whose result is an error, empty or no valid JSON had no "
    "effect: make it again. When everything is done, reply with the word DONE and call no tool."
)


def build_tools(spec: ToolsSpec, *, seed: int) -> Workload:
    """Build what `spec` describes; reads the files it names. Raises UsageError for what can't be used."""
    if spec.bfcl is not None:
        return BfclWorkload(spec, Path(spec.bfcl), None if spec.answers is None else Path(spec.answers))
    return AgentWorkload(spec, seed=seed)


class AgentWorkload:
    """Makes agents."""

    def __init__(self, spec: ToolsSpec, *, seed: int) -> None:
        """seed: the scenario's; with the workload's name it decides the order of the tools."""
        self.name = spec.name
        self.spec = spec
        self.catalogue: Catalogue
        self._job: Callable[[int, int, Random], Job]
        if spec.catalogue is not None:
            self.catalogue, own = read_own(Path(spec.catalogue))
            self._job = lambda first, count, rng: OwnJob(own, first, count, rng)
        else:
            names = spec.tasks or TASK_NAMES
            self.catalogue = choose(spec.tools, needed_tools(names), f"tools of {spec.name}, seed {seed}")
            self._job = lambda first, count, rng: ShippedJob(names, first, count, rng)

    @property
    def open_ended(self) -> bool:
        """An agent goes on until it has done, and what tools give back is part of its next prompt."""
        return True

    def session(self, ordinal: int, rng: Random) -> Session | None:
        """Agent `ordinal`, its sub-agents beside it."""
        spec = self.spec
        count = spec.tasks_per_session.draw_tokens(rng, ordinal)
        paired, before = rng.random() < spec.paired, rng.random() < 0.5
        # Neighbours begin at different tasks, so that each task is asked about as often at any time of the run.
        beside = [
            self._agent(ordinal, Random(rng.random()), first=ordinal + 1 + number, role_sub=True)
            for number in range(spec.subagents)
        ]
        pair = ("before" if before else "after") if paired else None
        return self._agent(ordinal, rng, first=ordinal, count=count, pair=pair, beside=beside)

    def start_times(self) -> None:
        """None: agents have no recorded clock."""
        return

    def _agent(
        self,
        ordinal: int,
        rng: Random,
        *,
        first: int,
        count: int = 1,
        role_sub: bool = False,
        pair: str | None = None,
        beside: Sequence[Session] = (),
    ) -> AgentSession:
        nonce = f"{int(rng.random() * 2**53):014x}"
        opening = escape_text(f"Agent session {nonce}.")
        return AgentSession(
            self.spec,
            self.catalogue,
            self._job(first, count, rng),
            rng,
            ordinal=ordinal,
            tools=self.catalogue.shared if self.spec.schemas == "shared" else self.catalogue.fresh(nonce),
            system=text_message("system", opening, _INSTRUCTIONS),
            role="sub" if role_sub else "main",
            pair="before" if pair == "before" else "after" if pair == "after" else None,
            beside=beside,
        )


class ShippedTask:
    """A shipped task as one agent got it."""

    __slots__ = ("_assignment",)

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment

    @property
    def name(self) -> str:
        """The template's."""
        return self._assignment.name

    @property
    def words(self) -> str:
        """What the user says."""
        return self._assignment.words

    @property
    def plan(self) -> Plan:
        """The calls that do it."""
        return self._assignment.plan

    def is_done(self, world: World) -> bool:
        """Whether the world came out as it does where the task is done rightly."""
        return equal(world.tables, self._assignment.expected.tables)


class ShippedJob:
    """Tasks of the shipped kinds, in one world."""

    def __init__(self, names: tuple[TaskName, ...], first: int, count: int, rng: Random) -> None:
        self._names, self._next, self._left, self._rng = names, first, count, rng
        self.world = new_world(rng)

    def next_task(self) -> ShippedTask | None:
        """The next kind of task, in the world as it is by now."""
        if not self._left:
            return None
        self._left -= 1
        name = self._names[self._next % len(self._names)]
        self._next += 1
        return ShippedTask(assign(name, self.world, self._rng, SHIPPED_BY_NAME))


class OwnJob:
    """A user's tasks, in the order of the file."""

    def __init__(self, tasks: tuple[OwnTask, ...], first: int, count: int, rng: Random) -> None:
        del rng
        self._tasks, self._next, self._left = tasks, first, count
        self.world = World()

    def next_task(self) -> GivenTask | None:
        """The next one."""
        if not self._left:
            return None
        self._left -= 1
        task = self._tasks[self._next % len(self._tasks)]
        self._next += 1
        return task.given()
