"""The simulated engine's tokens: text cut into pieces, prompts cut into cacheable blocks, and output text.

Called by server.py. The tokeniser is a regular expression of about four characters a piece: no vocabulary, the pieces
joined are the text again, and text made here comes back as the same tokens, so that a conversation that grows by the
server's own replies hits its whole prefix. It must stay quick: a prompt of 100k tokens is cut between other
streams' tokens, so what was cut before is remembered.
"""

import re
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from loadgen.simulator.pauses import Pausing, run_through

_PIECE = re.compile(r" ?\w{1,6}| ?[^\w\s]{1,4}|\s{1,8}")
_ENGLISH = (
    "a all also an and any are as at base be been block both but by cache call can case check code copy could data"
    " each end error even every fact field file find first fix for form from get give good had has have held here"
    " how if in index into is it its just keep key kind know last left less line list load long look loop made make"
    " many may mean mode more most much must name need new next no node not now of off old on once one only open or"
    " order other out over page part path plan point queue read real right rule run same see send set shape should"
    " show side size so some source start state step still such sure table take task term test text than that the"
    " their then there these they thing this those time to token tool true two type unit until up use value very"
    " wait want was way well were what when where which while who why will with word work would write year yet you"
)
# Each is one piece with the space before it, and needs no JSON escape.
_WORDS = tuple(f" {word}" for word in _ENGLISH.split())
# So many characters are cut in 0.3 ms.
_STRETCH = 8_192
_REMEMBERED_PROMPTS = 512
# Half a byte a token: 32 MB.
_REMEMBERED_TOKENS = 64_000_000
_REMEMBERED_UNITS = 65_536


def tokenise(text: str) -> list[str]:
    """The tokens of `text`, in order; joined they are `text`."""
    return _PIECE.findall(text)


def tokenised(text: str) -> Iterator[list[str]]:
    """The tokens of a text that may be long, some at a time: a few tenths of a millisecond's work."""
    at, size = 0, len(text)
    while size - at > _STRETCH:
        pieces = _PIECE.findall(text, at, at + _STRETCH)
        # The last one may go on beyond the stretch.
        at += _STRETCH - len(pieces.pop())
        yield pieces
    yield _PIECE.findall(text, at)


def output_tokens(count: int, rng: Random) -> list[str]:
    """`count` tokens of plain English words, each with its leading space."""
    return rng.choices(_WORDS, k=count)


def stop_length(rng: Random, *, median: int = 128, sigma: float = 0.5) -> int:
    """How long an answer is that nothing cuts off, in tokens: lognormal, at least 1."""
    return max(1, round(median * rng.lognormvariate(0.0, sigma)))


@dataclass(frozen=True, slots=True)
class Prefix:
    """A stretch of tokens from the very start. blocks: chained hashes of its full blocks; tail: the tokens beyond.

    salt: what the chain starts from; prefixes of different salts share nothing.
    """

    tokens: int
    blocks: "array[int]"
    tail: tuple[str, ...]
    salt: int = 0

    def extended(self, pieces: Sequence[str], block_tokens: int) -> "Prefix":
        """This prefix followed by `pieces`."""
        growing = _Growing(self, block_tokens)
        growing.add(pieces)
        return growing.grown()


class _Growing:
    """A prefix to which tokens are added bit by bit."""

    def __init__(self, start: Prefix, block_tokens: int) -> None:
        self._tokens = start.tokens
        self._blocks = start.blocks[:]
        self._rest: list[str] = list(start.tail)
        self._salt = start.salt
        self._size = block_tokens

    def add(self, pieces: Sequence[str]) -> None:
        run, blocks, size = [*self._rest, *pieces], self._blocks, self._size
        chain = blocks[-1] if blocks else self._salt
        whole = len(run) // size * size
        for start in range(0, whole, size):
            chain = hash((chain, *run[start : start + size]))
            blocks.append(chain)
        self._tokens += len(pieces)
        self._rest = run[whole:]

    def grown(self) -> Prefix:
        return Prefix(self._tokens, self._blocks, tuple(self._rest), self._salt)


