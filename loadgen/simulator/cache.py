"""The KV cache of the simulated engine: one pool of blocks, shared by running sequences and by kept prefixes.

A full block is known by a hash chained over everything before it, so equal hashes mean equal prefixes. Blocks of
running sequences are pinned; unpinned ones stay until their room is needed, the least recently used first.
Called by batching.py; knows no clock: who calls `forget` says what time it is.

With `whole_units` it follows DeepSeek's rule (its page on context caching): what is kept are whole prefixes, which end
where a prompt or an answer ended, or where two requests were seen to part. So after A+B, A+C hits nothing but shows
that A is shared, and A+D hits A. The first kind its caller knows (tokens.py), for it may end inside of a block.
"""

from collections import OrderedDict
from collections.abc import Sequence


class BlockCache:
    """`capacity` blocks in all. Costs a few dictionary operations a block and never looks at one twice."""

    def __init__(self, capacity: int, *, whole_units: bool = False) -> None:
        self.capacity = capacity
        self._unit_ends: set[int] | None = set() if whole_units else None
        self._pins: dict[int, int] = {}
        # Since when nobody has held a block; in that order, so that the oldest stands first.
        self._idle: OrderedDict[int, float] = OrderedDict()
        self._now_s = 0.0
        self._private = 0

    @property
    def pinned(self) -> int:
        """Blocks that running sequences hold, shared ones counted once."""
        return len(self._pins) + self._private

    @property
    def kept(self) -> int:
        """Blocks that nobody holds and a later request may hit."""
        return len(self._idle)

    def forget(self, now_s: float, lifetime_s: float) -> None:
        """It is now this late: drop blocks that nobody has held for longer than their lifetime."""
        self._now_s = now_s
        idle = self._idle
        while idle and next(iter(idle.values())) < now_s - lifetime_s:
            self._drop_oldest()

    def hits(self, hashes: Sequence[int], unit: int = 0) -> int:
        """How many leading blocks of `hashes` can be used. unit: so many of them are a whole prefix known before."""
        shared, ends = self.shared(hashes), self._unit_ends
        if ends is None:
            return shared
        usable, least = shared, unit if unit <= shared else 0
        while usable > least and hashes[usable - 1] not in ends:
            usable -= 1
        return usable

    def part(self, hashes: Sequence[int]) -> None:
        """A request with these blocks came: where it parts from what is known, a unit ends."""
        if self._unit_ends is not None and (shared := self.shared(hashes)):
            self._unit_ends.add(hashes[shared - 1])

    def shared(self, hashes: Sequence[int]) -> int:
        """How many leading blocks of `hashes` are in the cache, of whatever unit."""
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
            self._drop_oldest()
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
                self._idle[block] = self._now_s
        self._private -= private

    def _drop_oldest(self) -> None:
        evicted, _ = self._idle.popitem(last=False)
        if self._unit_ends is not None:
            self._unit_ends.discard(evicted)
