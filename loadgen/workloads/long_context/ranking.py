"""The passages that a lexical search finds closest to a question: BM25, by the library bm25s.

Asked while the workload is built, never while it runs: a question over 6,000 passages takes about a millisecond.
"""

import logging
from collections.abc import Sequence, Set

import bm25s
import numpy as np
import numpy.typing as npt

from loadgen.workloads.long_context.library import WORD

Numbers = npt.NDArray[np.int32]


class Ranking:
    """An index over the texts of passages, in their order."""

    def __init__(self, texts: Sequence[str]) -> None:
        # It writes what it does to the console.
        logging.getLogger("bm25s").setLevel(logging.WARNING)
        self._index = bm25s.BM25()
        # One object a word and not one a place: of 60 MB of text these would take half a gigabyte.
        words: dict[str, str] = {}
        tokens = [[words.setdefault(word, word) for word in _words(text)] or [""] for text in texts]
        self._index.index(tokens, show_progress=False)
        self._count = len(texts)

    def nearest(self, question: str, most: int, without: Set[int]) -> Numbers:
        """The numbers of up to `most` passages, nearest first, that share a word with the question."""
        scores = np.asarray(self._index.get_scores(_words(question)), dtype=np.float32)
        scores[list(without)] = 0.0
        most = min(most, int(np.count_nonzero(scores > 0)))
        if most == 0:
            return np.empty(0, dtype=np.int32)
        # By number where scores are equal, so that every worker finds the same.
        found = np.lexsort((np.arange(self._count), -scores))[:most]
        return found.astype(np.int32)


def _words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]
