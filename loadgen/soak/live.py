"""A soak on its event loop: its line to the target, what Prometheus sees of it, and how it is stopped."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from loadgen.client.dialects import DIALECTS
from loadgen.client.endpoint import endpoint_of
from loadgen.engine.attempts import Sender
from loadgen.engine.clock import Clock
from loadgen.engine.limits import limits_of, transport_of
from loadgen.engine.turns import TurnMaker, request_template, sends_reasoning
from loadgen.history.model import Probe, Soak
from loadgen.history.store import History
from loadgen.prices import ModelPrices
from loadgen.scenario.model import Scenario
from loadgen.scenario.soak import SoakSpec
from loadgen.scenario.tools import ToolFaults
from loadgen.soak.begin import plan_of, tools_of
from loadgen.soak.exposition import SoakExposition
from loadgen.soak.probes import Prober
from loadgen.soak.progress import Progress
from loadgen.soak.prompts import Prompts
from loadgen.soak.runner import SoakRunner, Surroundings
from loadgen.soak.schedule import names_of, schedule_of
from loadgen.soak.sending import Line
from loadgen.soak.time import SoakTime
from loadgen.swarm.scraping import ScrapeServer
from loadgen.workloads.base import Workload
from loadgen.workloads.corpus import load_corpus
from loadgen.workloads.tools import build_tools

_RENDER_S = 1.0
_TEXT = "python-docs"


@dataclass(frozen=True)
class Live:
    """What a soak is run with. base_url: where its target is now. scrapes: None where nobody scrapes."""

    scenario: Scenario
    spec: SoakSpec
    soak: Soak
    history: History
    base_url: str
    prices: ModelPrices | None
    scrapes: ScrapeServer | None
    say: Callable[[str], None]


def run_live(live: Live) -> bool:
    """Run it to its end or until it is interrupted; whether it was. Raises UsageError where the history can't be
    written."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(live))


async def _run(live: Live) -> bool:
    loop, scenario, soak, spec = asyncio.get_running_loop(), live.scenario, live.soak, live.spec
    clock = Clock(loop)
    endpoint = endpoint_of(
        live.base_url, headers=scenario.target.headers, api_key=os.environ.get(scenario.target.api_key_env)
    )
    transport = transport_of(scenario.target, endpoint)
    time = SoakTime(soak.started_s, soak.time_scale, clock)
    names = names_of(spec.probes, spec.cache.after)
    exposition = SoakExposition(soak, names, live.prices)
    dialect = DIALECTS[soak.dialect]
    maker = TurnMaker(
        request_template(scenario.request, model=soak.model, dialect=dialect),
        limits_of(scenario.target.timeout, stream=scenario.request.stream),
        stream=scenario.request.stream,
        sends_reasoning=sends_reasoning(scenario.request, dialect),
    )
    sender = Sender(transport, clock, scenario.request.retry)
    # What nobody scrapes is not counted either: nothing would ever take it away.
    observe = exposition.observe if live.scrapes is not None else None
    line = Line(maker, sender, time, live.prices, clock, observe)
    prompts = Prompts(spec, load_corpus(_TEXT), soak=soak.id, seed=soak.seed)
    prober = Prober(spec, prompts, _tools(scenario, spec), soak.seed)
    progress = Progress(soak, live.say)

    def ended(probe: Probe) -> None:
        exposition.add(probe)
        progress.add(probe, next_due_s)

    runner = SoakRunner(soak, schedule_of(plan_of(soak, spec)), Surroundings(live.history, line, prober, time, ended))

    def next_due_s() -> float | None:
        due = runner.next_due
        return None if due is None else due.due_s

    work = asyncio.create_task(runner.run(scenario.load.grace_s))
    interrupts = _Interrupts(runner, work, live.say)
    showing = asyncio.create_task(_show(live.scrapes, exposition, next_due_s))
    try:
        await asyncio.wait({work})
        if not work.cancelled():
            work.result()
        return interrupts.count > 0
    finally:
        showing.cancel()
        clock.close()
        await transport.close()


async def _show(
    scrapes: ScrapeServer | None, exposition: SoakExposition, next_due_s: Callable[[], float | None]
) -> None:
    while scrapes is not None:
        scrapes.show(exposition.text(next_due_s()))
        await asyncio.sleep(_RENDER_S)


class _Interrupts:
    """Ctrl-C or SIGTERM: once, and what is under way may end; twice, and it is cut off."""

    def __init__(self, runner: SoakRunner, work: "asyncio.Task[None]", say: Callable[[str], None]) -> None:
        self.count = 0
        self._runner, self._work, self._say = runner, work, say
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._interrupted)

    def _interrupted(self) -> None:
        self.count += 1
        if self.count == 1:
            self._say("stopping: the probes under way may end (again to cut them off)")
            self._runner.stop()
        else:
            self._work.cancel()


def _tools(scenario: Scenario, spec: SoakSpec) -> Workload | None:
    """The tasks' workload as a probe needs it: every session paired, tools that take no time and never fail."""
    found = tools_of(scenario, spec) if "tools" in spec.probes else None
    if found is None:
        return None
    sound = {"paired": 1.0, "subagents": 0, "faults": ToolFaults()}
    return build_tools(found.model_copy(update=sound), seed=scenario.seed)
