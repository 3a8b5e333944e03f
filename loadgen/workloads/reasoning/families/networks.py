"""Ways and money between places: the shortest route, balances after transfers."""

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from random import Random

from loadgen.workloads.reasoning.task import NAMES, Drawn, Fact, Family, Words, one_of, shuffled, some_of, whole

_TOWNS = ("Arlen", "Brint", "Colm", "Dray", "Esk", "Fenn", "Gorse", "Hale")
Roads = Mapping[tuple[str, str], int]


def shortest(roads: Roads, start: str, end: str) -> int | None:
    """The length of the shortest way (Dijkstra 1959); None where there is none."""
    best = {start: 0}
    line = [(0, start)]
    while line:
        so_far, town = heappop(line)
        if town == end:
            return so_far
        for other, length in _onward(roads, town):
            if so_far + length < best.get(other, so_far + length + 1):
                best[other] = so_far + length
                heappush(line, (best[other], other))
    return None


def _onward(roads: Roads, town: str) -> Iterator[tuple[str, int]]:
    for (one, other), length in roads.items():
        if town in (one, other):
            yield other if town == one else one, length


def _route(rng: Random) -> Drawn:
    towns = some_of(rng, _TOWNS, 6)
    pairs = [(one, other) for place, one in enumerate(towns) for other in towns[place + 1 :]]
    # A chain through all towns, so that each is reached, and four roads more; the ends are not neighbours.
    chain = list(pairwise(towns))
    more = [pair for pair in shuffled(rng, pairs) if pair not in chain and pair != (towns[0], towns[-1])][:4]
    roads = {pair: whole(rng, 3, 25) for pair in (*chain, *more)}
    facts = tuple(Fact("road", {"one": one, "other": other, "km": km}) for (one, other), km in roads.items())
    least = shortest(roads, towns[0], towns[-1])
    assert least is not None
    detours = [
        shortest({pair: km for pair, km in roads.items() if pair != left}, towns[0], towns[-1]) for left in roads
    ]
    second = min((way for way in detours if way is not None and way > least), default=least + 2)
    return Drawn(facts, {"start": towns[0], "end": towns[-1]}, str(least), str(second))


ROUTE = Family(
    "route",
    "integer",
    _route,
    {
        "plain": Words(
            "Towns are joined by roads that can be travelled both ways.",
            {"road": "The road between {one} and {other} is {km} km long."},
            "How many km long is the shortest way from {start} to {end}?",
        ),
        "terse": Words("Roads, both ways, in km.", {"road": "{one}-{other}: {km}."}, "Shortest {start} to {end}, km?"),
        "wordy": Words(
            "Whoever travels in that part of the country has only a handful of roads to choose from, all of which "
            "can be "
            "taken in either direction.",
            {"road": "Between {one} and {other} there is a road on which one has to go {km} km."},
            "Somebody who is in {start} and would like to get to {end} with as little travelling as can be: how many "
            "km "
            "have to be gone?",
        ),
        "formal": Words(
            "A road network with bidirectional connections is given:",
            {"road": "Connection {one} to {other}: length {km} km."},
            "Determine the length, in km, of the shortest path from {start} to {end}.",
        ),
        "german": Words(
            "Orte sind durch Straßen verbunden, die in beide Richtungen befahren werden können.",
            {"road": "Die Straße zwischen {one} und {other} ist {km} km lang."},
            "Wie viele km lang ist der kürzeste Weg von {start} nach {end}?",
        ),
        "spanish": Words(
            "Unos pueblos están unidos por carreteras que se pueden recorrer en ambos sentidos.",
            {"road": "La carretera entre {one} y {other} mide {km} km."},
            "¿Cuántos km mide el camino más corto de {start} a {end}?",
        ),
    },
    ("The region has 70,000 people.", "The oldest bridge is 210 years old.", "A bus ticket costs 3 coins."),
)


