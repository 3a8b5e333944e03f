"""How many characters of a workload's text make a token for this target, learnt from its own usage before the load.

Run by the master after the preflight: a few requests of one output token each, for every corpus that prompts are built
from. What is found goes to the workers with the order to start. With a tokenizer's file nothing is sent.

A passage's characters a token vary by 10 to 20 %, so a few passages would say little of the text they come from. Pieces
(short runs of letters, of signs, of white space) vary with the tokens: the target tells how many tokens a piece of a
sample has, and counting the pieces of all the text gives the ratio of the whole. It halves the error.
"""

import asyncio
import importlib
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from random import Random
from typing import Any

import msgspec

from loadgen.client.dialects import DIALECTS
from loadgen.client.endpoint import endpoint_of
from loadgen.client.exchange import Exchange
from loadgen.client.interpret import interpret
from loadgen.engine.limits import limits_of, transport_of
from loadgen.engine.preflight import PreflightFindings
from loadgen.engine.turns import request_template
from loadgen.errors import UsageError
from loadgen.scenario.model import Scenario
from loadgen.workloads.corpus import Corpus, load_corpus
from loadgen.workloads.fragments import escape_text, text_message
from loadgen.workloads.sizing import NONCE_DIGITS, TextSizer

_PIECE = re.compile(r"\w{1,6}|[^\w\s]{1,3}|\n+| {2,}")
# Many short passages say more than a long one of the same length: 48 of them in six requests are 1,600 tokens, each
# small enough for a context of 1,024. It came within 1 % of all of Python's texts with the simulator's tokens and
# within 3 % with DeepSeek's.
_PASSAGES = 8
_PASSAGE_CHARS = 144
_LARGE_TEXTS = 6
_SMALL_CHARS = 120
# More than this of a large corpus says no more about its pieces a character.
_COUNTED_CHARS = 1_000_000
_NONCES = 8
# After this long no more is asked of a target than has to be, and after this long nothing.
_EAGER_S = 8.0
_PATIENCE_S = 60.0
# No tokenizer is outside of these; a count that does not grow with the text would make prompts of any length.
_LEAST_TOKENS_A_PIECE, _MOST_TOKENS_A_PIECE = 0.1, 20.0

Ask = Callable[[tuple[bytes, ...]], Awaitable[int | None]]
"""Sends messages; the prompt's tokens as the target counts them, None where it did not say."""


class Found(msgspec.Struct, frozen=True):
    """What is known of one corpus. basis: how. input_tokens: what the calibration itself made the target read."""

    corpus: str
    basis: str
    sizer: TextSizer
    input_tokens: int = 0
    requests: int = 0

    def line(self) -> str:
        """All of it in one line for the console."""
        sizer = self.sizer
        return (
            f"token sizes of {self.corpus}: {sizer.chars_per_token:.2f} characters a token, "
            f"{sizer.opening_tokens:.0f} for the chat template and {sizer.message_tokens:.0f} a message ({self.basis})"
        )


class Calibration(msgspec.Struct, frozen=True):
    """What was found of every corpus; kept in environment.json."""

    found: tuple[Found, ...] = ()

    @property
    def sizers(self) -> dict[str, TextSizer]:
        """By the corpus's name, for the workers."""
        return {found.corpus: found.sizer for found in self.found}


def sized_corpora(scenario: Scenario) -> list[str]:
    """The corpora from which the scenario's prompts are built to a size, each once."""
    named = (getattr(spec, "corpus", None) for spec in scenario.workloads)
    return list(dict.fromkeys(name for name in named if name is not None))


def run_calibration(scenario: Scenario, base_url: str, findings: PreflightFindings) -> Calibration:
    """Learn the sizes of the scenario's texts, on an event loop of its own. Raises UsageError for a tokenizer's file
    that can't be used."""
    if scenario.calibrate not in ("auto", "off"):
        count = _local_tokenizer(scenario.calibrate)
        found = [by_tokenizer(load_corpus(name), count) for name in sized_corpora(scenario)]
    elif scenario.calibrate == "off":
        found = [Found(name, "not calibrated", TextSizer()) for name in sized_corpora(scenario)]
    elif not findings.usage:
        why = "the usual ratio: the target reports no usage"
        found = [Found(name, why, TextSizer()) for name in sized_corpora(scenario)]
    else:
        found = asyncio.run(_ask_target(scenario, base_url, findings))
    return Calibration(tuple(found))


async def _ask_target(scenario: Scenario, base_url: str, findings: PreflightFindings) -> list[Found]:
    key = os.environ.get(scenario.target.api_key_env)
    endpoint = endpoint_of(base_url, headers=scenario.target.headers, api_key=key)
    transport = transport_of(scenario.target, endpoint)
    template = request_template(scenario.request, model=findings.model, dialect=DIALECTS[findings.dialect])
    limits = limits_of(scenario.target.timeout, stream=scenario.request.stream)

    async def ask(messages: tuple[bytes, ...]) -> int | None:
        exchange = Exchange(template.path, template.fragments(messages, max_tokens=1), limits)
        await transport.perform(exchange)
        return interpret(exchange).reply.usage.input_tokens

    try:
        return [await _within_patience(load_corpus(name), ask) for name in sized_corpora(scenario)]
    finally:
        await transport.close()


async def _within_patience(corpus: Corpus, ask: Ask) -> Found:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await by_usage(corpus, ask)
    except TimeoutError:
        why = f"the usual ratio: calibrating took more than {_PATIENCE_S:g} s"
        return Found(corpus.name, why, TextSizer())


