"""Questions about documents: what the `long_context` kind of a scenario sends, and what the answers were worth.

Built by `build_workload`, driven by the engine. Session k takes cell k of the grid (length x depth x noise), in a
random order in which every cell comes once before any comes again; the order is the same in every worker.

How a server's prefix cache is met: the first user message opens with a number of the session's own, so that nothing but
`shared_prefix` can be cached when a session begins (cold); its later turns ask about the same passages (warm).
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from itertools import chain, product
from random import Random
from typing import TypeVar

from msgspec import Struct

from loadgen.client.dialects import Message
from loadgen.client.reply import Reply
from loadgen.errors import UsageError
from loadgen.marks import Marks
from loadgen.scenario.long_context import UNANSWERABLE_KINDS, LongContextSpec
from loadgen.workloads.base import Turn
from loadgen.workloads.corpus import left_out, read_documents
from loadgen.workloads.fragments import assistant_message, escape_text, text_message, text_message_in_steps
from loadgen.workloads.long_context.answers import judge
from loadgen.workloads.long_context.boilerplate import BOILERPLATE, OPENING
from loadgen.workloads.long_context.library import Library
from loadgen.workloads.long_context.pool import build_pool
from loadgen.workloads.long_context.prompt import Asked, Shelf, numbered
from loadgen.workloads.sizing import TextSizer

# Of a corpus that a prompt nearly uses up, what is sent would depend little on what was asked for.
_MOST_OF_CORPUS = 0.8
_DRAWS = 20
_SUFFIXES_SHOWN = 5
_NONCE = b"Reference %b.\\n"
_OPENING = escape_text(OPENING)
_REFERENCE = "Answer questions about documents. What everybody should know:"
T = TypeVar("T")


class Cell(Struct, frozen=True):
    """One place of the grid."""

    context_tokens: int
    depth: float
    noise: float


class LongContextWorkload:
    """Makes sessions of questions from one `long_context` entry of the scenario."""

    def __init__(self, spec: LongContextSpec, sizer: TextSizer, *, seed: int) -> None:
        """Reads and indexes the corpus. Raises UsageError where it can't be used for what the scenario asks."""
        self.name = spec.name
        self.spec = spec
        self._seed = seed
        documents = read_documents(spec.corpus)
        self.corpus = Library(spec.corpus, documents, spec.passage_chars)
        if not self.corpus.passages:
            raise UsageError(f"workload {spec.name}: corpus {spec.corpus} is too short for a passage")
        longest = sizer.chars(max(spec.context_tokens))
        _refuse_small_corpus(spec, self.corpus, longest, sizer)
        self._shelf = Shelf(self.corpus, f"shelf of {spec.name}, seed {seed}")
        # With room for a calibration that finds more characters a token.
        most_noise = round(1.5 * longest / self._shelf.mean_size * max(spec.noise))
        pool = build_pool(spec, documents, self.corpus, most_noise)
        self._questions = pool.by_kind
        self._hideable = {kind: found for kind, found in pool.by_kind.items() if kind in UNANSWERABLE_KINDS}
        self._notes = tuple(_notes(spec, pool.missing))
        self._cells = [Cell(*values) for values in product(spec.context_tokens, spec.depth, spec.noise)]
        self._prefix: bytes | None = None
        self.resize(sizer)

    @property
    def notes(self) -> tuple[str, ...]:
        """Which kinds of questions the corpus gives none of, and which of its files are not read."""
        return self._notes

    def resize(self, sizer: TextSizer) -> None:
        """Build texts to sizes by this one from now on, the prefix that all sessions share included."""
        self.sizer = sizer
        if self.spec.shared_prefix:
            self._prefix = self._shared_prefix(sizer.chars(self.spec.shared_prefix))

    def _shared_prefix(self, chars: int) -> bytes:
        """Text of passages that no question has to do with: an answer in it would stand in every prompt."""
        asked = [question.fact for found in self._questions.values() for question in found]
        kept_out = {number for fact in asked for number in (*fact.needed, *fact.rivals)}
        texts = [one.text for one in self.corpus.passages if one.number not in kept_out] or list(BOILERPLATE)
        rng = Random(f"prefix of {self.name}, seed {self._seed}")
        chosen, left = [_REFERENCE], chars - len(_REFERENCE)
        while left > 0:
            text = texts[int(rng.random() * len(texts))]
            chosen.append(text[:left])
            left -= len(text) + 2
        return text_message("system", escape_text("\n\n".join(chosen)))

    def session(self, ordinal: int, rng: Random) -> "LongContextSession":
        """Session `ordinal`. It keeps `rng`, which must be its own."""
        return LongContextSession(self, ordinal, rng)

    def start_times(self) -> Sequence[float] | None:
        """None: questions have no recorded clock."""
        return None

    def cell(self, ordinal: int) -> Cell:
        """The cell of session `ordinal`."""
        block, place = divmod(ordinal, len(self._cells))
        rng = Random(f"grid of {self.name}, seed {self._seed}, block {block}")
        return sorted(self._cells, key=lambda _: rng.random())[place]

    def depth(self, first: float, turn: int) -> float:
        """The depth of a later turn's passage: the grid's next ones, so that every depth is asked as often."""
        depths = self.spec.depth
        return depths[(depths.index(first) + turn) % len(depths)]

    def asked(self, cell: Cell, rng: Random) -> list[Asked]:
        """The questions of a session, one at least: none's passages contradict or settle another's, and there is room
        for all of them; so there may be fewer than asked for."""
        found: list[Asked] = []
        # One passage at least is noise.
        room = int(self.sizer.chars(cell.context_tokens - self.spec.shared_prefix) / self._shelf.mean_size) - 1
        for turn in range(self.spec.turns):
            for draw in range(_DRAWS):
                one = self._draw(self.depth(cell.depth, turn), rng)
                fits = sum(map(_room, (*found, one))) <= room and not any(_in_the_way(one, other) for other in found)
                if fits or (not found and draw == _DRAWS - 1):
                    found.append(one)
                    break
        return found

    def first_message(
        self, cell: Cell, asked: Sequence[Asked], rng: Random
    ) -> Generator[None, None, tuple[Message, int, int]]:
        """The passages and the first question as a message; how many passages, and the message's size in tokens.

        Pauses where it yields: a prompt of a million tokens takes 3 to 6 ms in all, the longest step 1 ms.
        """
        nonce = b"%014x" % int(rng.random() * 2**53)
        question = asked[0].question.fact.prompt
        template = self.sizer.template_tokens(1 + bool(self._prefix), system=bool(self._prefix))
        tokens = cell.context_tokens - self.spec.shared_prefix - template - self.sizer.nonce_tokens
        around = len(_NONCE) + len(OPENING) + len(question)
        chars = self.sizer.chars(tokens) - around
        bodies, filled = yield from self._shelf.passages(asked, cell.noise, self.spec, chars, rng)
        pieces = chain((_NONCE % nonce, _OPENING), numbered(bodies), (escape_text(question),))
        message = yield from text_message_in_steps("user", pieces)
        return message, len(bodies), round(cell.context_tokens + (filled - chars) / self.sizer.chars_per_token)

    def messages_in_front(self) -> tuple[bytes, ...]:
        """What stands before a session's own messages."""
        return () if self._prefix is None else (self._prefix,)

    def _draw(self, depth: float, rng: Random) -> Asked:
        answerable = rng.random() >= self.spec.unanswerable
        questions = self._questions if answerable else self._hideable
        question = _pick(_pick(list(questions.values()), rng), rng)
        fact = question.fact
        alter, at = rng.random() < self.spec.altered, int(rng.random() * max(1, len(fact.others)))
        if not answerable:
            return Asked(question, None, fact.answer)
        others = [*fact.others[at:], *fact.others[:at]]
        if not others:
            return Asked(question, depth, fact.answer)
        value = others.pop() if alter else fact.answer
        return Asked(question, depth, value, tuple(others[n % len(others)] for n in range(self.spec.stale)))


