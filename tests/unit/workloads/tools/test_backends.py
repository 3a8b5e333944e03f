"""The shipped tools: real schemas, and back ends that do what they say, the same way every time."""

import json
from collections import Counter
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from loadgen.errors import UsageError
from loadgen.scenario.tools import FAMILIES, TASK_NAMES
from loadgen.workloads.tools.backends import SHIPPED
from loadgen.workloads.tools.backends.arithmetic import calculate
from loadgen.workloads.tools.catalogue import SHIPPED_BY_NAME, choose
from loadgen.workloads.tools.plan import run_in
from loadgen.workloads.tools.tasks import needed_tools
from loadgen.workloads.tools.world import RefusedCallError, World


def _world() -> World:
    world = World()
    world.add("customers", "customer_id", "C-1", name="Ada Quill", city="x")
    world.add("orders", "order_id", "A-1", customer_id="C-1", status="open", total=100.0, refunded=0.0, address="y")
    world.add("files", "path", "notes/a.txt", content="hello")
    world.add("events", "event_id", "E-1", title="Talk", date="2026-03-05", start="09:00", minutes=60)
    ticket: dict[str, Any] = {"title": "t", "priority": "low", "status": "open", "comments": (), "agent": None}
    world.add("tickets", "ticket_id", "T-1", customer_id="C-1", **ticket)
    world.add("articles", "article_id", "K-1", title="Reset a password", text="How to")
    return world


def _run(world: World, name: str, /, **arguments: Any) -> dict[str, Any]:
    return run_in(world, SHIPPED_BY_NAME[name], arguments)[0]


def test_there_are_24_tools_or_more_in_six_families() -> None:
    families = Counter(tool.family for tool in SHIPPED)
    assert len(SHIPPED) >= 24
    assert set(families) == set(FAMILIES)
    assert min(families.values()) >= 4


@pytest.mark.parametrize("tool", [*choose(200, (), "s").tools.values()], ids=lambda tool: tool.name)
def test_a_tool_has_a_schema_of_draft_2020_12_that_takes_nothing_unknown(tool: Any) -> None:
    Draft202012Validator.check_schema(tool.parameters)
    assert tool.parameters["additionalProperties"] is False
    assert tool.description


def test_a_catalogue_has_as_many_tools_as_asked_for_and_those_that_are_needed() -> None:
    needed = needed_tools(TASK_NAMES)
    for count in (len(needed), 27, 100, 200):
        catalogue = choose(count, needed, "seed")
        assert len(json.loads(catalogue.shared)) == len(catalogue.tools) == count
        assert set(needed) <= set(catalogue.tools)


def test_a_catalogue_without_room_for_what_the_tasks_need_is_refused() -> None:
    with pytest.raises(UsageError, match="3 is too few, the tasks need 17"):
        choose(3, needed_tools(TASK_NAMES), "seed")


def test_the_order_of_the_tools_comes_from_the_seed() -> None:
    one, same, other = (choose(100, (), seed).shared for seed in ("a", "a", "b"))
    assert one == same
    assert one != other


def test_fresh_definitions_differ_early_and_in_nothing_but_a_description() -> None:
    catalogue = choose(30, (), "seed")
    one, other = catalogue.fresh("1"), catalogue.fresh("2")
    first = next(index for index, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    assert first < 100
    shared, fresh = json.loads(catalogue.shared), json.loads(one)
    fresh[0]["function"]["description"] = fresh[0]["function"]["description"].removeprefix("(1) ")
    assert fresh == shared


def test_the_same_calls_give_the_same_world_and_a_copy_is_a_world_of_its_own() -> None:
    worlds = []
    for _ in range(2):
        world = _world()
        before = world.copy()
        _run(world, "open_ticket", customer_id="C-1", title="New", priority="high")
        _run(world, "comment_on_ticket", ticket_id="T-1", text="Hi")
        _run(world, "move_event", event_id="E-1", date="2026-04-01", start="10:00")
        assert before.tables == _world().tables
        worlds.append(world)
    assert worlds[0].tables == worlds[1].tables != _world().tables


def test_files_are_written_moved_and_deleted() -> None:
    world = _world()
    _run(world, "write_file", path="notes/b.txt", content="new")
    assert _run(world, "move_file", path="notes/b.txt", to="archive/b.txt") == {"path": "archive/b.txt"}
    assert _run(world, "read_file", path="archive/b.txt")["content"] == "new"
    assert _run(world, "list_files", folder="notes/") == {"paths": ["notes/a.txt"]}
    _run(world, "delete_file", path="notes/a.txt")
    assert "error" in _run(world, "read_file", path="notes/a.txt")


def test_an_order_is_cancelled_once_and_refunded_up_to_its_total() -> None:
    world = _world()
    assert _run(world, "refund_order", order_id="A-1", amount=60)["refunded"] == 60
    assert "error" in _run(world, "refund_order", order_id="A-1", amount=41)
    assert _run(world, "cancel_order", order_id="A-1")["status"] == "cancelled"
    assert "error" in _run(world, "cancel_order", order_id="A-1")


def test_a_closed_ticket_takes_no_comment() -> None:
    world = _world()
    _run(world, "close_ticket", ticket_id="T-1")
    assert _run(world, "comment_on_ticket", ticket_id="T-1", text="x") == {"error": "ticket T-1 is closed"}


def test_searches_find_by_words_whatever_their_case() -> None:
    world = _world()
    assert _run(world, "find_customers", name="ada q")["customers"][0]["customer_id"] == "C-1"
    assert _run(world, "search_articles", query="PASSWORD")["articles"][0]["article_id"] == "K-1"
    assert _run(world, "search_articles", query="lamp") == {"articles": []}


@pytest.mark.parametrize(
    ("expression", "value"),
    [("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("2 - 3 - 4", -5), ("8 / 4 / 2", 1), ("-(2 + 3) * -1", 5), ("1.5*2", 3)],
)
def test_arithmetic_binds_as_it_should(expression: str, value: float) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression", ["", "1 +", "(1", "1 2", "__import__('os')", "2 ** 3", "1 / 0", "1)", "*3", "1 / (2 - 2)"]
)
def test_what_is_no_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises(RefusedCallError):
        calculate(expression)


def test_numbers_come_out_plain() -> None:
    world = World()
    assert _run(world, "percent_of", percent=15, amount=240.0) == {"result": 36}
    assert _run(world, "sum_numbers", numbers=[0.1, 0.2]) == {"result": 0.3}
    assert _run(world, "convert_length", value=1, from_unit="km", to_unit="m") == {"result": 1000}


def test_a_decoy_changes_nothing() -> None:
    world = _world()
    decoys = [tool for tool in choose(200, (), "s").tools.values() if tool.family == "other"]
    assert len(decoys) > 150
    for tool in decoys:
        given = dict.fromkeys(tool.parameters["required"], "x")
        run_in(world, tool, given)
    assert world.tables == _world().tables
