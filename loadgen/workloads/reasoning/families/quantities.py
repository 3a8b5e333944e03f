"""Measures, shares and counts: made-up units, a survey, committees."""

from math import comb
from random import Random

from loadgen.workloads.reasoning.task import Drawn, Fact, Family, Words, one_of, some_of, whole

_UNITS = ("blim", "crat", "dorn", "flep", "gund", "harl", "jomp", "klev")


def _units(rng: Random) -> Drawn:
    names = some_of(rng, _UNITS, 4)
    factors = [whole(rng, 2, 9) for _ in range(3)]
    many, few = whole(rng, 2, 9), whole(rng, 2, 9)
    facts = [
        Fact("rate", {"large": names[place], "factor": factor, "small": names[place + 1]})
        for place, factor in enumerate(factors)
    ]
    facts.append(Fact("have", {"many": many, "large": names[0], "few": few, "small": names[2]}))
    whole_part = many * factors[0] * factors[1]
    return Drawn(
        tuple(facts), {"unit": names[3]}, str((whole_part + few) * factors[2]), str(whole_part * factors[2] + few)
    )


UNITS = Family(
    "units",
    "integer",
    _units,
    {
        "plain": Words(
            "In a far country there are units of their own.",
            {
                "rate": "One {large} is as much as {factor} {small}.",
                "have": "A trader has {many} {large} and {few} {small}.",
            },
            "How many {unit} is that in all?",
        ),
        "terse": Words(
            "Units.",
            {"rate": "1 {large} = {factor} {small}.", "have": "Given: {many} {large} + {few} {small}."},
            "In {unit}?",
        ),
        "wordy": Words(
            "Travellers tell of a far country whose people measure everything in units that nobody else has heard of.",
            {
                "rate": "Whoever has a single {large} there may change it for {factor} {small}, neither more nor less.",
                "have": "An old trader has a chest in which there are {many} {large}, and beside them {few} {small}.",
            },
            "If the whole chest were counted in {unit}, how many of them would that be?",
        ),
        "formal": Words(
            "The following equivalences and holdings apply:",
            {
                "rate": "One {large} is equivalent to {factor} {small}.",
                "have": "Holding: {many} {large} and {few} {small}.",
            },
            "Express the whole holding in {unit}.",
        ),
        "german": Words(
            "In einem fernen Land gibt es eigene Einheiten.",
            {
                "rate": "Ein {large} ist so viel wie {factor} {small}.",
                "have": "Ein Händler hat {many} {large} und {few} {small}.",
            },
            "Wie viele {unit} sind das insgesamt?",
        ),
        "spanish": Words(
            "En un país lejano hay unidades propias.",
            {
                "rate": "Un {large} equivale a {factor} {small}.",
                "have": "Un comerciante tiene {many} {large} y {few} {small}.",
            },
            "¿Cuántos {unit} son en total?",
        ),
    },
    ("The country has 7 rivers.", "The trader is 61 years old.", "A mule costs 90 silver pieces there."),
)


