"""Dates and times of day: a parcel's way, the minutes that everybody has free."""

from datetime import date, timedelta
from random import Random

from loadgen.workloads.reasoning.task import NAMES, Drawn, Fact, Family, Words, some_of, whole


def _dates(rng: Random) -> Drawn:
    start = date(2024, 1, 1) + timedelta(days=whole(rng, 0, 1000))
    weeks, days, before = whole(rng, 2, 9), whole(rng, 8, 40), whole(rng, 2, 6)
    facts = (
        Fact("posted", {"date": start.isoformat()}),
        Fact("travels", {"weeks": weeks}),
        Fact("held", {"days": days}),
        Fact("letter", {"before": before}),
    )
    letter = start + timedelta(weeks=weeks, days=days - before)
    return Drawn(facts, {}, letter.isoformat(), (letter + timedelta(days=1)).isoformat())


DATES = Family(
    "dates",
    "date",
    _dates,
    {
        "plain": Words(
            "A parcel is on its way.",
            {
                "posted": "The parcel was posted on {date}.",
                "travels": "The parcel travels for exactly {weeks} weeks.",
                "held": "On top of its travels, customs hold the parcel for exactly {days} days.",
                "letter": "A letter that announces the parcel arrives {before} days before the parcel does.",
            },
            "On which date does the letter arrive?",
        ),
        "terse": Words(
            "Parcel.",
            {
                "posted": "Posted {date}.",
                "travels": "Travel: {weeks} weeks.",
                "held": "Customs: {days} days more.",
                "letter": "Letter comes {before} days before it.",
            },
            "Date of the letter?",
        ),
        "wordy": Words(
            "Somebody waits with great impatience for a parcel that comes from very far away.",
            {
                "posted": "According to the stamp on the papers it was handed in at the post office on {date}.",
                "travels": "The journey itself, by road and by sea, takes it {weeks} weeks to the day.",
                "held": "As if that were not enough, the officers at customs keep it in their store for another {days} "
                "days, not counted in the journey.",
                "letter": "The post sends a letter as well, which comes {before} days earlier than the parcel itself.",
            },
            "On which day of the calendar will that letter lie in the letterbox?",
        ),
        "formal": Words(
            "The following particulars concern one consignment:",
            {
                "posted": "Date of dispatch: {date}.",
                "travels": "Transit: {weeks} weeks.",
                "held": "Retention by customs, in addition to transit: {days} days.",
                "letter": "Notification: received {before} days prior to delivery of the consignment.",
            },
            "Determine the date on which the notification is received.",
        ),
        "german": Words(
            "Ein Paket ist unterwegs.",
            {
                "posted": "Es wurde am {date} aufgegeben.",
                "travels": "Es reist genau {weeks} Wochen lang.",
                "held": "Zusätzlich hält der Zoll es genau {days} Tage lang fest.",
                "letter": "Ein Brief, der es ankündigt, trifft {before} Tage vor dem Paket ein.",
            },
            "An welchem Datum trifft der Brief ein?",
        ),
        "spanish": Words(
            "Un paquete está en camino.",
            {
                "posted": "Se envió el {date}.",
                "travels": "Viaja exactamente {weeks} semanas.",
                "held": "Además, la aduana lo retiene exactamente {days} días.",
                "letter": "Una carta que lo anuncia llega {before} días antes que el paquete.",
            },
            "¿En qué fecha llega la carta?",
        ),
    },
    ("The parcel weighs 3 kilograms.", "The postage came to 17 coins.", "The post office has 5 counters."),
)


def clock(minutes: int) -> str:
    """Minutes after midnight as a time of day."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _meeting(rng: Random) -> Drawn:
    windows = [(60 * 8 + 5 * whole(rng, 0, 30), 60 * 13 + 5 * whole(rng, 0, 36)) for _ in range(3)]
    low, high = max(start for start, _ in windows), min(end for _, end in windows)
    taken = low - 5 * whole(rng, 1, 6), low + 5 * whole(rng, 2, 12)
    facts = [
        Fact("free", {"name": name, "start": clock(start), "end": clock(end)})
        for name, (start, end) in zip(some_of(rng, NAMES, 3), windows, strict=True)
    ]
    facts.append(Fact("taken", {"start": clock(taken[0]), "end": clock(taken[1])}))
    return Drawn(tuple(facts), {}, str(max(0, high - taken[1])), str(high - low))


MEETING = Family(
    "meeting",
    "integer",
    _meeting,
    {
        "plain": Words(
            "Three people want to meet in one room on one day.",
            {
                "free": "{name} is free from {start} to {end} only.",
                "taken": "The room is taken from {start} to {end} and free for the rest of the day.",
            },
            "For how many minutes of the day are all three and the room free at the same time?",
        ),
        "terse": Words(
            "One day, one room, three people.",
            {"free": "{name}: free {start}-{end}.", "taken": "Room: taken {start}-{end}, else free."},
            "Minutes when all three and the room are free?",
        ),
        "wordy": Words(
            "As so often, three people try to find some time on one and the same day at which they could sit down "
            "together in the only room there is.",
            {
                "free": "Looking into the calendar, {name} finds that there is time between {start} and {end}, but "
                "neither earlier nor later.",
                "taken": "The room, it must be said, has been given to others between {start} and {end}; at any other "
                "time of the day nobody uses it.",
            },
            "Taking all of that together, during how many minutes of that day are the three people and the room free "
            "at "
            "once?",
        ),
        "formal": Words(
            "Availability on the day in question:",
            {
                "free": "Participant {name}: available from {start} until {end} exclusively.",
                "taken": "Room: occupied from {start} until {end}, available otherwise.",
            },
            "Determine the total number of minutes during which all three participants and the room are available.",
        ),
        "german": Words(
            "Drei Personen wollen sich an einem Tag in einem Raum treffen.",
            {
                "free": "{name} hat nur von {start} bis {end} Zeit.",
                "taken": "Der Raum ist von {start} bis {end} belegt und sonst den ganzen Tag frei.",
            },
            "Wie viele Minuten des Tages sind alle drei und der Raum gleichzeitig frei?",
        ),
        "spanish": Words(
            "Tres personas quieren reunirse un día en una sala.",
            {
                "free": "{name} tiene tiempo solo de {start} a {end}.",
                "taken": "La sala está ocupada de {start} a {end} y libre el resto del día.",
            },
            "¿Durante cuántos minutos del día están libres a la vez los tres y la sala?",
        ),
    },
    ("The room has 18 chairs.", "Last week 4 others met there.", "The building closes at 23:00."),
)