async def by_usage(corpus: Corpus, ask: Ask) -> Found:
    """Learn a corpus's sizes from what the target counts: eleven requests, of about 2,000 tokens in all.

    A slow target is asked for fewer of the larger texts: the sizes are then a little less sure.
    """
    started_s = time.monotonic()
    small = corpus.passage(Random("small"), _SMALL_CHARS)
    half = len(small) // 2
    nonces = " ".join(_nonce(number) for number in range(_NONCES)) + " "
    asked: list[tuple[bytes, ...]] = [
        (_user(small),),
        (_user(small + small),),
        (_user(nonces + small),),
        (_user(small[:half]), text_message("assistant", escape_text("x")), _user(small[half:])),
        (text_message("system", escape_text(small[:half])), _user(small[half:])),
    ]
    counts = await _counts(asked, ask)
    texts: list[str] = []
    for pair in _in_pairs(_large_texts(corpus)):
        if texts and time.monotonic() - started_s > _EAGER_S:
            break
        texts += pair
        counts += await _counts([(_user(text),) for text in pair], ask)
    known = [count for count in counts if count is not None]
    sizer = _solve(corpus, texts, known) if len(known) == len(counts) else None
    basis = "learnt from the target's usage"
    if sizer is None and len(known) < len(counts):
        basis = "the usual ratio: a calibrating request failed"
    elif sizer is None:
        basis = "the usual ratio: the target's counts do not follow the text"
    return Found(corpus.name, basis, sizer or TextSizer(), sum(known), len(counts))


async def _counts(asked: Sequence[tuple[bytes, ...]], ask: Ask) -> list[int | None]:
    """What each prompt counts. All are asked at once, for a slow target's sake; what fails then is asked by itself, for
    that of one that takes no two requests at once."""
    counts = await asyncio.gather(*map(ask, asked))
    return [await ask(messages) if count is None else count for messages, count in zip(asked, counts, strict=True)]


def _in_pairs(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + 2] for start in range(0, len(texts), 2))


def _solve(corpus: Corpus, texts: Sequence[str], counts: Sequence[int]) -> TextSizer | None:
    """The sizes behind the counts. With p tokens a piece, every prompt is opening + messages x message + p x pieces.

    None where the counts do not follow the text.
    """
    plain, doubled, with_nonces, conversation, with_system, *large = counts
    own = doubled - plain  # what the small text itself is, without what the template adds
    a_piece = (sum(large) - len(large) * (plain - own)) / sum(map(_pieces, texts))
    if not _LEAST_TOKENS_A_PIECE <= a_piece <= _MOST_TOKENS_A_PIECE:
        return None
    message = max(0.0, (conversation - plain - 1) / 2)
    return TextSizer(
        chars_per_token=_chars_a_piece(corpus) / a_piece,
        nonce_tokens=max(0.0, (with_nonces - plain) / _NONCES),
        message_tokens=message,
        opening_tokens=plain - own - message,
        system_opening_tokens=with_system - own - 2 * message,
    )


def by_tokenizer(corpus: Corpus, count: Callable[[str], int]) -> Found:
    """Learn a corpus's sizes from a tokenizer at hand. What the chat template adds is not known to it."""
    texts = _large_texts(corpus)
    a_piece = sum(map(count, texts)) / sum(map(_pieces, texts))
    nonces = "".join(f"{_nonce(number)} " for number in range(_NONCES))
    sizer = TextSizer(chars_per_token=_chars_a_piece(corpus) / a_piece, nonce_tokens=count(nonces) / _NONCES)
    return Found(corpus.name, "by the tokenizer's file; the chat template's own tokens are unknown", sizer)


def _local_tokenizer(path: str) -> Callable[[str], int]:
    try:
        tokenizers: Any = importlib.import_module("tokenizers")
    except ImportError:
        raise UsageError(
            "calibrate: a tokenizer's file needs the package tokenizers (pip install 'loadgen[tokenizer]'); "
            "without it, `calibrate: auto` asks the target"
        ) from None
    try:
        tokenizer = tokenizers.Tokenizer.from_file(path)
    except Exception as error:  # the package raises bare Exceptions
        raise UsageError(f"calibrate: {path} is no tokenizer.json: {error}") from None
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _large_texts(corpus: Corpus) -> list[str]:
    """Texts of short passages, evenly spread over the corpus so that every part of it has its say."""
    total = _LARGE_TEXTS * _PASSAGES
    starts = [round(corpus.chars * (number + 0.5) / total) for number in range(total)]
    passages = [_whole_words(corpus.text_at(start, _PASSAGE_CHARS)) for start in starts]
    return ["\n".join(passages[number::_LARGE_TEXTS]) for number in range(_LARGE_TEXTS)]


def _whole_words(text: str) -> str:
    """Without the words cut off at both ends: half a word can be more tokens than all of it, and 2 % come of that."""
    first, last = text.find(" "), text.rfind(" ")
    return text[first + 1 : last] if first < last else text


def _chars_a_piece(corpus: Corpus) -> float:
    """Of the whole corpus, or of stretches all over a large one."""
    stretches = 256
    length = min(corpus.chars, _COUNTED_CHARS) // stretches
    if length == 0:
        text = corpus.text_at(0, corpus.chars)
        return len(text) / max(1, _pieces(text))
    texts = [corpus.text_at(corpus.chars * number // stretches, length) for number in range(stretches)]
    return stretches * length / max(1, sum(map(_pieces, texts)))


def _pieces(text: str) -> int:
    return len(_PIECE.findall(text))


def _user(text: str) -> bytes:
    return text_message("user", escape_text(text))


def _nonce(number: int) -> str:
    return f"{Random(number).getrandbits(4 * NONCE_DIGITS):0{NONCE_DIGITS}x}"
