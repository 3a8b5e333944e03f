"""An answer is read out of a reply in one way, and what can't be read is neither right nor wrong."""

import pytest

from loadgen.scenario.long_context import QuestionKind
from loadgen.workloads.long_context.answers import judge, read_answer, same

QUESTIONS: dict[QuestionKind, str] = {
    "default": "What is the default value of parameter 'limit' of function 'fetch' in net/socket_1.py?",
    "raises": "Which exception does function 'fetch' in net/socket_1.py raise?",
    "base": "What is the base class of class 'Cache' in net/socket_1.py?",
    "fact": 'Which word or number stands at ____ in this sentence of a.md: "It holds ____ entries at most."?',
    "two_hop": "What is the base class of the base class of class 'Cache' in net/socket_1.py?",
    "count": "In how many different sources does the word 'entries' occur?",
}


@pytest.mark.parametrize(
    ("kind", "reply", "answer"),
    [
        ("default", "8192", "8192"),
        ("default", "8,192.", "8192"),
        ("default", "`8_192`", "8192"),
        ("default", "0x2000", "8192"),
        ("default", "8192.0", "8192"),
        ("default", "'utf-8'", '"utf-8"'),
        ("default", "utf-8", '"utf-8"'),
        ("default", "**8192**", "8192"),
        ("default", "-999", "-999"),
        ("default", "The default value of `limit` is 8192.", "8192"),
        ("default", "Let me see.\nAnswer: 8192", "8192"),
        ("default", "<think>4096? No.</think>\n8192", "8192"),
        ("default", "4096 is the older one.</think>8192", "8192"),
        ("default", "0.5", ".5"),
        ("default", "It is .5 by default.", "0.5"),
        ("raises", "ValueError", "ValueError"),
        ("raises", "raise ValueError", "ValueError"),
        ("raises", "Full()", "queue.Full"),
        ("raises", 'raise Full("no room")', "Full"),
        ("base", "class list", "list"),
        ("base", "class Cache(collections.UserList):", "collections.UserList"),
        ("base", "```python\nclass Cache(UserList):\n```", "collections.UserList"),
        ("raises", "queue.Empty", "Empty"),
        ("raises", "Empty", "queue.Empty"),
        ("raises", "It raises `TimeoutError`.", "TimeoutError"),
        ("raises", "The function fetch raises a TimeoutError", "TimeoutError"),
        ("raises", "KeyError, raised where the key is not found.", "KeyError"),
        ("raises", "KeyError\n\nIt is raised where the key is not found.", "KeyError"),
        ("default", "Answer: 8192\n(a limit that is not found elsewhere)", "8192"),
        ("base", "The answer is abc.ABC", "abc.ABC"),
        ("fact", "melting", "melting"),
        ("fact", 'The missing word is "melting".', "melting"),
        ("fact", "1024", "1,024"),
        ("two_hop", "Answer: list", "list"),
        ("two_hop", "```\nlist\n```", "list"),
        ("base", "list\n\nThe class is derived from it.", "list"),
        ("fact", "According to passage [12], it is `melting`.", "melting"),
        ("default", "Passage 12 says 8192 [12].", "8192"),
        ("count", "It occurs in 3 of them [1, 4, 7].", "3"),
        ("count", "3", "3"),
        ("count", "Three", "3"),
        ("count", "It occurs in three different sources.", "3"),
        ("count", "The word occurs in 3 sources.", "3"),
    ],
)
def test_a_right_answer_is_right_in_the_words_of_a_model(kind: QuestionKind, reply: str, answer: str) -> None:
    assert judge(reply, kind=kind, question=QUESTIONS[kind], answer=answer, stale=("77",)) == "right"


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        ("default", ""),
        ("default", "either 8192 or 4096"),
        ("default", "I can't tell from what is here, sorry about that"),
        ("default", "<think>It may be 8192, but"),
        ("raises", "It raises something when it fails."),
        ("count", "The number of sources is between 3 and 5."),
        ("default", "def fetch(limit=8192): ...\n" + 40 * "and so on "),
        ("fact", "According to passage [12], it is melting."),
        ("fact", "The sentence speaks of the entries it can hold"),
    ],
)
def test_what_may_be_several_things_is_unreadable(kind: QuestionKind, reply: str) -> None:
    assert read_answer(reply, kind, QUESTIONS[kind]) is None
    assert judge(reply, kind=kind, question=QUESTIONS[kind], answer="8192") == "unreadable"


@pytest.mark.parametrize("reply", ["NOT FOUND", "not found.", "Answer: NOT FOUND", "**NOT FOUND**", "NOT_FOUND"])
def test_not_found_is_right_where_there_is_nothing_and_an_abstention_where_there_is(reply: str) -> None:
    question = QUESTIONS["default"]
    assert judge(reply, kind="default", question=question, answer=None) == "right"
    assert judge(reply, kind="default", question=question, answer="8192") == "abstained"


@pytest.mark.parametrize("said", ["", "Question: What is it?\nAnswer with the value only. "])
def test_who_says_the_instruction_again_has_not_said_that_it_is_not_there(said: str) -> None:
    reply = f"{said}If the passages do not say, answer: NOT FOUND"
    assert judge(reply, kind="default", question=QUESTIONS["default"], answer=None) == "unreadable"
    assert judge(f"{reply}\nNOT FOUND", kind="default", question=QUESTIONS["default"], answer=None) == "right"


def test_a_number_that_no_float_holds_is_only_wrong() -> None:
    reply = "0x" + 300 * "f"
    assert judge(reply, kind="default", question=QUESTIONS["default"], answer="8192") == "wrong"


def test_an_answer_where_there_is_none_is_made_up() -> None:
    assert judge("8192", kind="default", question=QUESTIONS["default"], answer=None) == "made_up"


def test_wrong_answers_are_told_apart_by_where_they_come_from() -> None:
    def outcome(reply: str) -> str:
        return judge(
            reply,
            kind="default",
            question=QUESTIONS["default"],
            answer="8192",
            stale=("4096", "100"),
            remembered="512",
        )

    assert outcome("100") == "stale"
    assert outcome("512") == "remembered"
    assert outcome("77") == "wrong"


def test_a_number_out_of_the_question_is_no_answer() -> None:
    question = "What is the default value of parameter 'limit' of function 'fetch' in 3 of 8192?"
    assert read_answer("The parameter 'limit' of 8192 is 77", "default", question) == "77"


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("007", "7", True),
        ("1e3", "1000", True),
        ("0o17", "15", True),
        ("0b9", "9", False),
        ("1", "True", False),
        ("Empty", "NotEmpty", False),
        ("queue.Empty", "asyncio.Empty", False),
        ("utf-8", "UTF-8", False),
        ("value.", "value", True),
        ("...", "..", False),
    ],
)
def test_sameness_goes_by_value_for_numbers_and_by_the_letter_for_the_rest(one: str, other: str, equal: bool) -> None:
    assert same(one, other) is equal
    assert same(other, one) is equal
