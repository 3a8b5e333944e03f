"""What a scenario says of a `long_context` workload: questions about real documents, with the answer somewhere inside.

The grid is context_tokens x depth x noise; docs/long-context.md has what each key does to a prompt.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from loadgen.scenario.fields import Count, Label, PositiveCount, PositiveNumber, Problem, Share, Text, refuse
from loadgen.scenario.sizes import MOST_TOKENS, Constant, Part, Seconds, Size, TimeSize, some

QuestionKind = Literal["default", "raises", "base", "fact", "two_hop", "count"]
QUESTION_KINDS: tuple[QuestionKind, ...] = ("default", "raises", "base", "fact", "two_hop", "count")
# Of these an unanswerable one can be made: the passage that answers it is left out.
UNANSWERABLE_KINDS: tuple[QuestionKind, ...] = ("default", "raises", "base", "fact")

# What a passage's header, the question and the instructions take, and a passage to ask about beside one to hide it in.
_FEWEST_TOKENS = 200


def _as_list(value: Any) -> Any:
    """One value is a list of one; what is neither is left to its field."""
    return some(list(value)) if isinstance(value, list | tuple) else [value]


def _distinct(values: tuple[Any, ...]) -> bool:
    return len(set(values)) == len(values)


ContextTokens = Annotated[Count, Field(ge=_FEWEST_TOKENS, le=MOST_TOKENS)]


class LongContextSpec(Part):
    """Questions about passages of a corpus, each answered by one of them (or by several, or by none).

    context_tokens, depth, noise: the grid. depth: where the passage with the answer stands, 0 first, 1 last. noise: the
    share of the other passages that look like it. questions: None for all that the corpus gives. unanswerable: the
    share of questions whose passage is left out. stale: older copies with another value, per question. altered: the
    share of questions whose passage got another value, so that knowing the text by heart does not help. duplicates,
    boilerplate: shares of the noise. turns: questions about the same passages. shared_prefix: tokens in front that are
    the same in all sessions.
    """

    kind: Literal["long_context"] = "long_context"
    name: Label
    weight: PositiveNumber = 1.0
    context_tokens: Annotated[tuple[ContextTokens, ...], BeforeValidator(_as_list)] = (4000,)
    depth: Annotated[tuple[Share, ...], BeforeValidator(_as_list)] = (0.1, 0.5, 0.9)
    noise: Annotated[tuple[Share, ...], BeforeValidator(_as_list)] = (0.7,)
    corpus: Text = "python-source"
    questions: Annotated[tuple[QuestionKind, ...], BeforeValidator(_as_list)] | None = None
    unanswerable: Share = 0.2
    stale: Annotated[Count, Field(le=20)] = 1
    altered: Share = 0.5
    duplicates: Share = 0.05
    boilerplate: Share = 0.05
    passage_chars: Annotated[Count, Field(ge=200, le=20_000)] = 1000
    turns: Annotated[PositiveCount, Field(le=20)] = 1
    think_time: TimeSize = Constant[Seconds](constant=0)
    output_tokens: Size | None = None
    shared_prefix: Annotated[Count, Field(le=MOST_TOKENS)] = 0

    @model_validator(mode="after")
    def _consistent(self) -> "LongContextSpec":
        problems = [
            Problem((key,), "has a value twice; accepted: each once")
            for key in ("context_tokens", "depth", "noise", "questions")
            if not _distinct(getattr(self, key) or ())
        ]
        if self.duplicates + self.boilerplate > 1:
            what = f"with duplicates comes to {self.duplicates + self.boilerplate:g} of the noise; accepted: up to 1"
            problems.append(Problem(("boilerplate",), what))
        asked = self.questions or QUESTION_KINDS
        if self.unanswerable > 0 and not set(asked) & set(UNANSWERABLE_KINDS):
            what = f"none of these kinds can be; accepted: 0, or one of {', '.join(UNANSWERABLE_KINDS)} among them"
            problems.append(Problem(("unanswerable",), what))
        shortest = min(self.context_tokens, default=0)
        if self.shared_prefix and self.shared_prefix + _FEWEST_TOKENS > shortest:
            what = f"leaves under {_FEWEST_TOKENS} tokens of the shortest context ({shortest}); accepted: less"
            problems.append(Problem(("shared_prefix",), what))
        least = (self.shared_prefix * 4 + (3 + self.stale) * (self.passage_chars + 40)) // 4
        if least > shortest:
            what = f"{shortest} tokens hold no {3 + self.stale} passages of {self.passage_chars} characters; accepted: "
            problems.append(Problem(("context_tokens",), f"{what}{least} and more, or smaller passage_chars"))
        refuse("long_context", problems)
        return self
