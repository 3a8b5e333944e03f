"""What the correlation within sessions leaves of a sample: the design effect and the effective number of observations.

A session's turns are alike (one prompt, one user, one slow replica), so 1,000 turns in 10 sessions tell less than 1,000
sessions do. Everything here works on the ratio sum(hits) / sum(sizes) over sessions: the share of turns (or gaps) that
lie below a limit, failed, or were good. docs/statistics.md has the formulas and how they were tested.
"""

import numpy as np
import numpy.typing as npt

from loadgen.stats.batches import FEWEST_BATCHES, batch_means, batch_means_in_stages, degrees_of_squares
from loadgen.stats.binomial import t_of, z_of

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
# At 5, runs of 30 sessions, a tenth of them slow and long, covered p50 and p90 in 81 and 87 % (docs/statistics.md).
_GRANTED_SESSIONS = 10.0

Hits = npt.NDArray[np.float64] | npt.NDArray[np.int64]


def equal_sized_sessions(sizes: Hits) -> float:
    """As many sessions of equal size as these tell (Kish 1965): the effective n if a session's turns are all one."""
    total = float(np.sum(sizes))
    return total * total / float(np.dot(sizes, sizes)) if total > 0 else 0.0


def design_effect(hits: Hits, sizes: Hits) -> float:
    """The variance of sum(hits) / sum(sizes), taken by session, over that of as many independent observations; >= 1.

    hits: F64[sessions], sizes: F64[sessions], of which hits <= sizes. The variance is that of a ratio, by linearization
    (Cochran 1977, 6.4). Not below what so few sessions can't rule out: a kind that is a tenth of all sessions is
    missing from 10 of them one time in three, so that 10 count as one observation each whatever they show; of 100 an
    intra-class correlation of 0.1 is taken for granted, of 1,000 one of 0.01. Where there are no hits, or nothing but
    hits, nothing can be seen of how alike a session's turns are: then they are taken to be all one.
    """
    hits, sizes = _present(hits, sizes)
    if len(sizes) == 0:
        return 1.0
    alike = float(sizes.sum()) / equal_sized_sessions(sizes)
    share = float(hits.sum()) / float(sizes.sum())
    if len(sizes) < 2 or not 0.0 < share < 1.0:
        return alike
    granted = 1 + (alike - 1) * min(1.0, _GRANTED_SESSIONS / len(sizes))
    return max(1.0, granted, _effect_of(hits, sizes))


def _effect_of(hits: F64, sizes: F64) -> float:
    """The ratio of the variances alone, where there are hits but not only hits; 0 for a single cluster."""
    hits, sizes = _present(hits, sizes)
    if len(sizes) < 2:
        return 0.0
    n = float(sizes.sum())
    share = float(hits.sum()) / n
    spread = hits - share * sizes
    clustered = len(sizes) / (len(sizes) - 1) * float(np.dot(spread, spread)) / n**2
    return clustered * (n - 1) / (share * (1 - share))


def degrees_of_freedom(hits: Hits, sizes: Hits) -> float:
    """How many degrees of freedom the clustered variance has: sessions - 1, fewer where a few sessions make it up.

    With hits in h of many sessions it comes to about h (`batches.degrees_of_squares`).
    """
    hits, sizes = _present(hits, sizes)
    if len(sizes) < 2:
        return 0.0
    return degrees_of_squares((hits - float(hits.sum()) / float(sizes.sum()) * sizes) ** 2)


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


def effective_n_of_turns(
    hits: Hits, sizes: Hits, sessions: I32, times_s: F64, confidence: float = 0.95, stages: I32 | None = None
) -> float:
    """As many independent observations as these turns tell, that correlate within their sessions and in time.

    One row a turn, in any order: hits of sizes (1 for a turn itself, or the gaps of a turn), its session as a small
    number, when it was due. A queue that builds up makes the turns of all sessions slow at once, which sessions can't
    show and stretches of time can. The variances by session and by stretch are added, less that of what is of one
    session and one stretch and would count twice (Cameron, Gelbach and Miller 2011). stages: the stage of each turn
    where the load has several; the step from one to the next is no chance, and not counted as correlation in time.
    """
    by_session = effective_n(*_sums(hits, sizes, sessions), confidence)
    n = float(sizes.sum())
    share = float(hits.sum()) / n if n > 0 else 0.0
    if not 0.0 < share < 1.0 or len(sizes) < FEWEST_BATCHES:
        return by_session
    order = np.argsort(times_s, kind="stable")
    spread = np.asarray(hits - share * sizes, dtype=np.float64)[order]
    found = batch_means(spread) if stages is None else batch_means_in_stages(spread, stages[order])
    stretch = np.empty(len(order), dtype=np.int64)
    stretch[order] = np.arange(len(order)) * found.count // len(order)
    within_both = np.unique(sessions.astype(np.int64) * found.count + stretch, return_inverse=True)[1]
    session_effect = _effect_of(*_sums(hits, sizes, sessions))
    time_effect = (found.error * len(sizes)) ** 2 / (n * share * (1 - share))
    both = session_effect + time_effect - _effect_of(*_sums(hits, sizes, within_both))
    effect = max(1.0, session_effect, time_effect, both)
    return min(by_session, n / effect * (z_of(confidence) / t_of(confidence, found.degrees)) ** 2)


def _sums(hits: Hits, sizes: Hits, clusters: npt.NDArray[np.integer]) -> tuple[F64, F64]:
    count = int(clusters.max()) + 1 if len(clusters) else 0
    held, of = np.zeros(count), np.zeros(count)
    np.add.at(held, clusters, hits)
    np.add.at(of, clusters, sizes)
    return held, of


def _present(hits: Hits, sizes: Hits) -> tuple[F64, F64]:
    """Those of sessions with any observation, as floats."""
    held, count = np.asarray(hits, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    some = count > 0
    return held[some], count[some]
