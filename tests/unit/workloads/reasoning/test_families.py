"""Every answer is right by a second way to it, and every phrasing says all that is needed to find it."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import combinations, count, pairwise, permutations, product
from typing import Any

import pytest

from loadgen.scenario.reasoning import FAMILY_NAMES, PHRASINGS, ReasoningSpec
from loadgen.workloads.reasoning.answers import judge
from loadgen.workloads.reasoning.families import FAMILIES
from loadgen.workloads.reasoning.phrasing import asked_form, put
from loadgen.workloads.reasoning.plan import tasks_of
from loadgen.workloads.reasoning.task import Task, draw_tasks

_TASKS = 12


def facts(task: Task, sentence: str) -> list[dict[str, Any]]:
    """The values of all facts that are told by this sentence."""
    return [dict(fact.values) for fact in task.facts if fact.sentence == sentence]


def shopping(task: Task) -> str:
    goods = ("notebooks", "pencils", "lamps")
    coins = sum(facts(task, "paid")[0]["worth"] for _ in range(facts(task, "paid")[0]["bills"]))
    for kind in goods:
        for _ in range(facts(task, kind)[0]["count"]):
            coins -= facts(task, kind)[0]["price"]
            coins += facts(task, "voucher")[0]["off"] if kind == "lamps" else 0
    return str(coins)


def equations(task: Task) -> str:
    orders = facts(task, "order")
    (price,) = (
        (lamp, chair)
        for lamp, chair in product(range(1, 30), repeat=2)
        if all(one["lamps"] * lamp + one["chairs"] * chair == one["price"] for one in orders)
    )
    return str(int(task.asked["lamps"]) * price[0] + int(task.asked["chairs"]) * price[1])


def remainders(task: Task) -> str:
    return str(next(x for x in count(1) if all(x % one["row"] == one["left"] for one in facts(task, "rows"))))


def dates(task: Task) -> str:
    day = date.fromisoformat(facts(task, "posted")[0]["date"])
    for _ in range(facts(task, "travels")[0]["weeks"] * 7 + facts(task, "held")[0]["days"]):
        day += timedelta(days=1)
    for _ in range(facts(task, "letter")[0]["before"]):
        day -= timedelta(days=1)
    return day.isoformat()


def meeting(task: Task) -> str:
    def inside(minute: int, window: dict[str, Any]) -> bool:
        start, end = (int(window[key][:2]) * 60 + int(window[key][3:]) for key in ("start", "end"))
        return start <= minute < end

    free, taken = facts(task, "free"), facts(task, "taken")
    return str(
        sum(
            all(inside(minute, one) for one in free) and not any(inside(minute, one) for one in taken)
            for minute in range(24 * 60)
        )
    )


def units(task: Task) -> str:
    (have,) = facts(task, "have")
    held = {have["large"]: have["many"], have["small"]: have["few"]}
    while set(held) != {task.asked["unit"]}:
        for rate in facts(task, "rate"):
            held[rate["small"]] = held.get(rate["small"], 0) + held.pop(rate["large"], 0) * rate["factor"]
    return str(held[str(task.asked["unit"])])


def survey(task: Task) -> str:
    people = facts(task, "people")[0]["people"]
    tea, coffee, both = (facts(task, name)[0]["share"] * people // 100 for name in ("tea", "coffee", "both"))
    drinkers = set(range(tea)) | set(range(tea - both, tea - both + coffee))
    return str(people - len(drinkers) - facts(task, "water")[0]["count"])


def counting(task: Task) -> str:
    women, men = facts(task, "women")[0]["women"], facts(task, "men")[0]["men"]
    members = ["w"] * women + ["m"] * men
    least, size = facts(task, "least")[0]["least"], int(task.asked["size"])
    return str(sum(chosen.count("w") >= least for chosen in combinations(members, size)))


def knights(task: Task) -> str:
    names = sorted(str(name) for name in task.asked)
    said: dict[str, Callable[[set[str], dict[str, Any]], bool]] = {
        "knight": lambda world, one: one["one"] in world,
        "knave": lambda world, one: one["one"] not in world,
        "same": lambda world, one: len({one["one"], one["other"]} & world) != 1,
        "different": lambda world, one: len({one["one"], one["other"]} & world) == 1,
    }
    worlds = [set(chosen) for size in range(5) for chosen in combinations(names, size)]
    (found,) = (
        world
        for world in worlds
        if all(
            said[fact.sentence](world, dict(fact.values)) is (fact.values["speaker"] in world) for fact in task.facts
        )
    )
    return ", ".join(sorted(found)) or "NONE"


def ranking(task: Task) -> str:
    names = {str(value) for fact in task.facts for key, value in fact.values.items() if key != "place"}
    assert len(names) == 5
    found: set[tuple[str, ...]] = set()
    for order in permutations(sorted(names)):
        line = " ".join(order)
        before = all(line.index(one["one"]) < line.index(one["other"]) for one in facts(task, "before"))
        directly = all(f"{one['one']} {one['other']}" in line for one in facts(task, "next"))
        if before and directly and all(order[one["place"] - 1] != one["one"] for one in facts(task, "not")):
            found.add(order)
    (order,) = found
    return order[int(task.asked["asked"]) - 1]


def route(task: Task) -> str:
    length = {}
    for road in facts(task, "road"):
        length[road["one"], road["other"]] = length[road["other"], road["one"]] = road["km"]
    towns = {town for pair in length for town in pair}
    start, end = str(task.asked["start"]), str(task.asked["end"])
    ways = (
        (start, *between, end)
        for size in range(len(towns) - 1)
        for between in permutations(sorted(towns - {start, end}), size)
    )
    legs = ([*pairwise(way)] for way in ways)
    return str(min(sum(length[leg] for leg in way) for way in legs if all(leg in length for leg in way)))


def ledger(task: Task) -> str:
    held = {one["name"]: one["coins"] for one in facts(task, "opening")}
    for one in sorted(facts(task, "transfer"), key=lambda one: one["day"]):
        after = held[one["source"]] - one["coins"]
        if after >= 0:
            held |= {one["source"]: after, one["target"]: held[one["target"]] + one["coins"]}
    return str(held[task.asked["asked"]])


def letters(task: Task) -> str:
    word = list(str(task.asked["word"]))
    for fact in sorted(task.facts, key=lambda fact: fact.values["step"]):
        given: dict[str, Any] = dict(fact.values)
        if fact.sentence == "reverse":
            word.reverse()
        elif fact.sentence == "move":
            for _ in range(given["count"]):
                word.append(word.pop(0))
        elif fact.sentence == "swap":
            one, other = given["first"] - 1, given["second"] - 1
            word[one], word[other] = word[other], word[one]
        else:
            del word[given["first"] - 1]
    return "".join(word)


def registers(task: Task) -> str:
    held = {one["one"]: one["value"] for one in facts(task, "start")}
    steps = sorted((fact for fact in task.facts if fact.sentence != "start"), key=lambda fact: fact.values["step"])
    for _ in range(int(task.asked["rounds"])):
        for fact in steps:
            given: dict[str, Any] = dict(fact.values)
            one = given["one"]
            if fact.sentence == "plus":
                held[one] = held[one] + held[given["other"]]
            elif fact.sentence == "minus":
                held[one] = held[one] - held[given["other"]]
            elif fact.sentence == "raise":
                held[one] = held[one] + given["by"]
            elif held[one] > given["limit"]:
                held[one] = held[one] - given["by"]
    return str(held[task.asked["asked"]])


_SECOND_WAYS: Sequence[Callable[[Task], str]] = (
    *(shopping, equations, remainders, dates, meeting, units, survey),
    *(counting, knights, ranking, route, ledger, letters, registers),
)


@pytest.mark.parametrize("second_way", _SECOND_WAYS, ids=lambda way: way.__name__)
def test_answers_are_right_by_a_second_way(second_way: Callable[[Task], str]) -> None:
    for task in draw_tasks(FAMILIES[second_way.__name__], _TASKS, seed=3):
        assert second_way(task) == task.answer, task
        assert task.wrong != task.answer


def test_every_family_is_there_and_has_a_second_way() -> None:
    assert tuple(FAMILIES) == FAMILY_NAMES
    assert {way.__name__ for way in _SECOND_WAYS} == set(FAMILY_NAMES)
    assert len(FAMILY_NAMES) >= 10
    assert len(PHRASINGS) >= 8


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_every_phrasing_holds_every_fact(name: str) -> None:
    for task in draw_tasks(FAMILIES[name], 4, seed=1):
        assert task.family.form in ("name", "names") or task.answer not in task.given
        texts = {phrasing: put(task, phrasing, seed=1) for phrasing in PHRASINGS}
        assert len(set(texts.values())) == len(PHRASINGS)
        for phrasing, text in texts.items():
            for value in task.given:
                assert value in text, (task.id, phrasing, value)
            assert "{" not in text.replace("\\boxed{}", "")


def test_reordering_changes_nothing_but_the_order() -> None:
    for task in tasks_of(ReasoningSpec(name="r"), seed=1):
        plain, reordered = (put(task, phrasing, seed=1) for phrasing in ("plain", "reordered"))
        assert plain != reordered
        assert sorted(plain.split()) == sorted(reordered.split())


def test_slips_are_in_lower_case_words_alone() -> None:
    slipped = 0
    for task in tasks_of(ReasoningSpec(name="r"), seed=1):
        plain, typos = (put(task, phrasing, seed=1).split() for phrasing in ("plain", "typos"))
        assert len(plain) == len(typos)
        changed = [(word, slip) for word, slip in zip(plain, typos, strict=True) if word != slip]
        assert all(word.islower() and word.isalpha() and word not in task.given for word, _ in changed)
        assert all(word[0] == slip[0] and word[-1] == slip[-1] for word, slip in changed)
        slipped += len(changed)
    assert slipped > 100


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_right_and_the_wrong_answer_are_told_apart_in_every_form(name: str) -> None:
    forms = {"line": "Well.\nANSWER: {}", "json": '{{"answer": "{}"}}', "boxed": "It is \\boxed{{{}}}"}
    for task in draw_tasks(FAMILIES[name], _TASKS, seed=5):
        for phrasing in PHRASINGS:
            asked = asked_form(phrasing)
            for said, outcome in ((task.answer, "right"), (task.wrong, "wrong")):
                found = judge(forms[asked].format(said), task.family.form, asked, task.answer, cut_off=False)
                assert found == (outcome, said)
