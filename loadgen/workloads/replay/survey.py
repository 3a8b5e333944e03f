"""Looks through a whole recording and says what is in it; nothing is sent.

Called by `loadgen trace`. Memory is bounded whatever the recording's size: values go into counts, blocks into a bitmap.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from loadgen.trace_figures import Arrivals, Reuse, Tally, TraceFigures
from loadgen.workloads.replay.agentic import AgenticRecording
from loadgen.workloads.replay.cache_tester import CacheTesterRecording
from loadgen.workloads.replay.flat import FlatRecording
from loadgen.workloads.replay.formats import open_recording
from loadgen.workloads.replay.messages import MessageRecording
from loadgen.workloads.replay.records import Mistakes, Request

# Block ids up to this are kept as one byte each, which grows with the largest id (64 MiB at most); others in a set.
_DENSE_IDS = 1 << 26
_SPARSE_IDS = 1 << 20
_TEXT_BLOCK_BYTES = 64
_MOST_STEPS = 4096
_SHOWN_STEPS = 60


def survey(path: Path, format_name: str = "auto") -> TraceFigures:
    """The figures of a recording. Bad lines are counted. Raises TraceError where it is no recording at all."""
    mistakes = Mistakes("skip")
    recording = open_recording(path, format_name, mistakes)
    look = _Look()
    if isinstance(recording, AgenticRecording | MessageRecording):
        _text(recording, look, _size_bytes(path))
    else:
        _lengths(recording, look)
    starts = recording.starts()
    if starts is not None:
        look.starts(starts)
    return TraceFigures(
        path=str(path),
        format=recording.format,
        sessions=len(recording),
        requests=look.requests,
        sub_agents=look.sub_agents,
        skipped=mistakes.skipped,
        first_mistakes=tuple(mistakes.first),
        empty=mistakes.empty,
        duration_s=look.duration_s,
        turns=look.turns.spread(),
        input_tokens=look.inputs.spread(),
        output_tokens=look.outputs.spread(),
        prompt_bytes=look.prompt_bytes.spread(),
        gaps_s=look.gaps.spread(),
        waits_s=look.waits.spread(),
        quantum_s=look.quantum_s(),
        arrivals=look.rate.arrivals() if starts is not None else None,
        reuse=look.reuse(),
        notes=tuple(look.notes),
    )


class _Look:
    """What has been seen so far."""

    def __init__(self) -> None:
        self.requests = 0
        self.sub_agents = 0
        self.duration_s: float | None = None
        self.turns, self.inputs = Tally(whole=True), Tally(whole=True)
        self.outputs, self.prompt_bytes = Tally(whole=True), Tally(whole=True)
        self.gaps, self.waits, self._steps = Tally(), Tally(), Tally()
        self.rate = _Rate()
        self.notes: list[str] = []
        self._hits = 0
        self._total = 0
        self._by: str | None = None
        self._block_tokens: int | None = None
        self._distinct = 0

    def starts(self, starts: Iterator[float]) -> None:
        """The gaps between sessions."""
        for before, after in pairwise(starts):
            self.gaps.add(after - before)
            if after > before:
                self._steps.add(after - before)

    def quantum_s(self) -> float | None:
        """The usual step of timestamps most of which repeat the one before."""
        if self.gaps.n < 100 or self._steps.n > self.gaps.n / 2:
            return None
        spread = self._steps.spread()
        return None if spread is None else spread.p50

    def prompt(self, hits: int, total: int, by: str, block_tokens: int | None = None, new_blocks: int = 0) -> None:
        """How much of a prompt had been sent before."""
        self._by, self._block_tokens = by, block_tokens
        self._hits += hits
        self._total += total
        self._distinct += new_blocks

    def reuse(self) -> Reuse | None:
        if self._by is None or not self._total:
            return None
        distinct = self._distinct if self._block_tokens is not None else None
        return Reuse(self._hits / self._total, self._by, self._total, self._block_tokens, distinct)

    def forget_reuse(self, why: str) -> None:
        """Reuse can't be told; the prompts seen so far don't count either."""
        self._by, self._total = None, 0
        self.notes.append(why)


class _Rate:
    """Requests over time, in steps that double whenever there get to be too many."""

    def __init__(self) -> None:
        self._step_s = 1 / 64
        self._origin_s: float | None = None
        self._counts = np.zeros(_MOST_STEPS, dtype=np.int64)
        self._last = 0

    def add(self, at_s: float) -> float:
        """Count a request; the seconds since the first one."""
        if self._origin_s is None:
            self._origin_s = at_s
        since_s = max(0.0, at_s - self._origin_s)
        while since_s >= self._step_s * _MOST_STEPS:
            self._counts[: _MOST_STEPS // 2] = self._counts.reshape(-1, 2).sum(axis=1)
            self._counts[_MOST_STEPS // 2 :] = 0
            self._step_s *= 2
            self._last //= 2
        step = int(since_s / self._step_s)
        self._counts[step] += 1
        self._last = max(self._last, step)
        return since_s

    def arrivals(self) -> Arrivals | None:
        """At most 60 steps; None for nothing."""
        if self._origin_s is None:
            return None
        together = -(-(self._last + 1) // _SHOWN_STEPS)
        counts = [int(self._counts[at : at + together].sum()) for at in range(0, self._last + 1, together)]
        return Arrivals(self._step_s * together, tuple(counts))


class _Blocks:
    """Which block ids have been seen."""

    def __init__(self) -> None:
        self._dense = np.zeros(1024, dtype=np.bool_)
        self._sparse: set[int] = set()

    def run(self, hash_ids: Sequence[int]) -> tuple[int, int] | None:
        """(leading ids seen before, ids new); None where there are too many different ones to remember."""
        try:
            ids = np.array(hash_ids, dtype=np.int64)
        except OverflowError:
            return self._sparse_run(hash_ids)
        top = int(ids.max())
        if top >= _DENSE_IDS or int(ids.min()) < 0:
            return self._sparse_run(hash_ids)
        if top >= len(self._dense):
            grown = np.zeros(min(_DENSE_IDS, max(2 * len(self._dense), top + 1)), dtype=np.bool_)
            grown[: len(self._dense)] = self._dense
            self._dense = grown
        known = self._dense[ids]
        before = int(np.count_nonzero(known))
        leading = len(ids) if before == len(ids) else int(known.argmin())
        self._dense[ids] = True
        return leading, len(ids) - before

    def _sparse_run(self, hash_ids: Sequence[int]) -> tuple[int, int] | None:
        before = len(self._sparse)
        leading = next((at for at, one in enumerate(hash_ids) if one not in self._sparse), len(hash_ids))
        self._sparse.update(hash_ids)
        return None if len(self._sparse) > _SPARSE_IDS else (leading, len(self._sparse) - before)


def _lengths(recording: FlatRecording | CacheTesterRecording, look: _Look) -> None:
    scope, blocks, told = -1, _Blocks(), True
    clocked = recording.starts() is not None
    for session in range(len(recording)):
        contexts = [recording.requests(session)]
        first = True
        while contexts:
            turns, before = 0, None
            for request in contexts.pop():
                turns += 1
                look.requests += 1
                look.inputs.add(request.input_tokens)
                look.outputs.add(request.output_tokens)
                if clocked:
                    look.duration_s = max(look.duration_s or 0.0, look.rate.add(request.at_s))
                if before is not None and before.busy_s is not None:
                    look.waits.add(max(0.0, request.at_s - before.at_s - before.busy_s))
                before = request
                contexts += [child.requests for child in request.beside]
                look.sub_agents += len(request.beside)
                if request.scope != scope:
                    scope, blocks = request.scope, _Blocks()
                if told and request.hash_ids:
                    told = _count_blocks(request, recording.block_tokens, blocks, look)
            if first:
                look.turns.add(turns)
                first = False


def _count_blocks(request: Request, block_tokens: int, blocks: _Blocks, look: _Look) -> bool:
    seen = blocks.run(request.hash_ids or ())
    if seen is None:
        look.forget_reuse(f"reuse is not told: more than {_SPARSE_IDS} different blocks with scattered ids")
        return False
    leading, new = seen
    tokens = request.input_tokens
    look.prompt(min(leading * block_tokens, tokens), tokens, "tokens", block_tokens, new)
    return True


def _size_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())


class _TextBlocks:
    """Which beginnings of prompts have been sent, in blocks of bytes, as a server's cache keeps blocks of tokens."""

    def __init__(self, block_bytes: int) -> None:
        self._block_bytes = block_bytes
        self._seen: set[int] = set()
        self._chain, self._rest, self.size, self._known, self._unbroken = 0, b"", 0, 0, True

    def session(self) -> None:
        """Another conversation begins."""
        self._chain, self._rest, self.size, self._known = 0, b"", 0, 0

    def add(self, pieces: Iterable[bytes]) -> None:
        """The prompt goes on with these."""
        for piece in pieces:
            text, block = self._rest + piece, self._block_bytes
            whole = len(text) // block * block
            for at in range(0, whole, block):
                self._chain = hash((self._chain, text[at : at + block]))
                self._unbroken = self._unbroken and self._chain in self._seen
                self._known += block if self._unbroken else 0
                self._seen.add(self._chain)
            self._rest = text[whole:]
            self.size += len(piece)

    def known(self) -> int:
        """How many leading bytes of the prompt had been sent before; from now on all of it has."""
        known, self._known, self._unbroken = self._known, self.size - len(self._rest), True
        return known


def _text(recording: AgenticRecording | MessageRecording, look: _Look, size_bytes: int) -> None:
    # 64 bytes are about the 16 tokens of vLLM's blocks; of large recordings larger ones, so that a million are enough.
    blocks = _TextBlocks(max(_TEXT_BLOCK_BYTES, 1 << (size_bytes // _SPARSE_IDS).bit_length()))
    for session in range(len(recording)):
        script = recording.script(session)
        turns, counted = 0, 0
        blocks.session()
        while (step := script.next_step()) is not None:
            if not turns and script.tools is not None:
                blocks.add([script.tools])  # chat templates put them in front of everything
            blocks.add(script.messages[counted : step.answer_at])
            turns += 1
            look.requests += 1
            counted = step.answer_at
            look.prompt_bytes.add(blocks.size)
            look.prompt(blocks.known(), blocks.size, "bytes")
            if step.delay_s:  # 0 is what a pause that was not recorded is taken for
                look.waits.add(step.delay_s)
        look.turns.add(turns)
