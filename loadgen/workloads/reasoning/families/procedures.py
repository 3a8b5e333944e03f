"""Steps to be carried out exactly: letters moved about, registers counted up and down."""

from collections.abc import Mapping, Sequence
from random import Random

from loadgen.workloads.reasoning.task import Drawn, Fact, Family, Values, Words, one_of, some_of, whole

_LETTERS = "ABCDEFGHKLMNPRSTUVWXYZ"


def edited(word: str, steps: Sequence[tuple[str, Values]]) -> str:
    """The word after these steps."""
    for kind, values in steps:
        count, first, second = (int(values.get(name, 1)) for name in ("count", "first", "second"))
        match kind:
            case "reverse":
                word = word[::-1]
            case "move":
                word = word[count:] + word[:count]
            case "swap":
                low, high = sorted((first - 1, second - 1))
                word = word[:low] + word[high] + word[low + 1 : high] + word[low] + word[high + 1 :]
            case _:
                word = word[: first - 1] + word[first:]
    return word


def _step(rng: Random, kind: str, length: int) -> Values:
    match kind:
        case "reverse":
            return {}
        case "move":
            return {"count": whole(rng, 1, 3)}
        case "swap":
            first, second = sorted(some_of(rng, range(1, length + 1), 2))
            return {"first": first, "second": second}
        case _:
            return {"first": whole(rng, 1, length)}


def _letters(rng: Random) -> Drawn:
    word = "".join(some_of(rng, _LETTERS, 6))
    kinds = some_of(rng, ("reverse", "move", "swap", "swap", "remove"), 4)
    steps: list[tuple[str, Values]] = []
    for kind in kinds:
        steps.append((kind, _step(rng, kind, len(edited(word, steps)))))
    facts = [Fact(kind, {"step": number, **values}) for number, (kind, values) in enumerate(steps, 1)]
    return Drawn(tuple(facts), {"word": word}, edited(word, steps), edited(word, steps[:-1]))


LETTERS = Family(
    "letters",
    "letters",
    _letters,
    {
        "plain": Words(
            "The letters {word} are changed in steps, in the order of their numbers; places are counted from 1 at "
            "the left.",
            {
                "reverse": "Step {step}: reverse the order of all letters.",
                "move": "Step {step}: move the first {count} letter(s), in their order, to the end.",
                "swap": "Step {step}: swap the letters in the places {first} and {second}.",
                "remove": "Step {step}: remove the letter in place {first}.",
            },
            "Which letters are there after the last step, from left to right?",
        ),
        "terse": Words(
            "Start: {word}. Places from 1, left.",
            {
                "reverse": "Step {step}: reverse all.",
                "move": "Step {step}: first {count} to the end.",
                "swap": "Step {step}: swap places {first}, {second}.",
                "remove": "Step {step}: drop place {first}.",
            },
            "Result?",
        ),
        "wordy": Words(
            "Somebody has cut out the letters {word}, laid them out from left to right, and now changes them in "
            "steps, one "
            "after the other as they are numbered; the places are counted from the left, and the first is place 1.",
            {
                "reverse": "In step {step} all letters that are there are put into the opposite order.",
                "move": "In step {step} the first {count} of the letters, kept in their order, are taken away from the "
                "left and put down again at the right end.",
                "swap": "In step {step} the letter in place {first} and the letter in place {second} change places.",
                "remove": "In step {step} the letter in place {first} is thrown away, and the gap is closed.",
            },
            "If you read what lies there after the last of the steps, from left to right, which letters are they?",
        ),
        "formal": Words(
            "The string {word} is transformed by the following operations, applied in order of their number; positions "
            "are counted from 1 at the left.",
            {
                "reverse": "Operation {step}: reversal of the string.",
                "move": "Operation {step}: rotation to the left by {count} position(s).",
                "swap": "Operation {step}: exchange of the characters at the positions {first} and {second}.",
                "remove": "Operation {step}: deletion of the character at position {first}.",
            },
            "Determine the resulting string.",
        ),
        "german": Words(
            "Die Buchstaben {word} werden in Schritten verändert, in der Reihenfolge ihrer Nummern; die Plätze "
            "werden von "
            "links ab 1 gezählt.",
            {
                "reverse": "Schritt {step}: Kehre die Reihenfolge aller Buchstaben um.",
                "move": "Schritt {step}: Verschiebe die ersten {count} Buchstaben in ihrer Reihenfolge ans Ende.",
                "swap": "Schritt {step}: Vertausche die Buchstaben auf den Plätzen {first} und {second}.",
                "remove": "Schritt {step}: Entferne den Buchstaben auf Platz {first}.",
            },
            "Welche Buchstaben stehen nach dem letzten Schritt da, von links nach rechts?",
        ),
        "spanish": Words(
            "Las letras {word} se cambian por pasos, en el orden de sus números; los lugares se cuentan desde 1 por la "
            "izquierda.",
            {
                "reverse": "Paso {step}: invierte el orden de todas las letras.",
                "move": "Paso {step}: mueve las primeras {count} letras, en su orden, al final.",
                "swap": "Paso {step}: intercambia las letras de los lugares {first} y {second}.",
                "remove": "Paso {step}: quita la letra del lugar {first}.",
            },
            "¿Qué letras hay después del último paso, de izquierda a derecha?",
        ),
    },
    ("The letters are 4 centimetres high.", "The alphabet has 26 letters.", "A box of paint costs 15 coins."),
)


