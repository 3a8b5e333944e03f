"""The ways to put one task: six written ones, and five that are made of the plain one.

Called by workload.py when it is built. Every phrasing holds every fact; only the form of the answer differs between
`plain` and `json` or `boxed`, only the order between `plain` and `reordered`, and so on, so that one thing is blamed.
"""

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Literal

from loadgen.scenario.reasoning import Phrasing
from loadgen.workloads.reasoning.task import Form, Style, Task, one_of, shuffled

# How the answer is asked for: a last line, a JSON object and nothing else, or within \boxed{}.
Asked = Literal["line", "json", "boxed"]
MARKER = "ANSWER:"
_STYLES: Mapping[Phrasing, Style] = {
    "terse": "terse",
    "wordy": "wordy",
    "formal": "formal",
    "german": "german",
    "spanish": "spanish",
}
_ENGLISH: Mapping[Form, str] = {
    "integer": "one whole number in digits, without a unit",
    "date": "the date as YYYY-MM-DD",
    "names": "their names in alphabetical order with commas between them, or NONE",
    "name": "one name",
    "letters": "the letters without spaces",
}
_WHAT: Mapping[Style, Mapping[Form, str]] = {
    "german": {
        "integer": "einer ganzen Zahl in Ziffern, ohne Einheit",
        "date": "dem Datum in der Form YYYY-MM-DD",
        "names": "den Namen in alphabetischer Reihenfolge mit Kommas dazwischen, oder NONE",
        "name": "einem Namen",
        "letters": "den Buchstaben ohne Leerzeichen",
    },
    "spanish": {
        "integer": "un número entero en cifras, sin unidad",
        "date": "la fecha en la forma YYYY-MM-DD",
        "names": "los nombres en orden alfabético separados por comas, o NONE",
        "name": "un nombre",
        "letters": "las letras sin espacios",
    },
}
_LAST_LINE: Mapping[Style, str] = {
    "plain": "End your reply with a last line that is ANSWER: followed by {what}.",
    "terse": "Last line: ANSWER: and {what}.",
    "wordy": "Feel free to think about it for as long as you like, but please see to it that your reply ends with "
    "one last "
    "line that reads ANSWER: followed by {what}.",
    "formal": "The final line of the reply shall consist of ANSWER: followed by {what}.",
    "german": "Beende die Antwort mit einer letzten Zeile, die aus ANSWER: gefolgt von {what} besteht.",
    "spanish": "Termina la respuesta con una última línea que sea ANSWER: seguido de {what}.",
}
_JSON = 'Reply with one JSON object and nothing else; its only key is "answer", and the value is {what}.'
_BOXED = "Write the result at the end of your reply as \\boxed{{}}, with {what} inside the braces."
# Of the words that may have a slip, this share does; a word keeps its first and last letter.
_SLIPS, _FEWEST_SLIPS = 0.25, 3
_LEAST_LETTERS = 5
# A slip in this one could make it another word that changes the task.
_KEPT = frozenset({"three"})


def asked_form(phrasing: Phrasing) -> Asked:
    """How this phrasing wants the answer written."""
    return phrasing if phrasing in ("json", "boxed") else "line"


def put(task: Task, phrasing: Phrasing, *, seed: int) -> str:
    """The user's message. The same task, phrasing and seed give the same words."""
    rng = Random(f"{task.id} as {phrasing}, seed {seed}")
    style = _STYLES.get(phrasing, "plain")
    words = task.family.words[style]
    facts = [words.facts[fact.sentence].format(**fact.values) for fact in task.facts]
    if phrasing == "reordered":
        facts = _reordered(facts, rng)
    if phrasing == "irrelevant":
        for aside in task.family.asides:
            facts.insert(int(rng.random() * (len(facts) + 1)), aside)
    opening, question = words.opening.format(**task.asked), words.question.format(**task.asked)
    between = "\n- " if style == "formal" else " "
    told = between.join([opening, *facts])
    told = f"{told}\n{question}"
    if phrasing == "typos":
        told = _slipped(told, task.given, rng)
    return f"{told}\n{_form_wanted(task.family.form, phrasing, style)}"


def _form_wanted(form: Form, phrasing: Phrasing, style: Style) -> str:
    what = _WHAT.get(style, _ENGLISH)[form]
    template = {"json": _JSON, "boxed": _BOXED}.get(asked_form(phrasing), _LAST_LINE[style])
    return template.format(what=what)


def _reordered(facts: Sequence[str], rng: Random) -> list[str]:
    """The facts in another order than the plain one."""
    while (order := shuffled(rng, facts)) == list(facts):
        pass
    return order


def _slipped(text: str, given: frozenset[str], rng: Random) -> str:
    """Slips of the pen, in lower-case words alone: never in a number, a name, or any value that matters."""
    words = re.split(r"(\s)", text)
    places = [place for place, word in enumerate(words) if _may_slip(word, given)]
    for place in shuffled(rng, places)[: max(_FEWEST_SLIPS, round(_SLIPS * len(places)))]:
        words[place] = _slip(words[place], rng)
    return "".join(words)


def _may_slip(word: str, given: frozenset[str]) -> bool:
    return len(word) >= _LEAST_LETTERS and word.isalpha() and word.islower() and word not in given | _KEPT


def _slip(word: str, rng: Random) -> str:
    """Two neighbours swapped, one letter left out or one doubled."""
    at = 1 + int(rng.random() * (len(word) - 3))
    kind = one_of(rng, ("swap", "drop", "double"))
    if kind == "swap" and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + word[at + 1 :] if kind == "drop" else word[: at + 1] + word[at:]