def balances(opening: Mapping[str, int], transfers: Sequence[tuple[str, str, int]], *, refuses: bool) -> dict[str, int]:
    """What everybody has after these transfers (from, to, coins). refuses: nobody gives more than they have."""
    held = dict(opening)
    for source, target, coins in transfers:
        if refuses and coins > held[source]:
            continue
        held[source] -= coins
        held[target] += coins
    return held


def _ledger(rng: Random) -> Drawn:
    names = some_of(rng, NAMES, 3)
    while True:
        opening = {name: whole(rng, 10, 60) for name in names}
        transfers: list[tuple[str, str, int]] = []
        for _ in range(5):
            source, target = some_of(rng, names, 2)
            transfers.append((source, target, whole(rng, 5, 60)))
        right, wrong = (balances(opening, transfers, refuses=refuses) for refuses in (True, False))
        changed = [name for name in names if right[name] != wrong[name]]
        if changed:
            break
    facts = [Fact("opening", {"name": name, "coins": coins}) for name, coins in opening.items()]
    facts += [
        Fact("transfer", {"day": day, "coins": coins, "source": source, "target": target})
        for day, (source, target, coins) in enumerate(transfers, 1)
    ]
    asked = one_of(rng, changed)
    return Drawn(tuple(facts), {"asked": asked}, str(right[asked]), str(wrong[asked]))


LEDGER = Family(
    "ledger",
    "integer",
    _ledger,
    {
        "plain": Words(
            "Coins are moved between accounts; a transfer of more coins than its account holds at the time is "
            "refused and "
            "changes nothing.",
            {
                "opening": "The account of {name} begins with {coins} coins.",
                "transfer": "Day {day}: {coins} coins are to be moved from {source} to {target}.",
            },
            "How many coins does the account of {asked} hold after the last day?",
        ),
        "terse": Words(
            "Accounts; an uncovered transfer is refused whole.",
            {"opening": "{name}: {coins}.", "transfer": "Day {day}: {source} to {target} {coins}."},
            "{asked} at the end?",
        ),
        "wordy": Words(
            "A very careful bank moves coins between the accounts of its customers, but whenever it is asked to take "
            "more "
            "from an account than lies there at that time, it refuses and leaves everything as it was.",
            {
                "opening": "When the story begins, there are {coins} coins in the account of {name}.",
                "transfer": "On day {day} the bank is asked to take {coins} coins from {source} and to give them to "
                "{target}.",
            },
            "Once the last of these days is over, how many coins will be found in the account of {asked}?",
        ),
        "formal": Words(
            "Transfers are executed in order of their day; a transfer exceeding the current balance of the debited "
            "account "
            "is rejected in full.",
            {
                "opening": "Opening balance of {name}: {coins} coins.",
                "transfer": "Day {day}: transfer of {coins} coins, debit {source}, credit {target}.",
            },
            "Determine the closing balance, in coins, of {asked}.",
        ),
        "german": Words(
            "Münzen werden zwischen Konten bewegt; eine Überweisung von mehr Münzen, als das Konto dann enthält, wird "
            "abgelehnt und ändert nichts.",
            {
                "opening": "Das Konto von {name} beginnt mit {coins} Münzen.",
                "transfer": "Tag {day}: {coins} Münzen sollen von {source} an {target} gehen.",
            },
            "Wie viele Münzen enthält das Konto von {asked} nach dem letzten Tag?",
        ),
        "spanish": Words(
            "Se mueven monedas entre cuentas; una transferencia de más monedas de las que la cuenta tiene en ese "
            "momento se "
            "rechaza y no cambia nada.",
            {
                "opening": "La cuenta de {name} empieza con {coins} monedas.",
                "transfer": "Día {day}: {coins} monedas deben pasar de {source} a {target}.",
            },
            "¿Cuántas monedas tiene la cuenta de {asked} después del último día?",
        ),
    },
    ("The bank has 11 branches.", "Its vault is 9 metres deep.", "A safe can be rented for 8 silver pieces."),
)
