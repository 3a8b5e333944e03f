"""Reading an answer out of a reply and holding it against what is right: the one place that decides.

A reply is asked to be nothing but the answer, and most are. What may stand around it is taken off (thinking, an opening
such as "Answer:", quotes, a full stop); of a whole sentence the answer is read only where it can be but one thing. What
can't be read is `unreadable`, which is neither right nor a wrong answer.
"""

import re
from collections.abc import Sequence
from typing import Literal

from loadgen.scenario.long_context import QuestionKind
from loadgen.workloads.long_context.facts import IF_UNKNOWN, NOT_FOUND

Outcome = Literal["right", "stale", "remembered", "made_up", "abstained", "wrong", "unreadable", "failed"]

_THINKING = re.compile(r"(?s)^.*?</think(?:ing)?>|^\s*<think(?:ing)?>.*$")
_OPENING = re.compile(r"(?i)^.*?\b(?:final )?answer(?: is)?\s*:\s*|^(?:the )?answer is\s+")
_ABSTAINED = re.compile(r"(?i)\bnot[ _]found\b")
_WRAPPING = " \t\r\n\"'`*“”‘’«»"
_NUMBER = re.compile(r"(?<![\w.])-?(?:0[xob][0-9a-fA-F]+|(?:\d[\d_,]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)(?!\w|\.\d)")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
# What may stand around a name of an exception or a class where code is quoted.
_CODE_BEFORE = re.compile(r"^(?:raise|class)\s+")
_CODE_BEHIND = re.compile(r"\s*\([^()]*\)?:?$")
# Of a class, what stands in brackets may be the very answer.
_NOTHING_BEHIND = re.compile(r"\(\):?$")
# What is asked for of texts: up to three words of these.
_VALUE = re.compile(r"[\w.:/-]+(?: [\w.:/-]+){0,2}")
_QUOTED = re.compile(r"([\"'`“‘])(.+?)([\"'`”’])")
# Which passage it was read in is no answer.
_CITED = re.compile(r"(?i)\bpassages?\s+\[?\d+\]?|\[\d+(?:\s*[,;-]\s*\d+)*\]")
_BASED = re.compile(r"-?0[xob]")
# Kinds of questions that ask for one.
_NAMES = ("raises", "base", "two_hop")
_WORDS = {
    word: number
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
}
# An answer "only" is shorter; out of more text than this, what looks like one would be found by chance.
_LONGEST = 200


def judge(
    reply: str,
    *,
    kind: QuestionKind,
    question: str,
    answer: str | None,
    stale: Sequence[str] = (),
    remembered: str | None = None,
) -> Outcome:
    """What a reply is worth. answer: the right one, None for one that is not in the passages. stale: what older copies
    say. remembered: what the corpus itself says, where the passage was altered."""
    found = read_answer(reply, kind, question)
    if found is None:
        return "unreadable"
    if found == "":
        return "right" if answer is None else "abstained"
    if answer is None:
        return "made_up"
    if same(found, answer):
        return "right"
    if any(same(found, value) for value in stale):
        return "stale"
    if remembered is not None and same(found, remembered):
        return "remembered"
    return "wrong"


def read_answer(reply: str, kind: QuestionKind, question: str) -> str | None:
    """The answer in a reply, in its plain form; empty where it says that there is none, None where it can't be read."""
    # A model that only says the question again has answered nothing, least of all NOT FOUND.
    text = _THINKING.sub("", reply, count=1).replace(IF_UNKNOWN, "").strip()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("```")]
    marked = [line for line in lines if _OPENING.match(line)]
    # Said first and explained below is said.
    line = _OPENING.sub("", marked[-1], count=1) if marked else next(iter(lines), "")
    plain = _plain(line)
    if _ABSTAINED.match(plain):
        return ""
    if kind in _NAMES:
        behind = _CODE_BEHIND if kind == "raises" else _NOTHING_BEHIND
        plain = behind.sub("", _CODE_BEFORE.sub("", plain))
    if plain and _is_bare(plain, kind):
        return plain
    if NOT_FOUND in text[:_LONGEST]:
        return ""
    # "KeyError, if the key is not found" is an answer: only where nothing else looks like one are these words one.
    candidate = _only_candidate(line if marked else text, kind, question) if len(text) <= _LONGEST else None
    return "" if candidate is None and _ABSTAINED.search(text[:_LONGEST]) else candidate


def same(one: str, other: str) -> bool:
    """Whether two answers are the same: numbers by value, texts without their quotes, names by their last part where
    one of them has no more (`Empty` is `queue.Empty`)."""
    one, other = _plain(one), _plain(other)
    if one == other:
        return True
    first, second = _number(one), _number(other)
    if first is not None or second is not None:
        return first == second
    if _NAME.fullmatch(one) and _NAME.fullmatch(other):
        return one.endswith(f".{other}") or other.endswith(f".{one}")
    return False


def _plain(text: str) -> str:
    """Without what may stand around an answer."""
    text = text.strip(_WRAPPING)
    if text.endswith((".", ",", ";", "!")) and not text.endswith(".."):
        text = text[:-1]
    return text.strip(_WRAPPING)


def _number(text: str) -> float | None:
    """The value of a number, as people or Python write it; None for what is none."""
    if text.lower() in _WORDS:
        return float(_WORDS[text.lower()])
    if not _NUMBER.fullmatch(text):
        return None
    digits = text.replace(",", "").replace("_", "")
    try:
        return float(int(digits, 0)) if _BASED.match(digits) else float(digits)
    except (ValueError, OverflowError):
        return None


def _is_bare(plain: str, kind: QuestionKind) -> bool:
    """Whether this is nothing but an answer of the kind."""
    if kind == "count":
        return _number(plain) is not None
    if kind in _NAMES:
        return _NAME.fullmatch(plain) is not None
    if kind == "fact":
        return len(plain.split()) == 1
    return _number(plain) is not None or _VALUE.fullmatch(plain) is not None


def _only_candidate(text: str, kind: QuestionKind, question: str) -> str | None:
    """The one thing in a sentence that can be its answer and is not out of the question; None where there are more."""
    text = _CITED.sub(" ", text)
    quoted = {_plain(match[2]) for match in _QUOTED.finditer(text)}
    numbers = {match[0] for match in _NUMBER.finditer(text)}
    candidates = {"count": numbers, "default": numbers | quoted}.get(kind, quoted | _telling_names(text, kind))
    candidates = {_plain(found) for found in candidates} - {""}
    left = {found for found in candidates if not re.search(rf"(?<!\w){re.escape(found)}(?!\w)", question)}
    if kind == "count" and not left:
        left = {word for word in re.findall(r"[a-z]+", text.lower()) if word in _WORDS}
    return left.pop() if len(left) == 1 else None


def _telling_names(text: str, kind: QuestionKind) -> set[str]:
    """Names that no English word is: dotted, with an underscore, or with a capital inside."""
    if kind == "fact":
        return {match[0] for match in _NUMBER.finditer(text)}
    return {match[0] for match in _NAME.finditer(text) if re.search(r"[._]|[a-z][A-Z]|[A-Z]{2}", match[0])}
