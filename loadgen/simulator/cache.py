"""The KV cache of the simulated engine: one pool of blocks, shared by running sequences and by kept prefixes.

A full block is known by a hash chained over everything before it, so equal hashes mean equal prefixes. Blocks of
running sequences are pinned; unpinned ones stay until their room is needed, the least recently used first.
Called by batching.py; knows nothing of time.
"""

from collections import OrderedDict
from collections.abc import Sequence


class BlockCache:
    """`capacity` blocks in all. Costs a few dictionary operations a block and never looks at one twice."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._pins: dict[int, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()
        self._private = 0

    @property
    def pinned(self) -> int:
        """Blocks that running sequences hold, shared ones counted once."""
        return len(self._pins) + self._private

    @property
    def kept(self) -> int:
        """Blocks that nobody holds and a later request may hit."""
        return len(self._idle)

    def hits(self, hashes: Sequence[int]) -> int:
        """How many leading blocks of `hashes` are in the cache."""
        pins, idle = self._pins, self._idle
        for count, block in enumerate(hashes):
            if block not in pins and block not in idle:
                return count
        return len(hashes)

    def admit(self, shared: Sequence[int], private: int) -> bool:
        """Pin `shared` (blocks that are in the cache) and reserve `private` new ones; False if there is no room.

        Evicts unpinned blocks as needed. Where it returns False nothing has changed.
        """
        waking = sum(1 for block in shared if block in self._idle)
        if self.pinned + waking + private > self.capacity:
            return False
        for block in shared:
            if block in self._idle:
                del self._idle[block]
            self._pins[block] = self._pins.get(block, 0) + 1
        self._private += private
        while self.pinned + len(self._idle) > self.capacity:
            self._idle.popitem(last=False)
        return True

    def commit(self, computed: Sequence[int]) -> None:
        """Turn reserved blocks into ones that others can hit; a block computed twice is kept once."""
        for block in computed:
            self._idle.pop(block, None)
            self._pins[block] = self._pins.get(block, 0) + 1
        self._private -= len(computed)

    def release(self, held: Sequence[int], private: int) -> None:
        """Unpin `held` and give back `private` reserved blocks. The end of a prefix is evicted before its start."""
        for block in reversed(held):
            count = self._pins[block] - 1
            if count:
                self._pins[block] = count
            else:
                del self._pins[block]
                self._idle[block] = None
        self._private -= private
