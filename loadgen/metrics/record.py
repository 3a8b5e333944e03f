"""One line of records.jsonl: everything measured on one turn, in seconds from the run's start; and lines, compressed.

Made by the recorder. The field names are a contract with the tools that read the file (docs/metrics.md).
"""

import zlib

import msgspec

from loadgen.marks import Marks
from loadgen.prices import Rates

# 32 KiB of record lines at gzip level 1 hold the loop for about 0.4 ms.
_BLOCK_BYTES = 32 * 1024
_GZIP_WBITS = 31


# Holds nothing that could refer back to it, so the garbage collector need not look at it.
class Record(msgspec.Struct, frozen=True, gc=False):
    """One turn. *_s are seconds; intended_s to end_s are offsets from the run's start, the others durations.

    A None was not measured. Gap quantiles are nearest rank over this turn's gaps, None below 2 (p50) or 100 (p99);
    of a reply of over 4,096 chunks within 0.1 %. itl_bins: the gaps counted by length, [bin, count, bin, count, ...],
    bins of `gap_bins`; None where there are none. tool_call_s: from the first tool-call chunk to the last, absent where
    none came as chunks. marks: what the workload found of the answer, absent where it does not score; and rates: with
    them, what a million tokens cost as the turn ended, as `Rates` has them, absent where there are no prices.
    """

    run: str
    session: str
    turn: int
    workload: str
    stage: str
    worker: str
    intended_s: float
    taken_s: float
    send_s: float | None
    first_output_s: float | None
    end_s: float
    connect_s: float | None
    ttft_s: float | None
    ttfo_s: float | None
    tpot_s: float | None
    e2e_s: float
    service_ttft_s: float | None
    service_e2e_s: float | None
    chunks: int
    itl_p50_s: float | None
    itl_p99_s: float | None
    itl_max_s: float | None
    itl_bins: list[int] | None
    reads: int
    input_tokens_asked: int | None
    input_tokens: int | None
    output_tokens_asked: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    finish_reason: str | None
    outcome: str
    status: int | None
    error: str | None
    tool_calls: int
    tool_wait_s: float | None
    reconnects: int
    attempts: int
    cost: float | None
    tool_call_s: float | msgspec.UnsetType = msgspec.UNSET
    rates: Rates | msgspec.UnsetType = msgspec.UNSET
    marks: Marks | msgspec.UnsetType = msgspec.UNSET


class RecordLines:
    """Record lines, compressed a block at a time as they come.

    Not all of a snapshot's a block a loop turn: on a saturated loop a turn takes 10 ms, thousands of requests a second
    brought more lines meanwhile than were got rid of, reports came late, and a worker's memory grew with its requests.
    """

    __slots__ = ("_block", "_packed", "_packer")

    def __init__(self) -> None:
        self._block = bytearray()
        self._packed = bytearray()
        self._packer: zlib._Compress | None = None

    def open_block(self) -> bytearray:
        """The buffer to append the next line to; good for one line."""
        if len(self._block) >= _BLOCK_BYTES:
            self._pack()
        return self._block

    def gzip_member(self) -> bytes:
        """One complete gzip member of all lines, empty for none. No line may be added after it."""
        if self._block:
            self._pack()
        if self._packer is None:
            return b""
        self._packed += self._packer.flush()
        return bytes(self._packed)

    def _pack(self) -> None:
        if self._packer is None:
            self._packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP_WBITS)
        self._packed += self._packer.compress(self._block)
        self._block.clear()
