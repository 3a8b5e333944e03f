"""Puzzles with one solution, which is made sure of by trying all cases: who lies, who came in where."""

from collections.abc import Callable, Sequence
from itertools import permutations, product
from random import Random

from loadgen.workloads.reasoning.task import (
    NAMES,
    NOBODY,
    Drawn,
    Fact,
    Family,
    Values,
    Words,
    one_of,
    shuffled,
    some_of,
    whole,
)

_SAYINGS = ("knight", "knave", "same", "different")


def said_rightly(fact: Fact, knights: frozenset[str]) -> bool:
    """Whether what is said is true where these are the knights."""
    one, other = fact.values.get("one") in knights, fact.values.get("other") in knights
    match fact.sentence:
        case "knight":
            return one
        case "knave":
            return not one
        case "same":
            return one == other
        case _:
            return one != other


def _worlds(names: Sequence[str], facts: Sequence[Fact]) -> list[frozenset[str]]:
    """Every choice of knights in which knights speak the truth and knaves do not."""
    found = []
    for kinds in product((True, False), repeat=len(names)):
        knights = frozenset(name for name, is_knight in zip(names, kinds, strict=True) if is_knight)
        if all(said_rightly(fact, knights) == (fact.values["speaker"] in knights) for fact in facts):
            found.append(knights)
    return found


def _saying(rng: Random, speaker: str, names: Sequence[str]) -> Fact:
    saying = one_of(rng, _SAYINGS)
    one, other = sorted(some_of(rng, [name for name in names if name != speaker], 2))
    values: Values = {"speaker": speaker, "one": one}
    return Fact(saying, values if saying in ("knight", "knave") else {**values, "other": other})


def _knights(rng: Random) -> Drawn:
    names = sorted(some_of(rng, NAMES, 4))
    worlds: list[frozenset[str]] = []
    facts: list[Fact] = []
    while len(worlds) != 1:
        facts = [_saying(rng, name, names) for name in names]
        worlds = _worlds(names, facts)
    others = frozenset(names) - worlds[0]
    return Drawn(
        tuple(facts),
        {name: name for name in names},
        ", ".join(sorted(worlds[0])) or NOBODY,
        ", ".join(sorted(others)) or NOBODY,
    )


KNIGHTS = Family(
    "knights",
    "names",
    _knights,
    {
        "plain": Words(
            "On an island everybody is either a knight, who always speaks the truth, or a knave, who always lies.",
            {
                "knight": '{speaker} says: "{one} is a knight."',
                "knave": '{speaker} says: "{one} is a knave."',
                "same": '{speaker} says: "{one} and {other} are of the same kind."',
                "different": '{speaker} says: "{one} and {other} are of different kinds."',
            },
            "Which of the four are knights?",
        ),
        "terse": Words(
            "Knights speak the truth, knaves lie; everybody is one of them.",
            {
                "knight": "{speaker}: {one} is a knight.",
                "knave": "{speaker}: {one} is a knave.",
                "same": "{speaker}: {one} and {other} are the same.",
                "different": "{speaker}: {one} and {other} differ.",
            },
            "Knights?",
        ),
        "wordy": Words(
            "Far out in the sea lies an island on which there live knights, from whom one never hears anything but the "
            "truth, and knaves, who can't open their mouths without lying, and nobody else; four of them meet you.",
            {
                "knight": 'Then {speaker} lets you know: "{one}, of whom you will have heard, is a knight."',
                "knave": 'Then {speaker} lets you know: "{one}, of whom you will have heard, is a knave."',
                "same": 'Then {speaker} lets you know: "{one} and {other}, whatever they be, are of the same kind."',
                "different": 'Then {speaker} lets you know: "{one} and {other}, whatever they be, are of different '
                'kinds."',
            },
            "After listening to all of them, whom of the four would you call knights?",
        ),
        "formal": Words(
            "Each of four persons is either a knight, all of whose statements are true, or a knave, all of whose "
            "statements are false. Statements:",
            {
                "knight": "{speaker}: it is the case that {one} is a knight.",
                "knave": "{speaker}: it is the case that {one} is a knave.",
                "same": "{speaker}: it is the case that {one} and {other} are of the same kind.",
                "different": "{speaker}: it is the case that {one} and {other} are of different kinds.",
            },
            "Determine which of the four persons are knights.",
        ),
        "german": Words(
            "Auf einer Insel ist jeder entweder ein Ritter, der immer die Wahrheit sagt, oder ein Schurke, der immer "
            "lügt.",
            {
                "knight": "{speaker} sagt: „{one} gehört zu den Rittern.“",
                "knave": "{speaker} sagt: „{one} gehört zu den Schurken.“",
                "same": "{speaker} sagt: „{one} und {other} sind von derselben Art.“",
                "different": "{speaker} sagt: „{one} und {other} sind von verschiedener Art.“",
            },
            "Wer von den vieren gehört zu den Rittern?",
        ),
        "spanish": Words(
            "En una isla cada persona es o bien un caballero, que siempre dice la verdad, o bien un bribón, que "
            "siempre "
            "miente.",
            {
                "knight": "{speaker} dice: «{one} es de los caballeros».",
                "knave": "{speaker} dice: «{one} es de los bribones».",
                "same": "{speaker} dice: «{one} y {other} son de la misma clase».",
                "different": "{speaker} dice: «{one} y {other} son de clases distintas».",
            },
            "¿Quiénes de los cuatro son caballeros?",
        ),
    },
    ("The island has 5 lighthouses.", "A boat calls there 2 times a week.", "The last storm was 40 days ago."),
)

