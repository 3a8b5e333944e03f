"""Mathematics in words: a bill, two unknowns, remainders."""

from math import prod
from random import Random

from loadgen.workloads.reasoning.task import NAMES, Drawn, Fact, Family, Words, one_of, some_of, whole


def _shopping(rng: Random) -> Drawn:
    counts = {goods: whole(rng, 2, 9) for goods in ("notebooks", "pencils", "lamps")}
    prices = {"notebooks": whole(rng, 3, 9), "pencils": whole(rng, 1, 4), "lamps": whole(rng, 12, 30)}
    voucher, worth = whole(rng, 2, 6), one_of(rng, (50, 100))
    bill = sum(counts[goods] * prices[goods] for goods in counts)
    due = bill - counts["lamps"] * voucher
    bills = bill // worth + 1
    facts = [Fact(goods, {"count": counts[goods], "price": prices[goods]}) for goods in counts]
    facts += [Fact("voucher", {"off": voucher}), Fact("paid", {"bills": bills, "worth": worth})]
    paid = bills * worth
    return Drawn(tuple(facts), {"name": one_of(rng, NAMES)}, str(paid - due), str(paid - bill))


SHOPPING = Family(
    "shopping",
    "integer",
    _shopping,
    {
        "plain": Words(
            "{name} goes shopping.",
            {
                "notebooks": "{count} notebooks are bought at {price} coins each.",
                "pencils": "{count} pencils are bought at {price} coins each.",
                "lamps": "{count} lamps are bought at {price} coins each.",
                "voucher": "Every lamp bought takes {off} coins off the bill.",
                "paid": "The bill is paid with {bills} notes worth {worth} coins each.",
            },
            "How many coins does {name} get back?",
        ),
        "terse": Words(
            "{name}, shopping:",
            {
                "notebooks": "{count} notebooks, {price} coins each;",
                "pencils": "{count} pencils, {price} each;",
                "lamps": "{count} lamps, {price} each;",
                "voucher": "-{off} per lamp;",
                "paid": "pays {bills} notes of {worth} coins.",
            },
            "Change for {name}?",
        ),
        "wordy": Words(
            "It is one of those bright mornings on which {name} likes to go shopping, and so the way leads into town.",
            {
                "notebooks": "Into the basket, after some thought, go {count} notebooks, for which {price} coins are "
                "asked apiece.",
                "pencils": "Then {count} pencils are picked out, and each of them is marked at {price} coins.",
                "lamps": "There are also {count} rather pretty lamps that can't be resisted, each of them at "
                "{price} coins.",
                "voucher": "As luck would have it, the shop takes {off} coins off the bill for every single lamp.",
                "paid": "At the till, {bills} notes are handed over, each of which is worth {worth} coins.",
            },
            "When all of this is done, how many coins of change will {name} be given back?",
        ),
        "formal": Words(
            "The following purchases by {name} are recorded:",
            {
                "notebooks": "Notebooks: quantity {count}, unit price {price} coins.",
                "pencils": "Pencils: quantity {count}, unit price {price} coins.",
                "lamps": "Lamps: quantity {count}, unit price {price} coins.",
                "voucher": "Rebate: {off} coins for each lamp purchased.",
                "paid": "Payment: {bills} notes with a value of {worth} coins each.",
            },
            "Determine the change, in coins, due to {name}.",
        ),
        "german": Words(
            "{name} geht einkaufen.",
            {
                "notebooks": "Es werden {count} Hefte zu je {price} Münzen gekauft.",
                "pencils": "Es werden {count} Bleistifte zu je {price} Münzen gekauft.",
                "lamps": "Es werden {count} Lampen zu je {price} Münzen gekauft.",
                "voucher": "Für jede gekaufte Lampe werden {off} Münzen von der Rechnung abgezogen.",
                "paid": "Bezahlt wird mit {bills} Scheinen, die je {worth} Münzen wert sind.",
            },
            "Wie viele Münzen bekommt {name} zurück?",
        ),
        "spanish": Words(
            "{name} va de compras.",
            {
                "notebooks": "Se compran {count} cuadernos a {price} monedas cada uno.",
                "pencils": "Se compran {count} lápices a {price} monedas cada uno.",
                "lamps": "Se compran {count} lámparas a {price} monedas cada una.",
                "voucher": "Por cada lámpara comprada se descuentan {off} monedas de la cuenta.",
                "paid": "Se paga con {bills} billetes que valen {worth} monedas cada uno.",
            },
            "¿Cuántas monedas recibe {name} de vuelta?",
        ),
    },
    (
        "The shop has been open for 14 years.",
        "In the window stand 23 vases.",
        "It is 800 steps from there to the station.",
    ),
)


