"""All questions that a workload may ask, each with the passages that look most like its answer.

Built once per worker: ranking a question takes too long to be done while the load runs.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from loadgen.errors import UsageError
from loadgen.scenario.long_context import QUESTION_KINDS, UNANSWERABLE_KINDS, LongContextSpec, QuestionKind
from loadgen.workloads.corpus import Document
from loadgen.workloads.long_context.boilerplate import BOILERPLATE, OPENING
from loadgen.workloads.long_context.code_facts import code_facts
from loadgen.workloads.long_context.facts import Fact
from loadgen.workloads.long_context.library import Library, WordIndex
from loadgen.workloads.long_context.ranking import Numbers, Ranking
from loadgen.workloads.long_context.text_facts import count_facts, sentence_facts

# As many of each kind as let a question return seldom; ranking them all takes about half a second.
_MOST_A_KIND = 80


class Question(Struct, frozen=True):
    """A fact, and the passages nearest to its question that do not settle it, nearest first."""

    fact: Fact
    nearest: Numbers


class Pool(Struct, frozen=True):
    """Questions by kind, at least one of each. missing: kinds that the corpus gives none of."""

    by_kind: Mapping[QuestionKind, Sequence[Question]]
    missing: tuple[QuestionKind, ...]


def build_pool(spec: LongContextSpec, documents: Sequence[Document], library: Library, most_noise: int) -> Pool:
    """Find the questions. most_noise: how many passages a prompt takes at most.

    Raises UsageError where the corpus has none of a kind that the scenario names, or none that it needs.
    """
    index = WordIndex(library.passages)
    found: dict[QuestionKind, list[Fact]] = {kind: [] for kind in QUESTION_KINDS}
    asked = spec.questions or QUESTION_KINDS
    if set(asked) & {"default", "raises", "base", "two_hop"}:
        for fact in code_facts(documents, library, index, _MOST_A_KIND):
            found[fact.kind].append(fact)
    if "fact" in asked:
        found["fact"] = sentence_facts(library, index, _MOST_A_KIND)
    if "count" in asked:
        around = "\n".join((*library.sources, *BOILERPLATE, OPENING))
        found["count"] = count_facts(library, index, _MOST_A_KIND, around)
    missing = tuple(kind for kind in asked if not found[kind])
    _refuse_missing(spec, missing, [kind for kind in QUESTION_KINDS if found[kind]])
    ranking = Ranking([passage.text for passage in library.passages])
    questions: dict[QuestionKind, list[Question]] = {}
    for kind in asked:
        for fact in found[kind]:
            nearest = ranking.nearest(fact.question, most_noise, {*fact.needed, *fact.rivals})
            questions.setdefault(kind, []).append(Question(fact, nearest))
    return Pool(questions, missing)


def _refuse_missing(spec: LongContextSpec, missing: Sequence[QuestionKind], there: Sequence[QuestionKind]) -> None:
    what = f"workload {spec.name}: corpus {spec.corpus}"
    accepted = f"it has {', '.join(there)}" if there else "it takes prose, or Python files for questions about code"
    if spec.questions is not None and missing:
        raise UsageError(f"{what} gives no questions of the kind {', '.join(missing)}; {accepted}")
    if not there:
        raise UsageError(f"{what} gives no questions; {accepted}")
    if spec.unanswerable > 0 and not set(there) & set(UNANSWERABLE_KINDS):
        raise UsageError(f"{what} gives no unanswerable questions ({accepted}); set unanswerable: 0")