class LongContextSession:
    """One document of passages and the questions about it. A failed turn ends it: nobody asks on without an answer."""

    __slots__ = (
        "_asked",
        "_cell",
        "_history",
        "_history_tokens",
        "_ordinal",
        "_passages",
        "_rng",
        "_turn",
        "_workload",
    )

    def __init__(self, workload: LongContextWorkload, ordinal: int, rng: Random) -> None:
        self._workload = workload
        self._ordinal = ordinal
        self._rng = rng
        self._turn = 0
        self._cell = workload.cell(ordinal)
        self._asked = workload.asked(self._cell, rng)
        self._history: tuple[Message, ...] = ()
        self._history_tokens = 0
        self._passages = 0

    def prepare(self) -> Iterator[None]:
        """See PreparedSession."""
        made = yield from self._workload.first_message(self._cell, self._asked, self._rng)
        message, self._passages, self._history_tokens = made
        self._history = (*self._workload.messages_in_front(), message)

    def next_turn(self, last: Reply | None) -> Turn | None:
        """The next question; None after the last one or after a failed one."""
        if self._turn >= len(self._asked) or (last is not None and not last.ok):
            return None
        workload, spec, ordinal = self._workload, self._workload.spec, self._ordinal + self._turn
        delay_s = max(0.0, spec.think_time.draw(self._rng, ordinal)) if self._turn else 0.0
        if last is None:
            if not self._history:
                deque(self.prepare(), maxlen=0)
        else:
            question = self._asked[self._turn].question.fact.prompt
            self._history += (assistant_message(last.text), text_message("user", escape_text(question)))
            self._history_tokens += workload.sizer.tokens(len(last.text) + len(question))
            self._history_tokens += workload.sizer.template_tokens(3, system=True) - workload.sizer.template_tokens(
                1, system=True
            )
        self._turn += 1
        return Turn(
            messages=self._history,
            delay_s=delay_s,
            input_tokens=self._history_tokens,
            output_tokens=None if spec.output_tokens is None else spec.output_tokens.draw_tokens(self._rng, ordinal),
        )

    def score(self, reply: Reply) -> Marks:
        """What the answer to the question under way was worth, and where its passage stood."""
        one = self._asked[self._turn - 1]
        fact = one.question.fact
        outcome: str = "failed"
        if reply.ok:
            outcome = judge(
                reply.text,
                kind=fact.kind,
                question=fact.question,
                answer=None if one.depth is None else one.value,
                stale=one.stale,
                remembered=fact.answer if one.altered else None,
            )
        return {
            "context_tokens": self._cell.context_tokens,
            "depth": one.depth,
            "noise": self._cell.noise,
            "kind": fact.kind,
            "answerable": one.depth is not None,
            "outcome": outcome,
            "warm": self._turn > 1,
            "shared_prefix": self._workload.spec.shared_prefix,
            "altered": one.altered,
            "stale_copies": len(one.stale),
            "passages": self._passages,
        }


