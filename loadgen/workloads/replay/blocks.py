"""Prompts from the ids of prefix-cache blocks: equal ids give equal bytes, and a prompt has the length recorded.

Called by the sessions that play recordings of lengths. Every word here has four letters and a space before it, and is
one token to the tokenizers it was tried on (SmolLM2's, DeepSeek's, the simulator's), so that a block of 512 tokens is
512 tokens to the server and falls on its own blocks. Words of one width also make a prompt a few gathers of numpy: a
prompt of 100k tokens costs 0.3 ms, where drawing its words one by one takes 20 ms.
"""

from collections.abc import Sequence
from random import Random

import numpy as np
import numpy.typing as npt

from loadgen.workloads.fragments import text_message

# fmt: off
_WORDS = (
    " able acid aged area away baby back ball band bank base bath bear beat been beer bell belt bird bond born bowl"
    " bulk call came card case cast chip city coal coat code come cool cope cost crop data dean debt deny desk diet"
    " disc disk done door dose down drew drug duke dust duty each easy edge ever evil exit fact fail fall farm fast"
    " fate fear feed feel feet film fire fish five flow foot fort four from gain game gate gear gene girl give gold"
    " gone gray grey grow half hand hard harm hate head held hell help high hire home hope host hour huge hung idea"
    " inch into iron join jury keen kept kick kind know lack lady lake land last late left lift list load loan lock"
    " long look love luck made make male mark mass meal meet menu mere mile milk mill mind mine miss mode mood more"
    " most must name news next nice nine nose note okay once only oral page palm park past path peak pick pink plan"
    " plot plus pool port post rare rent rich ride ring rock roll roof rose rule rush safe sake same sand save seat"
    " seek seen self sell shop side sign site size slow snow soft soil sole sort stay step stop such suit tale talk"
    " tend than them then took tool town trip true tune turn type used user vast wall want wave weak week west"
    " what when wild wine wise wish with wood word work yard yeah year your zero"
)
# fmt: on
_WIDTH = 5
_KEY_WORDS = 8  # one for each byte of a key: two blocks of different keys differ within their first 8 tokens
_PASSAGES = 64
_MASK = (1 << 64) - 1
# Odd, so that multiplying by them maps 64 bits onto themselves one to one (Knuth, Fibonacci hashing; Vigna, splitmix).
_ID_FACTOR = 0x9E3779B97F4A7C15
_SCOPE_FACTOR = 0xBF58476D1CE4E5B9
_OWN_SCOPE = 0x5851F42D4C957F2D


class BlockText:
    """Text for one recording. The same (block_tokens, seed) gives the same text in every process."""

    __slots__ = ("_block_tokens", "_pairs", "_passages", "_salt")

    def __init__(self, block_tokens: int, seed: int) -> None:
        """block_tokens: what one id of the recording stands for; more than 8. Another seed gives other text."""
        if block_tokens <= _KEY_WORDS:
            raise ValueError(f"a block needs more than {_KEY_WORDS} tokens")
        self._block_tokens = block_tokens
        words = np.frombuffer(_WORDS.encode(), np.uint8).reshape(-1, _WIDTH)
        rng = Random(f"text of blocks, seed {seed}")
        self._salt = int(rng.random() * 2**53)
        rest = block_tokens - _KEY_WORDS
        drawn = [[int(rng.random() * len(words)) for _ in range(rest)] for _ in range(_PASSAGES)]
        self._passages = _as_items(words[np.array(drawn, dtype=np.intp).reshape(_PASSAGES, rest)])
        numbers = np.arange(1 << 16)
        self._pairs = _as_items(words[np.stack((numbers & 0xFF, numbers >> 8), axis=1)])

    def message(self, hash_ids: Sequence[int], tokens: int, *, scope: int, own: int) -> bytes:
        """A user message of `tokens` tokens: the blocks of `hash_ids`, cut short or followed by text of its own.

        scope: blocks of different scopes have nothing in common. own: names the text beyond the last block; the same
        number goes on with the same words, however many are asked for.
        """
        whole = -(-tokens // self._block_tokens)
        shared = self._blocks(self._keys(hash_ids[:whole], scope))[: tokens * _WIDTH]
        left = tokens - len(shared) // _WIDTH
        if left <= 0:
            return text_message("user", shared)
        return text_message("user", shared, self._own(own, left))

    def _own(self, own: int, tokens: int) -> bytes:
        numbers = np.arange(-(-tokens // self._block_tokens), dtype=np.uint64)
        keys = numbers + np.uint64((own * _ID_FACTOR + _OWN_SCOPE + self._salt) & _MASK)
        return self._blocks(keys * np.uint64(_SCOPE_FACTOR))[: tokens * _WIDTH]

    def _keys(self, hash_ids: Sequence[int], scope: int) -> npt.NDArray[np.uint64]:
        try:
            ids = np.array(hash_ids, dtype=np.uint64)
        except (OverflowError, ValueError):
            ids = np.array([hash_id & _MASK for hash_id in hash_ids], dtype=np.uint64)
        return ids * np.uint64(_ID_FACTOR) + np.uint64((scope * _SCOPE_FACTOR + self._salt) & _MASK)

    def _blocks(self, keys: npt.NDArray[np.uint64]) -> bytes:
        if not len(keys):
            return b""
        head_bytes = _KEY_WORDS * _WIDTH
        text = np.empty((len(keys), self._block_tokens * _WIDTH), dtype=np.uint8)
        digits = keys.astype("<u8").view("<u2")
        text[:, :head_bytes] = self._pairs.take(digits).view(np.uint8).reshape(len(keys), head_bytes)
        chosen = ((keys >> np.uint64(32)) % np.uint64(_PASSAGES)).astype(np.intp)
        text[:, head_bytes:] = self._passages.take(chosen).view(np.uint8).reshape(len(keys), -1)
        return text.tobytes()


def _as_items(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.void]:
    """An array of one opaque item a row: numpy copies such items whole, 14 times as fast as their bytes one by one."""
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
    return flat.view(f"V{flat.shape[1]}").reshape(-1)