def nothing(salt: str = "") -> Prefix:
    """The empty prefix. salt: keeps a user's cache apart."""
    return Prefix(0, array("q"), (), hash(salt) if salt else 0)


class PromptReader:
    """Cuts conversations into blocks; a conversation seen before, and now longer, costs only what is new."""

    def __init__(self, block_tokens: int) -> None:
        self._block_tokens = block_tokens
        self._seen: OrderedDict[int, Prefix] = OrderedDict()
        self._seen_tokens = 0
        self._units: OrderedDict[int, int] = OrderedDict()

    def read(self, messages: Sequence[tuple[str, str]], salt: str = "") -> Prefix:
        """The prompt that `messages`, pairs of (role, text), make; prompts of different salts share no block."""
        return run_through(self.reading(messages, salt))

    def reading(self, messages: Sequence[tuple[str, str]], salt: str = "") -> Pausing[Prefix]:
        """As `read`, with pauses: a prompt of a million tokens is read between other streams' tokens."""
        digests = _digests(messages, salt)
        known = next((n for n in range(len(digests), 0, -1) if digests[n - 1] in self._seen), 0)
        prefix = self._seen[digests[known - 1]] if known else nothing(salt)
        if known < len(messages):
            growing = _Growing(prefix, self._block_tokens)
            for role, text in messages[known:]:
                growing.add((_marker(role),))
                pauses = len(text) > _STRETCH
                for pieces in tokenised(text):
                    growing.add(pieces)
                    if pauses:
                        yield
                growing.add(("<|end|>",))
            prefix = growing.grown()
        self._remember(digests[-1], prefix)
        return prefix

    def _remember(self, digest: int, prefix: Prefix) -> None:
        before = self._seen.pop(digest, None)
        self._seen[digest] = prefix
        self._seen_tokens += prefix.tokens - (0 if before is None else before.tokens)
        while len(self._seen) > _REMEMBERED_PROMPTS or (self._seen_tokens > _REMEMBERED_TOKENS and len(self._seen) > 1):
            self._seen_tokens -= self._seen.popitem(last=False)[1].tokens

    def unit_tokens(self, messages: Sequence[tuple[str, str]], salt: str = "") -> int:
        """The longest prompt, or prompt and answer, noted before that these messages begin with, in tokens."""
        return max((self._units.get(digest, 0) for digest in _digests(messages, salt)), default=0)

    def note_unit(self, messages: Sequence[tuple[str, str]], tokens: int, salt: str = "") -> None:
        """These messages, of so many tokens, are a whole that later prompts may begin with."""
        self._units[_digests(messages, salt)[-1]] = tokens
        if len(self._units) > _REMEMBERED_UNITS:
            self._units.popitem(last=False)

    def read_plain(self, prompt: str | Sequence[int], salt: str = "") -> Prefix:
        """A prompt without a chat template: text, or token ids."""
        pieces = tokenise(prompt) if isinstance(prompt, str) else [str(token) for token in prompt]
        return nothing(salt).extended(pieces, self._block_tokens)

    def continued(self, prompt: Prefix, output: Sequence[str]) -> Prefix:
        """`prompt` and the text that follows it, as a longer plain prompt will have it."""
        return prompt.extended(output, self._block_tokens)

    def answered(self, prompt: Prefix, output: Iterable[str]) -> Prefix:
        """`prompt` and the turn that answers it, as the next prompt of the conversation will have it."""
        return prompt.extended([_marker("assistant"), *output], self._block_tokens)


def _digests(messages: Sequence[tuple[str, str]], salt: str) -> list[int]:
    """For each message a digest of the conversation up to its end."""
    digests, digest = [], hash(salt)
    for message in messages:
        digest = hash((digest, message))
        digests.append(digest)
    return digests


def seed_of(messages: Sequence[tuple[str, str]], seed: int) -> int:
    """A seed that is the same in every process for the same conversation and the same `seed`."""
    checksum = seed
    for role, text in messages:
        checksum = zlib.crc32(text.encode("utf-8", "surrogatepass"), zlib.crc32(role.encode(), checksum & 0xFFFFFFFF))
    return checksum


def _marker(role: str) -> str:
    return f"<|{role}|>"
