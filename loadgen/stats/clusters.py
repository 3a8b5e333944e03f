"""What the correlation within sessions leaves of a sample: the design effect and the effective number of observations.

A session's turns are alike (one prompt, one user, one slow replica), so 1,000 turns in 10 sessions tell less than 1,000
sessions do. Everything here works on the ratio sum(hits) / sum(sizes) over sessions: the share of turns (or gaps) that
lie below a limit, failed, or were good. docs/statistics.md has the formulas and how they were tested.
"""

import math

import numpy as np
import numpy.typing as npt

from loadgen.stats.binomial import t_of, z_of

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
Hits = npt.NDArray[np.float64] | npt.NDArray[np.int64]


def per_cluster(hits: npt.NDArray[np.bool_], clusters: I32) -> tuple[F64, F64]:
    """Hits and sizes of each cluster that has any observation, from one entry an observation."""
    sizes = np.bincount(clusters)
    held = np.bincount(clusters, weights=hits, minlength=len(sizes))
    some = sizes > 0
    return held[some].astype(np.float64), sizes[some].astype(np.float64)


def equal_sized_sessions(sizes: Hits) -> float:
    """As many sessions of equal size as these tell (Kish 1965): the effective n if the turns of a session are all one."""
    total = float(np.sum(sizes))
    return total * total / float(np.dot(sizes, sizes)) if total > 0 else 0.0


def design_effect(hits: Hits, sizes: Hits) -> float:
    """The variance of sum(hits) / sum(sizes), taken by session, over that of as many independent observations; >= 1.

    hits: F64[sessions], sizes: F64[sessions], of which hits <= sizes. The variance is that of a ratio, by linearization
    (Cochran 1977, 6.4). Where there are no hits, nothing but hits, or one session, nothing can be seen of how alike the
    turns of a session are: then they are taken to be all one, which gives n / equal-sized sessions.
    """
    hits, sizes = _present(hits, sizes)
    n = float(sizes.sum())
    worst = n / equal_sized_sessions(sizes) if n > 0 else 1.0
    share = float(hits.sum()) / n if n > 0 else 0.0
    if len(sizes) < 2 or not 0.0 < share < 1.0:
        return worst
    spread = hits - share * sizes
    clustered = len(sizes) / (len(sizes) - 1) * float(np.dot(spread, spread)) / n**2
    return max(1.0, clustered * (n - 1) / (share * (1 - share)))


def degrees_of_freedom(hits: Hits, sizes: Hits) -> float:
    """How many degrees of freedom the clustered variance has: sessions - 1, fewer where a few sessions make it up.

    By the second moment of the squared residuals, as Satterthwaite (1946) did for sums of unequal variances: with hits
    in h of many sessions it comes to about 2 h.
    """
    hits, sizes = _present(hits, sizes)
    if len(sizes) < 2:
        return 0.0
    squares = (hits - float(hits.sum()) / float(sizes.sum()) * sizes) ** 2
    total = float(squares.sum())
    scatter = float(np.dot(squares, squares)) - total * total / len(squares)
    most = len(squares) - 1.0
    return most if scatter <= 0 or total <= 0 else min(most, 2 * total * total / scatter)


def effective_n(hits: Hits, sizes: Hits, confidence: float = 0.95) -> float:
    """As many independent observations as these clustered ones tell, at this confidence.

    n over the design effect, and less where that effect was estimated from few sessions or few hits: by the square of
    normal over Student's t, as Korn and Graubard (1998) do for proportions from surveys. Binomial arithmetic at this
    number gives the interval. Never below what it would be if each session had one turn, unless the estimated design
    effect itself is worse (long sessions that are all hits).
    """
    hits, sizes = _present(hits, sizes)
    n = float(sizes.sum())
    if n <= 0:
        return 0.0
    plain = n / design_effect(hits, sizes)
    degrees = degrees_of_freedom(hits, sizes)
    if degrees <= 0:
        return plain
    adjusted = plain * (z_of(confidence) / t_of(confidence, degrees)) ** 2
    return max(adjusted, min(plain, equal_sized_sessions(sizes)))


def _present(hits: Hits, sizes: Hits) -> tuple[F64, F64]:
    """Those of sessions with any observation, as floats."""
    held, count = np.asarray(hits, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    some = count > 0
    return held[some], count[some]


def blocks_of(times_s: F64, most: int = 32) -> I32:
    """Observations put into at most `most` blocks that follow each other in time, of equal numbers as near as may be.

    A queue that builds up makes the turns of all sessions slow at once: clustering by block sees that, by session not.
    """
    order = np.argsort(times_s, kind="stable")
    blocks = np.empty(len(times_s), dtype=np.int32)
    count = max(1, min(most, math.isqrt(len(times_s))))
    blocks[order] = np.arange(len(times_s)) * count // max(1, len(times_s))
    return blocks
