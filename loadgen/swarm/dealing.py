"""Which worker holds which permit: a pure function, so that the master can deal anew whenever Locust has rebalanced."""

from collections.abc import Mapping


def deal_permits(
    total: int, counts: Mapping[str, int], held: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """Permit numbers 0..total-1 for each worker, as many as Locust has given it.

    counts: permits per worker as Locust spread them. held: the deal before, changed as little as the counts allow, so
    that sessions stay where they are. Where the counts do not add up to `total` (Locust is still at it), the numbers
    that are left go to the workers with the fewest, so that none is without a holder as long as there is a worker.
    """
    if not counts:
        return {}
    kept = {worker: [permit for permit in held.get(worker, ()) if permit < total] for worker in sorted(counts)}
    dealt = {worker: permits[: counts[worker]] for worker, permits in kept.items()}
    taken = {permit for permits in dealt.values() for permit in permits}
    for permit in range(total):
        if permit in taken:
            continue
        short = [worker for worker in dealt if len(dealt[worker]) < counts[worker]]
        # Round robin: the shortest first, so that every worker gets early and late arrivals alike.
        receiver = min(short or dealt, key=lambda worker: (len(dealt[worker]), worker))
        dealt[receiver].append(permit)
    return {worker: tuple(sorted(permits)) for worker, permits in dealt.items()}


def moved_permits(dealt: Mapping[str, tuple[int, ...]], held: Mapping[str, tuple[int, ...]]) -> set[int]:
    """The permits that a deal gives to a worker which did not hold them before."""
    return {permit for worker, permits in dealt.items() for permit in set(permits).difference(held.get(worker, ()))}
