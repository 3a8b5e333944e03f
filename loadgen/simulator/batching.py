"""The simulated inference engine: continuous batching over steps, in virtual time.

server.py drives it in real time (it sleeps through each step), `simulate` drives it as fast as it will go. FIFO
queue, chunked prefill, a block prefix cache, room for a request's whole output reserved when it is admitted (so
nothing is ever preempted). Deterministic from a seed. Knows nothing of HTTP, text or clocks.

Every running sequence gets one token each step, so a step costs no work per sequence: only what starts and ends is
touched, and token times are a slice of the step times.
"""

from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Literal

from loadgen.simulator.cache import BlockCache
from loadgen.simulator.timing import Profile

# Of 16 tokens: no prompt below 65k is ever released in parts.
_BLOCKS_A_STEP = 4_096


class QueueFullError(Exception):
    """The engine's queue is at its limit."""


class Job:
    """One request inside the engine: what it needs, and how far it is.

    blocks: chained hashes of the full blocks of prompt and output, in order; empty where nothing is ever shared.
    unit_tokens: the longest whole prefix of an earlier request or answer that the prompt begins with; counts only where
    the profile's cache has whole units.
    cached_tokens: prompt tokens found in the cache, admitted_step: index of its first step; set at admission.
    first_step: index of the step that ended with its first token, None before that.
    """

    __slots__ = (
        "admitted_step",
        "blocks",
        "cached_tokens",
        "first_step",
        "held",
        "output_tokens",
        "prefilled",
        "private",
        "prompt_tokens",
        "state",
        "unit_tokens",
    )

    def __init__(
        self, prompt_tokens: int, output_tokens: int, blocks: Sequence[int] = (), *, unit_tokens: int = 0
    ) -> None:
        if prompt_tokens < 1 or output_tokens < 1:
            raise ValueError("a request has at least one token of prompt and one of output")
        self.prompt_tokens = prompt_tokens
        self.output_tokens = output_tokens
        self.blocks = blocks
        self.unit_tokens = unit_tokens
        self.state: Literal["new", "waiting", "prefill", "decode", "done"] = "new"
        self.cached_tokens = 0
        self.admitted_step: int | None = None
        self.prefilled = 0
        self.first_step: int | None = None
        self.held = 0
        self.private = 0


@dataclass(frozen=True, slots=True)
class StepEnd:
    """What a step brought: jobs that got their first token in it, and jobs that got their last."""

    started: list[Job]
    finished: list[Job]


