"""What the simulated model says: an answer's tokens, which of them are thought, text or tool call, and how it ends.

Called by server.py before a request is queued. Deterministic from the conversation and the seed. Knows nothing of time
or HTTP.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from loadgen.simulator.acting import Agent
from loadgen.simulator.coding import Coder, Solution
from loadgen.simulator.dialects import Dialect, RefusedError
from loadgen.simulator.dials import GOOD, Quality
from loadgen.simulator.pauses import Pausing, run_through
from loadgen.simulator.reading import read
from loadgen.simulator.reasoning import Known, Reasoned, reason
from loadgen.simulator.timing import Profile
from loadgen.simulator.tokens import Prefix, PromptReader, output_tokens, seed_of, stop_length, tokenise
from loadgen.simulator.tools import Call, make_calls
from loadgen.simulator.wire import AnswerRequest, ChatRequest, CompletionRequest, Function

_INTRODUCTION_TOKENS = 8
# How much answers to the same prompt differ in length: about what a model at temperature 1 does.
_LENGTH_SIGMA = 0.12


@dataclass(frozen=True, slots=True)
class Dials:
    """How the simulated model behaves.

    reasoning_share: share of an answer's tokens that are thought; None leaves it to the dialect. tool_call_rate: share
    of requests with tools that are answered by a call. early_stop: share of answers with a limit that stop by
    themselves before it, if nothing forces their length. cached_tokens: whether usage tells them; None leaves it to the
    dialect. quality: how well it answers what it understands: questions about passages, and tasks for tools.
    solutions: of the coding tasks that it can solve, by prompt. answers: to reasoning tasks, by the message's SHA-256.
    natural_lengths: answers end by themselves, a little earlier or later each time, and limits only cut them off.
    """

    reasoning_share: float | None = None
    tool_call_rate: float = 0.0
    early_stop: float = 0.0
    cached_tokens: bool | None = None
    quality: Quality = GOOD
    solutions: Mapping[str, Solution] = field(default_factory=dict)
    answers: Mapping[str, Known] = field(default_factory=dict)
    natural_lengths: bool = False


@dataclass(frozen=True, slots=True)
class Variation:
    """What of an answer is not the conversation's. request: its number; factor: how many times as long it is as it
    would be. Only answers of natural length vary: any other is the same every time."""

    request: int = 0
    factor: float = 1.0


_NONE = Variation()


@dataclass(frozen=True, slots=True)
class Answer:
    """prompt_tokens: with the marker that opens the assistant's turn. blocks: of prompt and answer. pieces: its tokens.

    reasoning_tokens: how many of the first are thought; text_tokens: how many after those are text; the rest is
    `calls`, maybe cut off. reason: the finish reason. unit_tokens: as a Job has them.
    """

    prompt_tokens: int
    blocks: Sequence[int]
    pieces: list[str]
    reasoning_tokens: int
    text_tokens: int
    calls: list[Call]
    reason: str
    unit_tokens: int = 0

    @property
    def reasoning(self) -> str:
        """The thoughts."""
        return "".join(self.pieces[: self.reasoning_tokens])

    @property
    def text(self) -> str:
        """The text."""
        return "".join(self.pieces[self.reasoning_tokens : self.reasoning_tokens + self.text_tokens])


class Author:
    """Makes answers for one server."""

    def __init__(self, dialect: Dialect, dials: Dials, profile: Profile, seed: int) -> None:
        self._dialect = dialect
        self._dials = dials
        self._context_length = profile.context_length
        self._whole_units = profile.whole_units
        self._seed = seed
        self._reader = PromptReader(profile.block_tokens)

    def answer_chat(self, chat: ChatRequest, variation: Variation = _NONE) -> Answer:
        """As `answering_chat`, without a pause."""
        return run_through(self.answering_chat(chat, variation))

    def answering_chat(self, chat: ChatRequest, variation: Variation = _NONE) -> Pausing[Answer]:
        """The answer to a chat request. Raises RefusedError where a message is amiss or the context too short.

        Pauses where it yields, as reading a long prompt takes a while.
        """
        self._check_reasoning(chat)
        rendered = chat.rendered()
        if not self._whole_units:
            return (yield from self._answer(chat, rendered, variation))
        unit_tokens = self._reader.unit_tokens(rendered, chat.salt)
        answer = yield from self._answer(chat, rendered, variation)
        self._reader.note_unit(rendered, answer.prompt_tokens - 1, chat.salt)
        said = ("assistant", "".join(answer.pieces))
        self._reader.note_unit([*rendered, said], answer.prompt_tokens + len(answer.pieces), chat.salt)
        return replace(answer, unit_tokens=unit_tokens)

    def _answer(self, chat: ChatRequest, rendered: list[tuple[str, str]], variation: Variation) -> Pausing[Answer]:
        prompt = yield from self._reader.reading(rendered, chat.salt)
        # One token more than the messages: the marker that opens the assistant's turn.
        room = self._room(chat, prompt.tokens + 1, "messages")
        rng = Random(seed_of(rendered, self._seed))
        share = self._share() if chat.thinks else 0.0
        functions = chat.functions()
        said = yield from self._understood(chat, rendered, functions, prompt.tokens, rng)
        if isinstance(said, Reasoned):
            text = self._forced(chat, tokenise(said.text), room, rng)
            return self._written(chat, prompt, text, [], share, room, rng, said.thoughts if chat.thinks else None)
        if isinstance(said, list):
            return self._written(chat, prompt, [], said, share, room, rng)
        if said is not None:
            return self._written(chat, prompt, self._forced(chat, tokenise(said), room, rng), [], share, room, rng)
        if functions and (chat.must_call or rng.random() < self._dials.tool_call_rate):
            calls = make_calls(functions, rng, parallel=chat.parallel_tool_calls is not False)
            introduction = output_tokens(_INTRODUCTION_TOKENS, rng) if rng.random() < 0.5 else []
            return self._written(chat, prompt, introduction, calls, share, room, rng)
        count, reason = self._length(chat, room, rng, variation)
        pieces = output_tokens(count, rng)
        thought = round(share * count)
        blocks = self._reader.answered(prompt, pieces).blocks
        return Answer(prompt.tokens + 1, blocks, pieces, thought, count - thought, [], reason)

    def answer_completion(self, completion: CompletionRequest, variation: Variation = _NONE) -> Answer:
        """The answer to a completion request. Raises RefusedError as `answer_chat` does."""
        given = completion.single
        prompt = self._reader.read_plain(given, completion.salt)
        if not prompt.tokens:
            raise RefusedError(400, "The prompt is empty", code="invalid_value", param="prompt")
        room = self._room(completion, prompt.tokens, "prompt")
        rng = Random(seed_of([("prompt", given if isinstance(given, str) else str(given))], self._seed))
        count, reason = self._length(completion, room, rng, variation)
        pieces = output_tokens(count, rng)
        blocks = self._reader.continued(prompt, pieces).blocks
        return Answer(prompt.tokens, blocks, pieces, 0, count, [], reason)

    def _understood(
        self,
        chat: ChatRequest,
        rendered: list[tuple[str, str]],
        functions: Sequence[Function],
        prompt_tokens: int,
        rng: Random,
    ) -> Pausing[str | list[Call] | Reasoned | None]:
        """What it says to a question or a task that it understands; None for any other conversation."""
        quality = self._dials.quality
        if functions:
            parallel = chat.parallel_tool_calls is not False
            coder = Coder(quality.coding, self._dials.solutions, functions, rng, self._seed)
            done = coder.act(chat.messages, parallel=parallel)
            if done is None:
                done = Agent(quality.acting, functions, rng, self._seed).act(chat.messages, parallel=parallel)
            # Who must call may not say anything else.
            return None if chat.must_call and isinstance(done, str) else done
        role, last = rendered[-1]
        if role == "user":
            reasoned = reason(last, self._dials.answers, quality.reasoning, rng, self._seed)
            if reasoned is not None:
                return reasoned
        return (yield from read(rendered, quality.reading, prompt_tokens, rng))

    def _forced(self, chat: ChatRequest, pieces: list[str], room: int, rng: Random) -> list[str]:
        """An answer as long as the request forces it to be: a model that may not stop goes on about anything."""
        forces = self._dialect.forces_length
        least = chat.min_tokens if "min_tokens" in forces else 0
        if chat.ignore_eos and "ignore_eos" in forces:
            least = chat.limit or room
        return pieces + output_tokens(max(0, min(least, room) - len(pieces)), rng)

    def _written(
        self,
        chat: ChatRequest,
        prompt: Prefix,
        text: list[str],
        calls: list[Call],
        share: float,
        room: int,
        rng: Random,
        thoughts: int | None = None,
    ) -> Answer:
        """An answer of these words and calls, so many thoughts before them (else by the share), up to the limit."""
        written = tokenise("".join(call.text for call in calls))
        thought = round((len(text) + len(written)) * share / (1 - share)) if share < 1 else 0
        thought = thought if thoughts is None else thoughts
        pieces = [*output_tokens(thought, rng), *text, *written]
        limit = min(chat.limit or room, room)
        reason = "length" if len(pieces) > limit else "tool_calls" if calls else "stop"
        pieces = pieces[:limit]
        blocks = self._reader.answered(prompt, pieces).blocks
        thought = min(thought, limit)
        shown = min(len(text), limit - thought)
        return Answer(prompt.tokens + 1, blocks, pieces, thought, shown, calls, reason)

    def _share(self) -> float:
        share = self._dials.reasoning_share
        return self._dialect.reasoning_share if share is None else share

    def _room(self, request: AnswerRequest, prompt_tokens: int, param: str) -> int:
        """How many tokens of output fit. Raises RefusedError where that is none, or less than is asked for."""
        room = self._context_length - prompt_tokens
        limit = (request.max_tokens or 1) if not isinstance(request, ChatRequest) else (request.limit or 1)
        # llama.cpp ends an answer where the context ends, and refuses only a prompt that is too long by itself.
        if room >= 1 and (limit <= room or self._dialect.name == "llamacpp"):
            return room
        message = (
            f"This model's maximum context length is {self._context_length} tokens; the request has "
            f"{prompt_tokens} tokens of {param} and asks for {limit} of output. Please shorten either."
        )
        sizes = {"n_prompt_tokens": prompt_tokens, "n_ctx": self._context_length}
        raise RefusedError(400, message, code="context_length_exceeded", param=param, extra=sizes)

    def _length(
        self, request: ChatRequest | CompletionRequest, room: int, rng: Random, variation: Variation
    ) -> tuple[int, str]:
        """How long the answer is, and why it ends there."""
        forces = self._dialect.forces_length
        endless = request.ignore_eos and "ignore_eos" in forces
        least = request.min_tokens if "min_tokens" in forces else 0
        limit = request.limit
        if self._dials.natural_lengths and not endless:
            natural = max(least, self._natural(rng, variation))
            most = min(limit or room, room)
            return (natural, "stop") if natural <= most else (most, "length")
        if limit is None:
            natural = max(stop_length(rng), least)
            return (room, "length") if endless or natural > room else (natural, "stop")
        limit = min(limit, room)
        if not endless and self._dials.early_stop and rng.random() < self._dials.early_stop:
            natural = max(round(limit * rng.uniform(0.1, 0.9)), least, 1)
            return (natural, "stop") if natural < limit else (limit, "length")
        return limit, "length"

    def _natural(self, rng: Random, variation: Variation) -> int:
        """The conversation's own length, give or take what differs from one request to the next."""
        own = stop_length(rng) * variation.factor
        each = Random(self._seed * 1_000_003 + variation.request).lognormvariate(0.0, _LENGTH_SIGMA)
        return max(1, round(own * each))

    def _check_reasoning(self, chat: ChatRequest) -> None:
        """DeepSeek's rule: thoughts of a turn that called tools come back, or the request is wrong."""
        if not (self._dialect.needs_reasoning and chat.thinks):
            return
        for number, message in enumerate(chat.messages):
            if message.role == "assistant" and message.tool_calls and message.reasoning_content is None:
                told = f"Missing `reasoning_content` field in the assistant message at message index {number}."
                raise RefusedError(400, told, code="invalid_request_error", param=f"messages[{number}]")
