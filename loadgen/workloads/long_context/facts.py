"""What is asked: a question, its answer, and the passages that decide it.

A fact is made from the corpus by program (`code_facts`, `text_facts`), never by a model, and only where the passages
named here settle it: whoever builds a prompt from a fact must keep its `rivals` out.
"""

from msgspec import Struct

from loadgen.scenario.long_context import QuestionKind

INSTRUCTIONS: dict[QuestionKind, str] = {
    "default": "Answer with the value only.",
    "raises": "Answer with the name only.",
    "base": "Answer with the name only.",
    "fact": "Answer with the word or number only.",
    "two_hop": "Answer with the name only.",
    "count": "Answer with the number only.",
}
NOT_FOUND = "NOT FOUND"
IF_UNKNOWN = f"If the passages do not say, answer: {NOT_FOUND}"


class Fact(Struct, frozen=True):
    """One question with its answer.

    passage: the one that decides it. start, end: where in its text the value stands that is the answer. others: values
    that could as well stand there, for copies that say something else; none where nothing can be put there. also: the
    other passages that are needed. rivals: passages that could answer it too, or contradict it. word: what a count
    counts.
    """

    kind: QuestionKind
    question: str
    answer: str
    passage: int
    start: int = 0
    end: int = 0
    others: tuple[str, ...] = ()
    also: tuple[int, ...] = ()
    rivals: frozenset[int] = frozenset()
    word: str | None = None

    @property
    def needed(self) -> tuple[int, ...]:
        """All passages that the answer takes."""
        return (self.passage, *self.also)

    @property
    def prompt(self) -> str:
        """The question and how it is to be answered, as it stands in a prompt."""
        return f"Question: {self.question}\n{INSTRUCTIONS[self.kind]} {IF_UNKNOWN}"
