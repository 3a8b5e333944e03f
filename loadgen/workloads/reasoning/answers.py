"""Finds the answer in a reply and says what it is worth. On the event loop: some microseconds for a long reply.

Strict: the answer stands in the form that was asked for, and nowhere else is looked. Lenient: wherever a person would
find it; what is right only so is a format failure.
"""

import re
from datetime import date
from typing import Literal

import msgspec

from loadgen.workloads.reasoning.phrasing import MARKER, Asked
from loadgen.workloads.reasoning.task import NOBODY, Form

Outcome = Literal["right", "wrong", "format", "cut_off", "failed"]

# What a reply ends with; a million characters of thinking aloud are not searched.
_TAIL_CHARS = 4000
_EMPHASIS = " \t*_`$"
_INTEGER = re.compile(r"[-−]?\d+")
_LOOSE_INTEGER = re.compile(r"(?<![\d.,])[-−]?(?:\d{1,3}(?:[,\u202f ]\d{3})+|\d+)(?:\.0+)?(?![\d]|[.,]\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_WORD = re.compile(r"[^\W\d_]+")
_LETTERS = re.compile(r"[A-Za-z]+")
_BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}")
# How LaTeX sets a word among formulas.
_SET = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\{([^{}]*)\}")
_KEY = re.compile(r'"answer"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+|\[[^\]]*\])')
_MARKER = re.compile(r"answer\s*[*_]*\s*:", re.IGNORECASE)
_JOINING = frozenset({"and", "und", "y"})
# What is said where NONE was asked for: right, and not in the form.
_NOBODY_SAID = frozenset({"nobody", "no one", "niemand", "keiner", "nadie", "ninguno"})


class Object(msgspec.Struct, forbid_unknown_fields=True):
    """What a JSON reply has to be."""

    answer: str | int


_DECODER = msgspec.json.Decoder(Object)


def strict(text: str, form: Form, asked: Asked) -> str | None:
    """The answer in the form asked for, as it is compared; None where the reply has none."""
    if asked == "json":
        try:
            return _value(str(_DECODER.decode(text.strip()).answer), form)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return None
    tail = text[-_TAIL_CHARS:]
    if asked == "boxed":
        found = _boxed(tail)
        return _value(found[-1], form) if found else None
    line = _last_line(tail)
    return _value(line[len(MARKER) :], form) if line.startswith(MARKER) else None


def lenient(text: str, form: Form) -> str | None:
    """The answer wherever it may stand: behind a marker, in a box, as JSON, on the last line; of numbers and dates the
    last one there is. None where nothing is found."""
    tail = text[-_TAIL_CHARS:]
    for candidate in (*_marked(tail), *reversed(_boxed(tail)), *reversed(_KEY.findall(tail)), _last_line(tail)):
        if (value := _loose_value(candidate, form)) is not None:
            return value
    pattern = {"integer": _LOOSE_INTEGER, "date": _DATE}.get(form)
    found = pattern.findall(tail) if pattern is not None else []
    return _loose_value(found[-1], form) if found else None


def judge(text: str, form: Form, asked: Asked, right: str, *, cut_off: bool) -> tuple[Outcome, str | None]:
    """What a reply is worth, and the answer found in it by either way. cut_off: it ended at its token limit."""
    value = strict(text, form, asked)
    if cut_off:
        # What stands on the last line so far may be half of a number.
        return "cut_off", lenient(text, form)
    if value is None:
        return "format", lenient(text, form)
    return ("right" if value == right else "wrong"), value


def _marked(tail: str) -> list[str]:
    """What follows the last marker, on its line."""
    places = list(_MARKER.finditer(tail))
    return [tail[places[-1].end() :].lstrip("* \n").partition("\n")[0]] if places else []


def _boxed(tail: str) -> list[str]:
    """What stands in boxes, without what sets it: a word in one is `\\text{Ada}`, a thousand `1{,}000`."""
    return [_SET.sub(r"\1", inside).replace("{,}", ",") for inside in _BOXED.findall(tail)]


def _last_line(tail: str) -> str:
    """The last line with anything on it, without what emphasises it."""
    return tail.rstrip().rpartition("\n")[2].strip(_EMPHASIS)


def _value(text: str, form: Form) -> str | None:
    """A value that is written as it was asked for; emphasis and a full stop at its end do no harm."""
    text = text.strip(_EMPHASIS).removesuffix(".").strip(_EMPHASIS)
    match form:
        case "integer":
            return str(int(text.replace("−", "-"))) if _INTEGER.fullmatch(text) and len(text) < 30 else None
        case "date":
            return text if _DATE.fullmatch(text) and _is_date(text) else None
        case "name":
            return text if _is_name(text) else None
        case "letters":
            return text if _LETTERS.fullmatch(text) and text.isupper() else None
        case "names":
            if text.upper() == NOBODY:
                return NOBODY
            names = [name.strip() for name in text.split(",")]
            return ", ".join(sorted(names)) if all(map(_is_name, names)) else None


def _loose_value(text: str, form: Form) -> str | None:
    """A value somewhere in a short text that is all answer."""
    if (exact := _value(text, form)) is not None:
        return exact
    match form:
        case "integer":
            found = _LOOSE_INTEGER.findall(text)
            digits = re.sub(r"[,\u202f ]", "", found[-1]).replace("−", "-").partition(".")[0] if found else ""
            return str(int(digits)) if 0 < len(digits) < 30 else None
        case "date":
            found = [day for day in _DATE.findall(text) if _is_date(day)]
            return found[-1] if found else None
        case "letters":
            joined = re.sub(r"[\s,\"'-]", "", text.strip(_EMPHASIS + ".")).upper()
            return joined if 2 <= len(joined) <= 12 and _LETTERS.fullmatch(joined) else None
        case "name" | "names":
            return _loose_names(text, form)


def _loose_names(text: str, form: Form) -> str | None:
    """Names that a short text consists of, whatever joins them; all of it in small letters is read too."""
    bare = text.strip(_EMPHASIS + ".").lower()
    if form == "names" and bare in _NOBODY_SAID:
        return NOBODY
    words = [word for word in _WORD.findall(text) if word.lower() not in _JOINING]
    if words and all(word.islower() for word in words):
        words = [word.capitalize() for word in words]
    if not words or not all(word[0].isupper() for word in words) or len(words) > 6:
        return None
    if form == "name":
        return words[0] if len(words) == 1 else None
    return ", ".join(sorted(words))


def _is_name(text: str) -> bool:
    return bool(_WORD.fullmatch(text)) and text[0].isupper() and text.lower() not in _NOBODY_SAID


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
