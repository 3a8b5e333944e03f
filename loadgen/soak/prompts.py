"""What a soak sends: texts that follow from the soak's id, the window and the probe's name alone.

Prompts whose cache is asked about, and those whose latency is measured, open with a nonce of their own, so that nothing
but the probe itself can have warmed a cache for them, not even an earlier soak of the same scenario. What follows the
nonce is the same in every window, so that their sizes are.
"""

from random import Random

from loadgen.scenario.soak import SoakSpec
from loadgen.workloads.base import Turn
from loadgen.workloads.corpus import Corpus
from loadgen.workloads.fragments import escape_text, text_message
from loadgen.workloads.sizing import TextSizer

_REFERENCE = b"Answer with the help of this reference text.\\n\\n"
_INSTRUCTION = b"Explain to a beginner what this text says:\\n\\n"
_QUESTION = b"Say in one word what this is about:\\n\\n"
_QUESTION_CHARS = 160
# The answer is of no interest, and a model that thinks first is cut off: the prompt was read by then.
_CACHE_OUTPUT_TOKENS = 8


class Prompts:
    """One soak's."""

    def __init__(self, spec: SoakSpec, corpus: Corpus, *, soak: str, seed: int) -> None:
        """soak: its id. seed: the scenario's, which the passages follow from."""
        self._spec = spec
        self._corpus = corpus
        self._soak = soak
        self._seed = seed
        self._sizer = TextSizer()

    def cache(self, window: int, prefix: str, question: str) -> Turn:
        """A prompt of a shared start and a question. prefix, question: names of the one and the other."""
        spec = self._spec.cache
        chars = self._sizer.chars(spec.prefix_tokens)
        start = text_message(
            "system",
            self._nonce(window, prefix),
            _REFERENCE,
            self._corpus.escaped_passage(Random(f"soak {self._seed} prefix {prefix}"), chars),
        )
        asked = self._corpus.escaped_passage(Random(f"soak {self._seed} question {question}"), _QUESTION_CHARS)
        nonce = self._nonce(window, f"{prefix} {question}")
        return Turn((start, text_message("user", nonce, _QUESTION, asked)), output_tokens=_CACHE_OUTPUT_TOKENS)

    def output(self, name: str) -> Turn:
        """The prompt of a class, the same every time."""
        spec = self._spec.output
        return Turn((text_message("user", escape_text(spec.prompts[name])),), output_tokens=spec.max_tokens)

    def latency(self, window: int, place: int) -> Turn:
        """Request `place` of a window's."""
        spec = self._spec.latency
        chars = max(1, self._sizer.chars(spec.prompt_tokens) - len(_INSTRUCTION))
        passage = self._corpus.escaped_passage(Random(f"soak {self._seed} latency {place}"), chars)
        message = text_message("user", self._nonce(window, f"latency {place}"), _INSTRUCTION, passage)
        return Turn((message,), input_tokens=spec.prompt_tokens, output_tokens=spec.output_tokens)

    def _nonce(self, window: int, name: str) -> bytes:
        return b"%014x " % int(Random(f"{self._soak} {window} {name}").random() * 2**53)