def run_registers(start: Mapping[str, int], steps: Sequence[tuple[str, Values]], rounds: int) -> dict[str, int]:
    """The registers after so many rounds of these steps."""
    held = dict(start)
    for _ in range(rounds):
        for kind, values in steps:
            one = str(values["one"])
            by = held[str(values["other"])] if "other" in values else int(values["by"])
            if kind == "limit":
                held[one] -= by if held[one] > int(values["limit"]) else 0
            else:
                held[one] += by if kind in ("plus", "raise") else -by
    return held


def _registers(rng: Random) -> Drawn:
    start = {name: whole(rng, 1, 9) for name in "ABC"}
    rounds = whole(rng, 2, 4)
    one, other, third = some_of(rng, "ABC", 3)
    steps: list[tuple[str, Values]] = [
        ("plus", {"one": one, "other": other}),
        ("raise", {"one": other, "by": whole(rng, 2, 7)}),
        (one_of(rng, ("minus", "plus")), {"one": third, "other": one}),
        ("limit", {"one": one, "limit": whole(rng, 8, 20), "by": whole(rng, 3, 7)}),
    ]
    facts = [Fact("start", {"one": name, "value": value}) for name, value in start.items()]
    facts += [Fact(kind, {"step": number, **values}) for number, (kind, values) in enumerate(steps, 1)]
    asked = one_of(rng, (one, third))
    right, early = (run_registers(start, steps, times)[asked] for times in (rounds, rounds - 1))
    return Drawn(tuple(facts), {"asked": asked, "rounds": rounds}, str(right), str(early))


REGISTERS = Family(
    "registers",
    "integer",
    _registers,
    {
        "plain": Words(
            "A machine has the registers A, B and C. It carries out the steps in the order of their numbers, and all "
            "of "
            "them {rounds} times over.",
            {
                "start": "At the beginning {one} holds {value}.",
                "plus": "Step {step}: add what {other} holds to {one}.",
                "minus": "Step {step}: subtract what {other} holds from {one}.",
                "raise": "Step {step}: add {by} to {one}.",
                "limit": "Step {step}: if {one} holds more than {limit}, subtract {by} from {one}.",
            },
            "What does {asked} hold at the end?",
        ),
        "terse": Words(
            "Registers; steps by number, all {rounds} times.",
            {
                "start": "{one} = {value}.",
                "plus": "Step {step}: {one} += {other}.",
                "minus": "Step {step}: {one} -= {other}.",
                "raise": "Step {step}: {one} += {by}.",
                "limit": "Step {step}: if {one} > {limit}: {one} -= {by}.",
            },
            "{asked}?",
        ),
        "wordy": Words(
            "In the corner of a workshop stands an old machine with three registers, which are called A, B and C; "
            "when it "
            "is switched on, it goes through its steps as they are numbered, and when it is through it begins again, "
            "until "
            "it has gone through all of them {rounds} times.",
            {
                "start": "Before it is switched on, register {one} has been set to {value}.",
                "plus": "What it does in step {step} is to take the number in {other} and to add it to that in {one}.",
                "minus": "What it does in step {step} is to take the number in {other} and to subtract it from that in "
                "{one}.",
                "raise": "What it does in step {step} is to make the number in {one} larger by {by}.",
                "limit": "What it does in step {step} is to look whether the number in {one} is larger than {limit}, "
                "and "
                "only then to make that in {one} smaller by {by}.",
            },
            "When the machine has come to a stop, which number is to be read in register {asked}?",
        ),
        "formal": Words(
            "The following program over the registers A, B and C is executed {rounds} times in full, its "
            "instructions in "
            "order of their number.",
            {
                "start": "Initial value of {one}: {value}.",
                "plus": "Instruction {step}: increase {one} by the value of {other}.",
                "minus": "Instruction {step}: decrease {one} by the value of {other}.",
                "raise": "Instruction {step}: increase {one} by {by}.",
                "limit": "Instruction {step}: provided that {one} exceeds {limit}, decrease {one} by {by}.",
            },
            "Determine the final value of {asked}.",
        ),
        "german": Words(
            "Eine Maschine hat die Register A, B und C. Sie führt die Schritte in der Reihenfolge ihrer Nummern aus, "
            "und "
            "alle zusammen {rounds} Mal.",
            {
                "start": "Am Anfang enthält {one} den Wert {value}.",
                "plus": "Schritt {step}: Addiere den Inhalt von {other} zu {one}.",
                "minus": "Schritt {step}: Ziehe den Inhalt von {other} von {one} ab.",
                "raise": "Schritt {step}: Addiere {by} zu {one}.",
                "limit": "Schritt {step}: Wenn {one} mehr als {limit} enthält, ziehe {by} von {one} ab.",
            },
            "Welchen Wert enthält {asked} am Ende?",
        ),
        "spanish": Words(
            "Una máquina tiene los registros A, B y C. Ejecuta los pasos en el orden de sus números, y todos ellos "
            "{rounds} veces.",
            {
                "start": "Al principio {one} contiene {value}.",
                "plus": "Paso {step}: suma el contenido de {other} a {one}.",
                "minus": "Paso {step}: resta el contenido de {other} de {one}.",
                "raise": "Paso {step}: suma {by} a {one}.",
                "limit": "Paso {step}: si {one} contiene más de {limit}, resta {by} de {one}.",
            },
            "¿Qué valor contiene {asked} al final?",
        ),
    },
    ("The machine weighs 75 kilograms.", "It was built 44 years ago.", "The workshop has 6 windows."),
)
