"""Looks answers up in passages, by plain rules: one for each way to ask of docs/long-context.md.

Called by reading.py. A rule finds what the passages say; which of it a model sees or believes is not decided here.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from loadgen.simulator.passages import Passage, Passages

_NUMBER = r"-?\s?(?:0[xXoObB][0-9a-fA-F_]+|(?:\d[\d_]*)?\.?\d[\d_]*\.?(?:[eE][+-]?\d+)?)"
_LITERAL = rf"""(?P<value>[rRuUbB]?'[^'\n]*'|[rRuUbB]?"[^"\n]*"|{_NUMBER})"""
# On a line of its own, or behind what decides about it.
_BEFORE = r"[ \t]*(?:(?:if|else|elif|except|for|while|with)\b.*:[ \t]*)?"
_RAISED = re.compile(rf"{_BEFORE}raise[ \t]+(?P<value>[A-Za-z_][\w.]*)")
_STRING = re.compile(r'(?s)[rRbBuU]?""".*?"""|[rRbBuU]?\'\'\'.*?\'\'\'')
_GAP = "____"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one passage says in answer to a question."""

    passage: Passage
    value: str


def default_value(parameter: str, function: str, source: str, passages: Passages) -> Sequence[Finding]:
    """Default values of a parameter, by the definitions of the function in the source."""
    opening = re.compile(rf"\bdef[ \t]+{re.escape(function)}[ \t]*\(")
    value = re.compile(rf"(?<![\w.]){re.escape(parameter)}[ \t]*(?::[^=\n]*?)?[ \t]*=[ \t]*{_LITERAL}")
    read = partial(_default, value)
    return _found(passages, source, function, opening, read)


def raised(function: str, source: str, passages: Passages) -> Sequence[Finding]:
    """Exceptions that the function's body raises."""
    opening = re.compile(rf"(?m)^[ \t]*(?:async[ \t]+)?def[ \t]+{re.escape(function)}[ \t]*\(")
    return _found(passages, source, function, opening, _first_raise)


def base_class(name: str, source: str | None, passages: Passages) -> Sequence[Finding]:
    """Base classes of a class, in one source or, with None, in any."""
    opening = re.compile(rf"(?m)^[ \t]*class[ \t]+{re.escape(name)}[ \t]*\(")
    value = re.compile(r"\s*(?P<value>[A-Za-z_][\w.]*)\s*\)")
    return _found(passages, source, name, opening, value.match)


def gap(sentence: str, source: str, passages: Passages) -> Sequence[Finding]:
    """What stands in the sentence at the gap; its spaces may be line breaks in the text."""
    before, _, after = sentence.partition(_GAP)
    pattern = re.compile(rf"{_spaced(before)}(?P<value>\d[\d,]*\d|\w+){_spaced(after)}")
    findings = []
    for passage in passages.holding(max(re.findall(r"\w+", sentence.replace(_GAP, " ")), key=len), source):
        if found := pattern.search(passages.text(passage)):
            findings.append(Finding(passage, found["value"]))
    return _by_age(findings)


def occurrences(word: str, passages: Passages) -> Sequence[Finding]:
    """Every passage with the word; the value of each is its source."""
    return [Finding(passage, passage.source) for passage in passages.holding(word)]


def _found(
    passages: Passages,
    source: str | None,
    name: str,
    opening: re.Pattern[str],
    read: Callable[[str, int], "re.Match[str] | None"],
) -> Sequence[Finding]:
    """What is read behind the first opening in each passage that has the name at all."""
    findings = []
    for passage in passages.holding(name, source):
        text = passages.text(passage)
        for start in opening.finditer(text):
            if value := read(text, start.end()):
                findings.append(Finding(passage, value["value"].strip()))
                break
    return _by_age(findings)


def _by_age(findings: list[Finding]) -> Sequence[Finding]:
    return sorted(findings, key=lambda finding: finding.passage.date)


def _closing(text: str, at: int) -> int:
    """Where the bracket that opened just before `at` is closed; the text's end where it is cut off before."""
    depth, quote = 1, ""
    for position in range(at, len(text)):
        sign = text[position]
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
            if not depth:
                return position
    return len(text)


def _default(value: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    """The value among the parameters that begin at `at`."""
    return value.search(text, at, _closing(text, at))


def _first_raise(text: str, at: int) -> re.Match[str] | None:
    """The first raise of a function's body, which ends where a line is indented no deeper than its `def`.

    at: where its parameters begin.
    """
    line_start = text.rfind("\n", 0, at) + 1
    own = len(text[line_start:at]) - len(text[line_start:at].lstrip())
    body_at = _closing(text, at) + 1
    for line in _code_lines(text[body_at:]):
        if line.strip() and not line.lstrip().startswith("#") and len(line) - len(line.lstrip()) <= own:
            return None
        if found := _RAISED.match(line):
            return found
    return None


def _code_lines(text: str) -> Iterator[str]:
    """The lines below the one that the text begins in, long strings left out: they can talk of raising too."""
    yield from _STRING.sub('""', text).split("\n")[1:]


def _spaced(text: str) -> str:
    """A pattern for a text in which any white space may be any other."""
    return r"\s+".join(map(re.escape, re.split(r"\s+", text)))