def _survey(rng: Random) -> Drawn:
    people = 100 * whole(rng, 2, 12)
    both = whole(rng, 5, 15)
    tea, coffee = both + whole(rng, 10, 30), both + whole(rng, 10, 30)
    neither = people * (100 - tea - coffee + both) // 100
    water = whole(rng, 3, neither - 1)
    facts = (
        Fact("people", {"people": people}),
        Fact("tea", {"share": tea}),
        Fact("coffee", {"share": coffee}),
        Fact("both", {"share": both}),
        Fact("water", {"count": water}),
    )
    return Drawn(facts, {}, str(neither - water), str(people * (100 - tea - coffee) // 100 - water))


SURVEY = Family(
    "survey",
    "integer",
    _survey,
    {
        "plain": Words(
            "People were asked what they drink.",
            {
                "people": "{people} people were asked.",
                "tea": "{share} percent of those asked drink tea.",
                "coffee": "{share} percent of those asked drink coffee.",
                "both": "{share} percent of those asked drink tea as well as coffee, and are counted with each of "
                "the two.",
                "water": "Of those who drink neither tea nor coffee, {count} drink water.",
            },
            "How many people drink none of the three?",
        ),
        "terse": Words(
            "Survey:",
            {
                "people": "{people} people.",
                "tea": "Tea {share}%.",
                "coffee": "Coffee {share}%.",
                "both": "Tea and coffee {share}% (in both shares).",
                "water": "Water among the rest: {count} people.",
            },
            "How many drink none?",
        ),
        "wordy": Words(
            "A newspaper wished to know, once and for all, what the people of its town like to drink.",
            {
                "people": "All in all {people} people were kind enough to answer.",
                "tea": "Among them, {share} percent said that they drink tea.",
                "coffee": "As for coffee, {share} percent said that they drink it.",
                "both": "There were also {share} percent who said so of tea and of coffee alike; they are part of both "
                "of these shares.",
                "water": "Of the people who care for neither tea nor coffee, {count} said that they drink water.",
            },
            "How many of the people who answered drink neither tea nor coffee nor water?",
        ),
        "formal": Words(
            "Results of a survey on beverages:",
            {
                "people": "Number of respondents: {people}.",
                "tea": "Share consuming tea: {share} percent.",
                "coffee": "Share consuming coffee: {share} percent.",
                "both": "Share consuming both tea and coffee, included in each of the two: {share} percent.",
                "water": "Number consuming water among those consuming neither tea nor coffee: {count}.",
            },
            "Determine the number of respondents consuming none of the three beverages.",
        ),
        "german": Words(
            "Leute wurden gefragt, was sie trinken.",
            {
                "people": "{people} Leute wurden gefragt.",
                "tea": "{share} Prozent von ihnen trinken Tee.",
                "coffee": "{share} Prozent von ihnen trinken Kaffee.",
                "both": "{share} Prozent von ihnen trinken sowohl Tee als auch Kaffee und sind bei beiden mitgezählt.",
                "water": "Von denen, die weder Tee noch Kaffee trinken, trinken {count} Wasser.",
            },
            "Wie viele Leute trinken keines der drei Getränke?",
        ),
        "spanish": Words(
            "Se preguntó a la gente qué bebe.",
            {
                "people": "Se preguntó a {people} personas.",
                "tea": "El {share} por ciento bebe té.",
                "coffee": "El {share} por ciento bebe café.",
                "both": "El {share} por ciento bebe tanto té como café y está contado en ambos grupos.",
                "water": "De quienes no beben ni té ni café, {count} beben agua.",
            },
            "¿Cuántas personas no beben ninguna de las tres cosas?",
        ),
    },
    ("The survey took 9 days.", "A cup of cocoa costs 4 coins.", "The town has 3 bridges."),
)


def _counting(rng: Random) -> Drawn:
    women, men = whole(rng, 4, 9), whole(rng, 4, 9)
    size = whole(rng, 3, 5)
    least = one_of(rng, (1, 2))
    ways = sum(comb(women, count) * comb(men, size - count) for count in range(least, size + 1))
    twice = comb(women, least) * comb(women + men - least, size - least)
    facts = (Fact("women", {"women": women}), Fact("men", {"men": men}), Fact("least", {"least": least}))
    return Drawn(facts, {"size": size}, str(ways), str(twice))


COUNTING = Family(
    "counting",
    "integer",
    _counting,
    {
        "plain": Words(
            "A club elects a committee of {size} of its members, in which all have the same rank.",
            {
                "women": "The club has {women} women.",
                "men": "The club has {men} men.",
                "least": "The number of women in the committee must be at least {least}.",
            },
            "In how many ways can the committee of {size} be chosen?",
        ),
        "terse": Words(
            "Committee of {size}, no ranks.",
            {"women": "Women: {women}.", "men": "Men: {men}.", "least": "Women in it >= {least}."},
            "How many committees of {size}?",
        ),
        "wordy": Words(
            "Once a year a club has to make up its mind who shall sit in its committee of {size}, in which, by old "
            "custom, nobody ranks above anybody else.",
            {
                "women": "Among the members of the club there are {women} women, any of whom could be elected.",
                "men": "There are also {men} men in the club, and any of them could be elected too.",
                "least": "The rules demand that the number of women in the committee be no smaller than {least}.",
            },
            "How many different committees of {size} could come out of such an election?",
        ),
        "formal": Words(
            "A committee of {size} members without ranks is to be formed from the members of a club.",
            {
                "women": "Number of women in the club: {women}.",
                "men": "Number of men in the club: {men}.",
                "least": "Minimum number of women in the committee: {least}.",
            },
            "Determine the number of distinct committees of {size} members.",
        ),
        "german": Words(
            "Ein Verein wählt aus seinen Mitgliedern einen Ausschuss von {size} Personen, in dem alle gleichgestellt "
            "sind.",
            {
                "women": "Der Verein hat {women} Frauen.",
                "men": "Der Verein hat {men} Männer.",
                "least": "Die Zahl der Frauen im Ausschuss muss mindestens {least} betragen.",
            },
            "Auf wie viele Arten kann der Ausschuss von {size} Personen gebildet werden?",
        ),
        "spanish": Words(
            "Un club elige entre sus miembros un comité de {size} personas, todas del mismo rango.",
            {
                "women": "El club tiene {women} mujeres.",
                "men": "El club tiene {men} hombres.",
                "least": "El número de mujeres en el comité debe ser al menos {least}.",
            },
            "¿De cuántas maneras se puede formar el comité de {size} personas?",
        ),
    },
    ("The club was founded 31 years ago.", "Its fee is 20 coins a year.", "Last year 2 members moved away."),
)
