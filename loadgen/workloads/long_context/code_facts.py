"""Questions about Python code, read out of its syntax tree: a default value, a raised exception, a base class.

Only names that are defined once in their file are asked about, and only where one passage holds all that the answer
takes and says it once: then leaving that passage out, or changing the value in it, leaves nothing to disagree. The same
name in another file is noise of the best kind.
"""

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from zlib import crc32

from msgspec import Struct

from loadgen.scenario.long_context import QuestionKind
from loadgen.workloads.corpus import Document
from loadgen.workloads.long_context.answers import same
from loadgen.workloads.long_context.facts import Fact
from loadgen.workloads.long_context.library import Library, Passage, WordIndex

# A syntax tree takes 0.4 s a megabyte, and so much gives more questions than a run has.
_MOST_CODE = 1_500_000
_MOST_CODE_A_FILE = 300_000
_OTHERS = 4
_DEFINED = re.compile(r"(?m)^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)")
_CLASS = re.compile(r"(?m)^[ \t]*class[ \t]+(\w+)")
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
# A guess would often be right about these.
_GUESSABLE = ("0", "1", "-1", "0.0", "1.0", "2")


class _Site(Struct, frozen=True):
    """Where a value stands: what defines it, and the stretch of the document that shows it beyond doubt."""

    kind: QuestionKind
    document: int
    name: str
    parameter: str | None
    shown: tuple[int, int]
    value: tuple[int, int]


def code_facts(documents: Sequence[Document], library: Library, index: WordIndex, most: int) -> list[Fact]:
    """Up to `most` facts of each kind, in a fixed order that mixes the files."""
    sites = list(_sites(documents))
    values: dict[str, list[str]] = {}
    for site in sites:
        text = documents[site.document].text[slice(*site.value)]
        values.setdefault(_sort_of(site, text), []).append(text)
    pools = {sort: list(dict.fromkeys(texts)) for sort, texts in values.items()}
    facts: list[Fact] = []
    made: Counter[QuestionKind] = Counter()
    bases: dict[str, Fact] = {}
    for site in sites:
        if site.kind != "base" and made[site.kind] >= most:
            continue
        fact = _fact(site, documents, library, index, pools)
        if fact is None:
            continue
        if fact.kind == "base":
            bases[site.name] = fact
        if made[site.kind] < most:
            made[site.kind] += 1
            facts.append(fact)
    classes = Counter(name for document in documents for name in _CLASS.findall(_code(document)))
    known = {name: fact for name, fact in bases.items() if classes[name] == 1}
    return facts + _two_hops(known, library, index)[:most]


def _two_hops(bases: dict[str, Fact], library: Library, index: WordIndex) -> list[Fact]:
    """From a class to its base to that one's base. bases: of classes whose names no other class of the corpus has."""
    found: list[Fact] = []
    for name, first in bases.items():
        second = bases.get(first.answer)
        if second is None or second.passage == first.passage or second.answer == name:
            continue
        source = library.sources[library.passages[first.passage].document]
        needed = {first.passage, second.passage}
        found.append(
            Fact(
                kind="two_hop",
                question=f"What is the base class of the base class of class '{name}' in {source}?",
                answer=second.answer,
                passage=second.passage,
                start=second.start,
                end=second.end,
                others=second.others,
                also=(first.passage,),
                rivals=(first.rivals | second.rivals | index.passages(name, _last(second.answer))) - needed,
            )
        )
    return found


def _fact(
    site: _Site, documents: Sequence[Document], library: Library, index: WordIndex, pools: dict[str, list[str]]
) -> Fact | None:
    """The site as a question; None where no passage holds all of it, or where it says more than it should."""
    passage = library.around(site.document, *site.shown)
    if passage is None:
        return None
    text = documents[site.document].text
    if not re.search(rf"\b(def|class) {site.name}\(", text[slice(*site.shown)]):
        return None  # spaced in a way that few would look for
    answer = text[slice(*site.value)]
    start, end = site.value[0] - passage.start, site.value[1] - passage.start
    if _says_it_again(site, passage, answer, start, end):
        return None
    source = library.sources[site.document]
    question, clue = {
        "default": (
            f"What is the default value of parameter '{site.parameter}' of function '{site.name}' in {source}?",
            site.parameter or "",
        ),
        "raises": (f"Which exception does function '{site.name}' in {source} raise?", _last(answer)),
        "base": (f"What is the base class of class '{site.name}' in {source}?", _last(answer)),
    }[site.kind]
    others = _others(pools[_sort_of(site, answer)], answer, passage.text, seed=site.name)
    if len(others) < _OTHERS:
        return None
    rivals = {
        number
        for number in index.passages(site.name, clue) | _tellers(site, answer, library, index)
        if library.passages[number].document == site.document
    } - {passage.number}
    return Fact(site.kind, question, answer, passage.number, start, end, others, rivals=frozenset(rivals))


def _tellers(site: _Site, answer: str, library: Library, index: WordIndex) -> set[int]:
    """Passages that speak of a parameter and say its default without naming the function: a docstring behind a cut."""
    if site.parameter is None:
        return set()
    value = answer.strip("'\"")
    texts = ((number, library.passages[number].text) for number in index.passages(site.parameter))
    return {number for number, text in texts if value in text or "default" in text.lower()}


