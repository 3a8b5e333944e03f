"""Answers questions about the passages of a prompt, as well or as badly as the dials say.

Called by answers.py. The answer comes out of the prompt by the rules of lookup.py: nobody tells it what is right. A
dial decides which of the passages that matter are seen and which copy is believed.
"""

import re
from collections.abc import Callable, Sequence
from random import Random

from loadgen.simulator.dials import ReadingDials
from loadgen.simulator.lookup import Finding, base_class, default_value, gap, occurrences, raised
from loadgen.simulator.passages import Passages, find_passages, question_in
from loadgen.simulator.pauses import Pausing

_NOT_FOUND = "NOT FOUND"
_UNREADABLE = (
    "I went through all of the passages with great care\nand this would take more explanation than there is room for."
)
_INVENTED = {
    "value": ("17", "450", "'strict'", "9000"),
    "name": ("WidgetError", "BaseWidget", "LegacyHandler"),
    "word": ("elsewhere", "7719", "seldom"),
}
_DEFAULT = re.compile(r"What is the default value of parameter '(.+?)' of function '(.+?)' in (.+)\?")
_RAISES = re.compile(r"Which exception does function '(.+?)' in (.+) raise\?")
_BASE = re.compile(r"What is the base class of class '(.+?)' in (.+)\?")
_TWO_HOP = re.compile(r"What is the base class of the base class of class '(.+?)' in (.+)\?")
_FACT = re.compile(r'Which word or number stands at ____ in this sentence of (.+?): "(.*)"\?')
_COUNT = re.compile(r"In how many different sources does the word '(.+?)' occur\?")


class Reader:
    """One model's reading of one prompt. rng: of this conversation alone."""

    def __init__(self, dials: ReadingDials, passages: Passages, prompt_tokens: int, rng: Random) -> None:
        self._dials = dials
        self._passages = passages
        self._tokens = prompt_tokens
        self._rng = rng

    def answer(self, question: str) -> str | None:
        """What it answers; None where it does not understand the question."""
        # Always as many draws, so that a dial that is turned changes its own mistakes and nobody else's.
        garbled, invents, choice = (self._rng.random() for _ in range(3))
        for form, rule in _RULES:
            if asked := form.fullmatch(question):
                answer = rule(self, *asked.groups())
                break
        else:
            return None
        if garbled < self._dials.unreadable:
            return _UNREADABLE
        if isinstance(answer, str):
            return answer
        if invents >= self._dials.made_up:
            return _NOT_FOUND
        kind, known = answer
        inventions = [invented for invented in _INVENTED[kind] if invented not in known]
        return inventions[int(choice * len(inventions))]

    def _default(self, parameter: str, function: str, source: str) -> "_Answer":
        return self._picked(default_value(parameter, function, source, self._passages), "value")

    def _raises(self, function: str, source: str) -> "_Answer":
        return self._picked(raised(function, source, self._passages), "name")

    def _base(self, name: str, source: str) -> "_Answer":
        return self._picked(base_class(name, source, self._passages), "name")

    def _fact(self, source: str, sentence: str) -> "_Answer":
        return self._picked(gap(sentence, source, self._passages), "word")

    def _two_hop(self, name: str, source: str) -> "_Answer":
        first = self._picked(base_class(name, source, self._passages), "name")
        if not isinstance(first, str):
            return first
        return self._picked(base_class(first.rpartition(".")[2], None, self._passages), "name")

    def _count(self, word: str) -> "_Answer":
        found = occurrences(word, self._passages)
        seen = {finding.value for finding in found if self._sees(finding)}
        return str(len(seen)) if seen else ("value", ())

    def _picked(self, findings: Sequence[Finding], kind: str) -> "_Answer":
        """The newest of what is said, unless that is overlooked or an older copy is believed."""
        if not findings:
            return kind, ()
        newest = findings[-1]
        outdated = [finding.value for finding in findings if finding.value != newest.value]
        seen, believes, choice = self._sees(newest), self._rng.random(), self._rng.random()
        if not seen:
            # Its copies are overlooked with it: or this dial would make the mistakes of another.
            return kind, tuple(finding.value for finding in findings)
        if outdated and believes < self._dials.stale:
            return outdated[int(choice * len(outdated))]
        return newest.value

    def _sees(self, finding: Finding) -> bool:
        return self._rng.random() < self._dials.seen(self._passages.depth(finding.passage), self._tokens)


# What it says, or what kind of thing it did not find and what must not be invented then.
_Answer = str | tuple[str, tuple[str, ...]]
_RULES: Sequence[tuple[re.Pattern[str], Callable[..., _Answer]]] = (
    (_DEFAULT, Reader._default),
    (_RAISES, Reader._raises),
    (_TWO_HOP, Reader._two_hop),
    (_BASE, Reader._base),
    (_FACT, Reader._fact),
    (_COUNT, Reader._count),
)


def read(
    messages: Sequence[tuple[str, str]], dials: ReadingDials, prompt_tokens: int, rng: Random
) -> Pausing[str | None]:
    """The answer to a conversation that asks about passages; None for any other. Pauses where it yields.

    messages: pairs of role and text.
    """
    role, last = messages[-1]
    question = question_in(last) if role == "user" else None
    if question is None:
        return None
    prompt = next((text for role, text in messages if role == "user" and "\n\n[1] " in text), None)
    if prompt is None:
        return None
    passages = yield from find_passages(prompt)
    return Reader(dials, passages, prompt_tokens, rng).answer(question)