def _equations(rng: Random) -> Drawn:
    lamp, chair = whole(rng, 3, 20), whole(rng, 3, 20)
    first, second = (whole(rng, 1, 6), whole(rng, 1, 6)), (whole(rng, 1, 6), whole(rng, 1, 6))
    while first[0] * second[1] == first[1] * second[0]:
        second = (whole(rng, 1, 6), whole(rng, 1, 6))
    asked = (whole(rng, 2, 9), whole(rng, 2, 9))
    facts = tuple(
        Fact("order", {"lamps": lamps, "chairs": chairs, "price": lamps * lamp + chairs * chair})
        for lamps, chairs in (first, second)
    )
    right, swapped = asked[0] * lamp + asked[1] * chair, asked[0] * chair + asked[1] * lamp
    return Drawn(facts, {"lamps": asked[0], "chairs": asked[1]}, str(right), str(swapped))


EQUATIONS = Family(
    "equations",
    "integer",
    _equations,
    {
        "plain": Words(
            "A shop has one price for all lamps and one for all chairs.",
            {"order": "An order of lamps and chairs, {lamps} and {chairs} of them, costs {price} coins."},
            "What do {lamps} lamps and {chairs} chairs cost together, in coins?",
        ),
        "terse": Words(
            "Fixed unit prices.",
            {"order": "Lamps {lamps}, chairs {chairs}: {price} coins."},
            "Lamps {lamps}, chairs {chairs}: how many coins?",
        ),
        "wordy": Words(
            "There is a little shop that sells nothing but lamps, all at the same price, and chairs, all at the same "
            "price as well, though not needfully that of the lamps.",
            {
                "order": "Somebody came in whose order of lamps and chairs, {lamps} of the former and {chairs} of the "
                "latter, came to {price} coins in all."
            },
            "Now suppose that you would like to have lamps and chairs, {lamps} of the former and {chairs} of the "
            "latter: "
            "how many coins would you have to pay for all of them?",
        ),
        "formal": Words(
            "Let the unit price of a lamp and the unit price of a chair be constant.",
            {"order": "Total price of {lamps} lamp(s) and {chairs} chair(s): {price} coins."},
            "Determine the total price, in coins, of {lamps} lamps and {chairs} chairs.",
        ),
        "german": Words(
            "In einem Laden kosten alle Lampen gleich viel und alle Stühle gleich viel.",
            {"order": "Eine Bestellung von Lampen und Stühlen, {lamps} und {chairs} Stück, kostet {price} Münzen."},
            "Was kosten {lamps} Lampen und {chairs} Stühle zusammen, in Münzen?",
        ),
        "spanish": Words(
            "En una tienda todas las lámparas cuestan lo mismo y todas las sillas cuestan lo mismo.",
            {"order": "Un pedido de lámparas y sillas, {lamps} y {chairs} respectivamente, cuesta {price} monedas."},
            "¿Cuánto cuestan en total {lamps} lámparas y {chairs} sillas, en monedas?",
        ),
    },
    ("The shop sold 37 tables last week.", "It employs 6 people.", "A sofa weighs 48 kilograms."),
)

_MODULI = ((3, 4, 5), (3, 5, 7), (4, 5, 7), (3, 7, 8), (5, 7, 8), (4, 7, 9), (5, 8, 9))


def _remainders(rng: Random) -> Drawn:
    moduli = some_of(rng, one_of(rng, _MODULI), 3)
    least = whole(rng, 10, prod(moduli) - 1)
    facts = tuple(Fact("rows", {"row": modulus, "left": least % modulus}) for modulus in moduli)
    return Drawn(facts, {}, str(least), str(least % (moduli[0] * moduli[1])))


REMAINDERS = Family(
    "remainders",
    "integer",
    _remainders,
    {
        "plain": Words(
            "There are some apples, at least 1, to be laid out in equal rows.",
            {"rows": "In rows of {row} apples, {left} apples are left over."},
            "What is the smallest number of apples for which all of this holds?",
        ),
        "terse": Words("x >= 1.", {"rows": "x mod {row} = {left}."}, "Smallest x?"),
        "wordy": Words(
            "On a long table somebody tries again and again to lay out a heap of apples, in which there is at least "
            "1, in "
            "rows that are all equally long.",
            {
                "rows": "Whenever the rows are made {row} apples long, it turns out that {left} of them remain at "
                "the end."
            },
            "Of all the numbers of apples for which everything comes out just like that, which one is the smallest?",
        ),
        "formal": Words(
            "Let x be an integer, x >= 1, subject to the following conditions:",
            {"rows": "The remainder of x on division by {row} is {left}."},
            "Determine the least such x.",
        ),
        "german": Words(
            "Es gibt einige Äpfel, mindestens 1, die in gleich lange Reihen gelegt werden.",
            {"rows": "Bei Reihen zu {row} Äpfeln bleiben {left} Äpfel übrig."},
            "Welches ist die kleinste Zahl von Äpfeln, für die all das gilt?",
        ),
        "spanish": Words(
            "Hay algunas manzanas, al menos 1, que se colocan en filas iguales.",
            {"rows": "En filas de {row} manzanas sobran {left} manzanas."},
            "¿Cuál es el menor número de manzanas para el que se cumple todo esto?",
        ),
    },
    ("The table is 3 metres long.", "A crate of pears weighs 12 kilograms.", "The market opens at 8 in the morning."),
)