def _says_it_again(site: _Site, passage: Passage, answer: str, start: int, end: int) -> bool:
    """Whether the passage holds the value once more, so that changing it in one place would contradict the other."""
    rest = f"{passage.text[:start]} {passage.text[end:]}"
    if site.parameter is None:
        return re.search(rf"\b{re.escape(_last(answer))}\b", rest) is not None
    parameter = re.compile(rf"\b{re.escape(site.parameter)}\b")
    return any(
        parameter.search(line) and ("default" in line.lower() or answer in line) for line in rest.splitlines()
    ) or (len(answer) > 2 and answer in rest)


def _others(pool: Sequence[str], answer: str, text: str, seed: str) -> tuple[str, ...]:
    """Values of other sites of the kind that could stand there and are not in the passage; the same for a name."""
    at = crc32(seed.encode()) % len(pool)
    taken: list[str] = []
    for value in (*pool[at:], *pool[:at]):
        alike = any(same(value, other) or _last(value) == _last(other) for other in (answer, *taken))
        if not alike and value not in text:
            taken.append(value)
        if len(taken) == _OTHERS:
            break
    return tuple(taken)


def _sort_of(site: _Site, value: str) -> str:
    """Which values can stand for each other."""
    if site.kind == "default":
        return "text" if value.startswith(("'", '"')) else "number"
    return site.kind


def _last(name: str) -> str:
    return name if name[:1] in "\"'-0123456789" else name.rpartition(".")[2]


def _sites(documents: Sequence[Document]) -> Iterator[_Site]:
    """Everything that could be asked about, of so many files as are worth it."""
    order = sorted(range(len(documents)), key=lambda number: crc32(documents[number].source.encode()))
    read = 0
    for number in order:
        code = _code(documents[number])
        if not code or len(code) > _MOST_CODE_A_FILE or "\r" in code or "\f" in code:
            continue
        read += len(code)
        if read > _MOST_CODE:
            break
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # a template, or another Python's: prose for all we know
        place = _Places(code)
        defined = Counter(_DEFINED.findall(code))
        for node in _statements(tree):
            if isinstance(node, ast.ClassDef) and defined[node.name] == 1:
                yield from _bases(node, number, place)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and defined[node.name] == 1:
                yield from _defaults(node, number, place)
                yield from _raised(node, number, place)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements inside, at any depth. Without the expressions, which are nine nodes of ten: ast.walk took 4 s."""
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        for inner in getattr(node, field, ()):
            yield inner
            yield from _statements(inner)


def _leaving(node: ast.AST) -> Iterator[ast.AST]:
    """The statements whose exceptions leave the function: none of a function or class inside of it, none that is tried
    and could be caught."""
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        if field == "body" and isinstance(node, ast.Try | ast.TryStar) and node.handlers:
            continue
        for inner in getattr(node, field, ()):
            yield inner
            if not isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _leaving(inner)


def _code(document: Document) -> str:
    return document.text if document.source.endswith(".py") else ""


class _Places:
    """From the syntax tree's lines and bytes to characters of the text."""

    def __init__(self, code: str) -> None:
        self._lines = code.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self._at(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._at(node.end_lineno, node.end_col_offset)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        return self.start(node), self.end(node)

    def _at(self, line: int, column: int) -> int:
        text = self._lines[line - 1]
        characters = column if text.isascii() else len(text.encode()[:column].decode("utf-8", "replace"))
        return self._starts[line - 1] + characters


def _defaults(node: ast.FunctionDef | ast.AsyncFunctionDef, document: int, place: _Places) -> Iterator[_Site]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaulted = list(zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True))
    defaulted += [
        (name, value) for name, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value
    ]
    if not defaulted:
        return
    shown = place.start(node), max(place.end(value) for _, value in defaulted) + 1
    for name, value in defaulted:
        if _is_askable(value):
            yield _Site("default", document, node.name, name.arg, shown, place.span(value))


def _is_askable(node: ast.expr) -> bool:
    """A number or a short text that is not everybody's guess."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    if not isinstance(node, ast.Constant) or node.lineno != node.end_lineno:
        return False
    value = node.value
    if isinstance(value, str):
        # No prefix, no pieces, no escapes: what stands there is the value in its quotes.
        plain = node.end_col_offset is not None and node.end_col_offset - node.col_offset == len(value.encode()) + 2
        short = 2 <= len(value) <= 30 and len(value.split()) <= 3
        return plain and short and re.fullmatch(r"[\w.:/ -]*\w[\w.:/ -]*", value) is not None
    return type(value) in (int, float) and repr(value) not in _GUESSABLE


def _raised(node: ast.FunctionDef | ast.AsyncFunctionDef, document: int, place: _Places) -> Iterator[_Site]:
    raises = [inner for inner in _statements(node) if isinstance(inner, ast.Raise | ast.Assert)]
    if len(raises) != 1 or not any(inner is raises[0] for inner in _leaving(node)):
        return
    what = raises[0].exc if isinstance(raises[0], ast.Raise) else None
    if what is None:
        return
    name = what.func if isinstance(what, ast.Call) else what
    if _dotted(name) is None or not (_dotted(name) or "").rpartition(".")[2][:1].isupper():
        return
    # To the function's end, for what follows might raise as well.
    yield _Site("raises", document, node.name, None, (place.start(node), place.end(node)), place.span(name))


def _bases(node: ast.ClassDef, document: int, place: _Places) -> Iterator[_Site]:
    if len(node.bases) != 1 or node.keywords or _dotted(node.bases[0]) in (None, "object"):
        return
    shown = place.start(node), place.end(node.bases[0]) + 2
    yield _Site("base", document, node.name, None, shown, place.span(node.bases[0]))


def _dotted(node: ast.expr) -> str | None:
    written = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
    return written if _NAME.fullmatch(written) else None