_RULES: dict[str, Callable[[dict[str, int], Values], bool]] = {
    "before": lambda place, values: place[str(values["one"])] < place[str(values["other"])],
    "next": lambda place, values: place[str(values["one"])] + 1 == place[str(values["other"])],
    "not": lambda place, values: place[str(values["one"])] != values["place"],
}


def orders(names: Sequence[str], facts: Sequence[Fact]) -> list[tuple[str, ...]]:
    """Every order of arrival that the clues allow."""
    found = []
    for order in permutations(names):
        place = {name: number for number, name in enumerate(order, 1)}
        if all(_RULES[fact.sentence](place, fact.values) for fact in facts):
            found.append(order)
    return found


def _ranking(rng: Random) -> Drawn:
    names = some_of(rng, NAMES, 5)
    place = {name: number for number, name in enumerate(names, 1)}
    clues = [Fact("before", {"one": one, "other": other}) for one in names for other in names]
    clues += [Fact("next", {"one": one, "other": other}) for one in names for other in names]
    clues += [Fact("not", {"one": name, "place": number}) for name in names for number in range(1, 6)]
    true = [clue for clue in shuffled(rng, clues) if _RULES[clue.sentence](place, clue.values)]
    chosen: list[Fact] = []
    while len(orders(names, chosen)) > 1:
        chosen.append(true.pop())
    for clue in tuple(chosen):
        fewer = [kept for kept in chosen if kept is not clue]
        if len(orders(names, fewer)) == 1:
            chosen = fewer
    # Everybody takes part: a runner of whom no clue tells would be unknown.
    chosen += [Fact("before", {"one": one, "other": other}) for one, other in _unnamed(names, chosen)]
    asked = whole(rng, 1, 5)
    return Drawn(tuple(chosen), {"asked": asked}, names[asked - 1], names[asked % 5])


def _unnamed(names: Sequence[str], clues: Sequence[Fact]) -> list[tuple[str, str]]:
    told = {value for clue in clues for value in clue.values.values()}
    return [
        (name, names[at + 1]) if at + 1 < len(names) else (names[at - 1], name)
        for at, name in enumerate(names)
        if name not in told
    ]


RANKING = Family(
    "ranking",
    "name",
    _ranking,
    {
        "plain": Words(
            "Five runners finish a race one after the other, place 1 first.",
            {
                "before": "{one} finished somewhere before {other}.",
                "next": "{one} finished directly before {other}.",
                "not": "{one} did not finish in place {place}.",
            },
            "Who finished in place {asked}?",
        ),
        "terse": Words(
            "Race, five runners, places 1 to 5.",
            {
                "before": "{one} before {other}.",
                "next": "{one} directly before {other}.",
                "not": "{one} not in place {place}.",
            },
            "Place {asked}?",
        ),
        "wordy": Words(
            "On a fine Sunday five runners, and no others, ran a race in which no two came in together, so that "
            "there are "
            "the places from 1, which is the winner's, to 5.",
            {
                "before": "As one of the onlookers remembers, {one} was at the finish at some time before {other} was.",
                "next": "It is certain that {one} came in before {other}, and that nobody came in between the two.",
                "not": "Everybody agrees that {one}, whatever the place was, did not come in on place {place}.",
            },
            "Going by all that is remembered, who must it have been that came in on place {asked}?",
        ),
        "formal": Words(
            "Five runners occupy the places 1 (first) to 5 (last), one runner each.",
            {
                "before": "The place of {one} precedes the place of {other}.",
                "next": "The place of {one} immediately precedes the place of {other}.",
                "not": "The place of {one} is not {place}.",
            },
            "Determine which runner occupies place {asked}.",
        ),
        "german": Words(
            "Fünf Läufer kommen bei einem Rennen nacheinander ins Ziel, Platz 1 zuerst.",
            {
                "before": "{one} kam irgendwann vor {other} ins Ziel.",
                "next": "{one} kam unmittelbar vor {other} ins Ziel.",
                "not": "{one} kam nicht auf Platz {place} ins Ziel.",
            },
            "Wer kam auf Platz {asked} ins Ziel?",
        ),
        "spanish": Words(
            "Cinco corredores llegan a la meta uno tras otro, el puesto 1 primero.",
            {
                "before": "{one} llegó en algún momento antes que {other}.",
                "next": "{one} llegó justo antes que {other}.",
                "not": "{one} no llegó en el puesto {place}.",
            },
            "¿Quién llegó en el puesto {asked}?",
        ),
    },
    ("The race is 12 kilometres long.", "There were 300 onlookers.", "The start was at 9 in the morning."),
)