def _pick(found: Sequence[T], rng: Random) -> T:
    return found[int(rng.random() * len(found))]


def _room(one: Asked) -> int:
    """How many passages a question takes."""
    return 0 if one.depth is None else len(one.question.fact.needed) + len(one.stale)


def _in_the_way(one: Asked, other: Asked) -> bool:
    """Whether these two questions can't be asked about the same passages."""
    if one.needed & other.needed or one.needed & other.kept_out or other.needed & one.kept_out:
        return True
    # A word that is counted must not come in with a value that was put into a passage.
    values = " ".join((one.value, *one.stale, other.value, *other.stale))
    return any(word is not None and word in values for word in (one.question.fact.word, other.question.fact.word))


def _notes(spec: LongContextSpec, missing: Sequence[str]) -> Iterator[str]:
    if missing:
        yield f"{spec.name}: {spec.corpus} gives no questions of the kind {', '.join(missing)}"
    if unread := left_out(spec.corpus):
        most = sorted(unread.items(), key=lambda found: -found[1])[:_SUFFIXES_SHOWN]
        kinds = ", ".join(f"{suffix or 'no suffix'} ({count:,})" for suffix, count in most)
        more = ", ..." if len(unread) > len(most) else ""
        total = sum(unread.values())
        yield f"{spec.name}: of {spec.corpus} {total:,} files are left out, not text by their names: {kinds}{more}"


def _refuse_small_corpus(spec: LongContextSpec, library: Library, longest: int, sizer: TextSizer) -> None:
    if longest > _MOST_OF_CORPUS * library.chars:
        most = sizer.tokens(round(_MOST_OF_CORPUS * library.chars))
        raise UsageError(
            f"workload {spec.name}: corpus {spec.corpus} is too small for a context of {max(spec.context_tokens):,} "
            f"tokens; it is enough for about {most:,}"
        )
