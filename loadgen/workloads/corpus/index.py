"""An index over a text that hands out passages in microseconds, as text or as escaped JSON.

Built by the corpus loader before the load starts, called by workloads between two timestamps of the engine: a passage
must cost a slice and a join. Escaping 400 kB anew takes 2 ms, joining what was escaped before 0.1 ms, so every block
is kept in both forms and only the two ends of a passage are escaped when it is asked for.
"""

import re
from random import Random

from loadgen.workloads.fragments import escape_text

# Long enough that a 400 kB passage is a join of 100 pieces, short enough that escaping the ends costs 10 µs.
_BLOCK_CHARS = 4096
_WORD_START = re.compile(r"\s(?=\S)")


class Corpus:
    """One text, cut into blocks; each block is kept as it is and as the inside of a JSON string.

    Memory: about twice the text's size in UTF-8 where it is ASCII. Immutable, so any number of sessions share it.
    """

    __slots__ = ("_blocks", "_escaped", "chars", "name")

    def __init__(self, name: str, text: str) -> None:
        """Index `text`, which must hold at least one character; `name` is what error messages call it."""
        if not text:
            raise ValueError("a corpus needs text")
        self.name = name
        self.chars = len(text)
        self._blocks = [text[at : at + _BLOCK_CHARS] for at in range(0, len(text), _BLOCK_CHARS)]
        self._escaped = [escape_text(block) for block in self._blocks]

    def passage(self, rng: Random, chars: int) -> str:
        """`chars` characters of contiguous text from a random word on; past the end it goes on at the beginning."""
        return "".join(self._walk_text(self._random_start(rng), chars))

    def escaped_passage(self, rng: Random, chars: int) -> bytes:
        """The passage that `passage` gives for the same random state, as the inside of a JSON string in UTF-8."""
        block, offset = divmod(self._random_start(rng), _BLOCK_CHARS)
        head = self._blocks[block][offset : offset + chars]
        pieces = [escape_text(head)]
        left = chars - len(head)
        while left > 0:
            block = (block + 1) % len(self._blocks)
            text = self._blocks[block]
            if left >= len(text):
                pieces.append(self._escaped[block])
            else:
                pieces.append(escape_text(text[:left]))
            left -= len(text)
        return b"".join(pieces)

    def text_at(self, start: int, chars: int) -> str:
        """`chars` characters from a given one on; past the end it goes on at the beginning."""
        return "".join(self._walk_text(start % self.chars, chars))

    def _walk_text(self, start: int, chars: int) -> list[str]:
        block, offset = divmod(start, _BLOCK_CHARS)
        pieces = [self._blocks[block][offset : offset + chars]]
        left = chars - len(pieces[0])
        while left > 0:
            block = (block + 1) % len(self._blocks)
            pieces.append(self._blocks[block][:left])
            left -= len(pieces[-1])
        return pieces

    def _random_start(self, rng: Random) -> int:
        """A random character's next word in its block, else the block's first word.

        In a block without spaces (some scripts write none) it is that character itself.
        """
        at = int(rng.random() * self.chars)
        block, offset = divmod(at, _BLOCK_CHARS)
        text = self._blocks[block]
        space = _WORD_START.search(text, max(0, offset - 1)) or _WORD_START.search(text)
        return at if space is None else block * _BLOCK_CHARS + space.end()