class Engine:
    """Submit, then alternate `begin_step` and `end_step`. Jobs may come and be cancelled at any moment."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self.profile = profile
        self.steps = 0
        self.cache = BlockCache(profile.kv_tokens // profile.block_tokens, whole_units=profile.whole_units)
        self.decoding: dict[Job, None] = {}
        self._rng = Random(seed)
        self._waiting: deque[Job] = deque()
        self._leaving: deque[Job] = deque()
        self._queued = 0
        self._prefilling: dict[Job, None] = {}
        self._ends: list[tuple[int, int, Job]] = []
        self._started = 0
        self._kv_tokens = 0

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing waits."""
        return not (self.decoding or self._prefilling or self._queued or self._leaving)

    @property
    def running(self) -> int:
        """Jobs that were admitted and are not done."""
        return len(self.decoding) + len(self._prefilling)

    @property
    def queued(self) -> int:
        """Jobs that wait for admission."""
        return self._queued

    def submit(self, job: Job) -> None:
        """Queue `job`. Raises QueueFullError at the queue's limit, ValueError where it can never fit."""
        if job.prompt_tokens + job.output_tokens > self.profile.context_length:
            raise ValueError(f"prompt and output exceed the context of {self.profile.context_length} tokens")
        if self._queued >= self.profile.queue_limit:
            raise QueueFullError(f"{self._queued} requests wait already")
        job.state = "waiting"
        self._waiting.append(job)
        self._queued += 1

    def cancel(self, job: Job) -> None:
        """Forget `job`, whatever its state; what it computed so far stays in the cache."""
        if job.state == "waiting":
            self._queued -= 1
        elif job.state == "prefill":
            del self._prefilling[job]
            self._free(job, job.prefilled)
        elif job.state == "decode":
            del self.decoding[job]
            tokens = job.prompt_tokens + self._generated(job)
            self._kv_tokens -= tokens
            self._free(job, tokens - 1)
        job.state = "done"

    def begin_step(self) -> float:
        """Admit what fits and start a step; its duration in seconds. Must not be called while `idle`."""
        profile = self.profile
        budget = profile.prefill_budget
        for job in self._prefilling:
            budget -= self._prefill(job, budget)
        before = len(self._prefilling)
        while budget > 0 and (admitted := self._admit()):
            budget -= self._prefill(admitted, budget)
        duration_s = profile.step_s(
            prefill_tokens=profile.prefill_budget - budget,
            new_requests=len(self._prefilling) - before,
            sequences=len(self.decoding),
            kv_tokens=self._kv_tokens,
        )
        return duration_s * profile.jitter(self._rng)

    def end_step(self) -> StepEnd:
        """Hand out the step's tokens: one to each of `decoding` and its first to each job now prefilled."""
        self._kv_tokens += len(self.decoding)
        self._release_some()
        for job in self._prefilling:
            self._commit(job, job.prefilled)
        started = [job for job in self._prefilling if job.prefilled == job.prompt_tokens]
        for job in started:
            del self._prefilling[job]
            self._start(job)
        finished = []
        while self._ends and self._ends[0][0] <= self.steps:
            job = heappop(self._ends)[2]
            if job.state == "decode":
                self._finish(job)
                finished.append(job)
        self.steps += 1
        return StepEnd(started, finished)

    def _admit(self) -> Job | None:
        """The next job in line, moved to prefill; None where the line is empty or it does not fit yet."""
        while self._waiting and self._waiting[0].state == "done":
            self._waiting.popleft()
        if not self._waiting or len(self.decoding) + len(self._prefilling) >= self.profile.max_batch:
            return None
        job = self._waiting[0]
        size = self.profile.block_tokens
        # The last prompt token is always computed: its output is the first token.
        usable = job.blocks[: (job.prompt_tokens - 1) // size]
        hits = self.cache.hits(usable, job.unit_tokens // size)
        private = -(-(job.prompt_tokens + job.output_tokens) // size) - hits
        if not self.cache.admit(job.blocks[:hits], private):
            return None
        self.cache.part(usable)
        self._waiting.popleft()
        self._queued -= 1
        job.held, job.private = hits, private
        job.prefilled = job.cached_tokens = hits * size
        job.admitted_step = self.steps
        job.state = "prefill"
        self._prefilling[job] = None
        return job

    def _prefill(self, job: Job, budget: int) -> int:
        tokens = min(budget, job.prompt_tokens - job.prefilled)
        job.prefilled += tokens
        return tokens

    def _start(self, job: Job) -> None:
        job.state = "decode"
        job.first_step = self.steps
        self.decoding[job] = None
        self._kv_tokens += job.prompt_tokens + 1
        self._commit(job, job.prompt_tokens)
        self._started += 1
        heappush(self._ends, (self.steps + job.output_tokens - 1, self._started, job))

    def _finish(self, job: Job) -> None:
        job.state = "done"
        del self.decoding[job]
        tokens = job.prompt_tokens + job.output_tokens
        self._kv_tokens -= tokens
        # The last token was only sampled: its KV was never computed.
        self._free(job, tokens - 1)

    def _generated(self, job: Job) -> int:
        return 0 if job.first_step is None else self.steps - job.first_step

    def _commit(self, job: Job, computed_tokens: int) -> None:
        full = min(computed_tokens // self.profile.block_tokens, len(job.blocks))
        fresh = job.blocks[job.held : full]
        self.cache.commit(fresh)
        job.held += len(fresh)
        job.private -= len(fresh)

    def _free(self, job: Job, computed_tokens: int) -> None:
        self._commit(job, computed_tokens)
        if job.held > _BLOCKS_A_STEP:
            self.cache.release((), job.private)
            self._leaving.append(job)
        else:
            self.cache.release(job.blocks[: job.held], job.private)

    def _release_some(self) -> None:
        """Unpin blocks of one long prompt that has ended: all at once they would hold up a step by 20 ms."""
        if not self._leaving:
            return
        job = self._leaving[0]
        # The end first, as the cache does: the start of a prefix is worth more.
        left = max(0, job.held - _BLOCKS_A_STEP)
        self.cache.release(job.blocks[left : job.held], 0)
        job.held = left
        if not left:
            self._leaving.popleft()


@dataclass(frozen=True, slots=True)
class SimRequest:
    """One request for `simulate`. blocks: chained hashes of its full blocks, where prefixes are shared; unit_tokens: as
    a Job has them."""

    arrival_s: float
    prompt_tokens: int
    output_tokens: int
    blocks: Sequence[int] = ()
    unit_tokens: int = 0


@dataclass(frozen=True, slots=True)
class SimResult:
    """When one simulated request got what, in seconds on the clock of the arrivals; None where it was refused.

    token_s: the time of each output token, ascending.
    """

    arrival_s: float
    token_s: Sequence[float] | None
    queued_s: float | None
    cached_tokens: int | None


def simulate(requests: Iterable[SimRequest], profile: Profile, seed: int) -> list[SimResult]:
    """Run `requests` through an engine in virtual time; one result each, in order of arrival.

    Raises ValueError where a request exceeds the context. Costs some microseconds a request plus some a step.
    """
    engine, waits = Engine(profile, seed), profile.queue_waits(seed)
    ordered = sorted(requests, key=lambda request: request.arrival_s)
    jobs = [
        Job(request.prompt_tokens, request.output_tokens, request.blocks, unit_tokens=request.unit_tokens)
        for request in ordered
    ]
    line = sorted((request.arrival_s + next(waits), place) for place, request in enumerate(ordered))
    begins, ends = array("d"), array("d")
    now_s, following = 0.0, 0
    while following < len(line) or not engine.idle:
        if engine.idle:
            now_s = max(now_s, line[following][0])
        while following < len(line) and line[following][0] <= now_s:
            _submit(engine, jobs[line[following][1]])
            following += 1
        if engine.idle:
            continue
        begins.append(now_s)
        now_s += engine.begin_step()
        ends.append(now_s)
        engine.end_step()
    return [_result(request.arrival_s, job, begins, ends) for request, job in zip(ordered, jobs, strict=True)]


def _submit(engine: Engine, job: Job) -> None:
    try:
        engine.submit(job)
    except QueueFullError:
        job.state = "done"


def _result(arrival_s: float, job: Job, begins: "array[float]", ends: "array[float]") -> SimResult:
    if job.first_step is None or job.admitted_step is None:
        return SimResult(arrival_s, None, None, None)
    token_s = ends[job.first_step : job.first_step + job.output_tokens]
    return SimResult(arrival_s, token_s, begins[job.admitted_step] - arrival_s, job.cached_tokens)
