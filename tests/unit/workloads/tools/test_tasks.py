"""The shipped tasks: done where the calls of the plan are made, and not done where anything else is."""

import json
import re
from random import Random

import pytest

from loadgen.scenario.tools import TASK_NAMES, TaskName
from loadgen.workloads.tools.agent import AgentSession
from tests.support.agents import DONE, Model, agent, agents, calling, play
from tests.support.messages import whole

_MESSAGE_OF = {
    "cancel_and_ticket": r'Cancel order A-\d+ and open a ticket for customer C-\d+ titled "[^"]+"\.',
    "copy_file": r"Read the file \S+ and write its content, unchanged, to the file \S+\.",
    "move_event": r'Find the event titled "[^"]+" on [\d-]{10} and move it to [\d-]{10} at \d\d:\d\d\.',
    "refund_share": r"Refund \d+ percent of the total of order A-\d+\.",
    "ticket_for_name": r'Find the customer named "[^"]+" and open a ticket for that customer titled "[^"]+" '
    r"with priority (low|high)\.",
    "comment_and_close": r'Comment "[^"]+" on ticket (T-\d+), then close ticket \1\.',
    "cite_article": r'Search the articles for "[^"]+" and comment the id of the article titled "[^"]+" '
    r"on ticket T-\d+\.",
    "calculate_to_file": r"Calculate [\d+*() -]+ and write the result, digits only, to the file \S+\.",
    "cancel_open_orders": r'Cancel every order of customer C-\d+ whose status is "open"\.',
    "event_and_delete": r'Create an event titled "[^"]+" on [\d-]{10} at \d\d:\d\d for \d+ minutes '
    r"and delete the file \S+\.",
    "nothing": r"Nothing is to be done\. Reply with the word DONE\.",
}


@pytest.mark.parametrize("name", TASK_NAMES)
def test_a_task_is_said_as_documented(name: TaskName) -> None:
    for number in range(20):
        turn = agent(number, tasks=[name]).next_turn(None)
        assert turn is not None
        assert re.fullmatch(_MESSAGE_OF[name], json.loads(whole(turn.messages[-1]))["content"])


@pytest.mark.parametrize("name", TASK_NAMES)
def test_a_task_is_done_where_its_calls_are_made(name: TaskName) -> None:
    for number in range(20):
        found = [marks for _, marks in play(agent(number, tasks=[name], tasks_per_session=2), Model(Random(1)))]
        assert [marks["done"] for marks in found if "done" in marks] == [True, True]
        assert all("call_right" in marks for marks in found if "calls" in marks)


@pytest.mark.parametrize("name", [name for name in TASK_NAMES if name != "nothing"])
def test_a_task_is_not_done_where_nothing_is_done(name: TaskName) -> None:
    ((_, marks),) = play(agent(3, tasks=[name]), lambda _: DONE)
    assert marks["done"] is False
    assert marks["missing"] == marks["planned"]


@pytest.mark.parametrize("name", TASK_NAMES)
def test_a_task_is_not_done_where_something_else_is_done_too(name: TaskName) -> None:
    def meddles(session: AgentSession) -> object:
        assert session.task is not None
        if not session.task.plan.open:
            return DONE
        surplus = ("write_file", {"path": "surplus.txt", "content": "x"})
        return calling(session.task.plan.next_open, surplus)

    found = [marks for _, marks in play(agent(4, tasks=[name]), meddles)]  # type: ignore[arg-type]
    assert found[-1]["done"] is (name == "nothing")


def test_a_session_takes_other_tasks_than_its_neighbour() -> None:
    firsts = {str(next(iter(play(agent(number), lambda _: DONE)))[1]["task"]) for number in range(len(TASK_NAMES))}
    assert firsts == set(TASK_NAMES)


def test_the_same_number_and_seed_give_the_same_session() -> None:
    workload = agents(subagents=1, paired=0.5)
    for number in range(10):
        turns = []
        for _ in range(2):
            session = workload.session(number, Random(number))
            assert session is not None
            turns.append(session.next_turn(None))
        assert turns[0] is not None
        assert turns[1] is not None
        assert turns[0].messages == turns[1].messages


def test_no_two_sessions_open_alike() -> None:
    openings = set()
    for number in range(50):
        turn = agent(number).next_turn(None)
        assert turn is not None
        openings.add(turn.messages[0])
    assert len(openings) == 50
