"""How the simulated model reads a long prompt: what it looks up, what it overlooks, and what it never does."""

import pytest

from loadgen.simulator.answers import Author, Dials
from loadgen.simulator.dialects import DIALECTS
from loadgen.simulator.dials import Curve, Quality, ReadingDials
from loadgen.simulator.passages import find_passages, question_in
from loadgen.simulator.pauses import run_through
from loadgen.simulator.timing import PROFILES
from loadgen.simulator.wire import read_chat
from tests.support.chats import chat_body

_FETCH = '''t(self):
    pass

async def fetch(url, retries: int = 3, *, timeout=2.5, mode='safe'):
    """Get it, or
    raise TypeError for no URL.
    """
    if not url:
        raise net.FetchError("no url")

class Agent(Base):
    pass'''
_PASSAGES = (
    ("net/fetch.py, 2023-04-01", _FETCH.replace("2.5", "9.5").replace("(Base)", "(OldBase)")),
    (
        "other.py, 2024-09-09",
        "def fetch(url, timeout=77): ...\nclass Base(Root): pass\nthe marmot whistles\n\nand [1] more",
    ),
    ("net/fetch.py, 2024-02-01", _FETCH),
    ("guide, Part 1, 2023-01-01", "Every herd has\nexactly 1,250 sheep in it, and a marmot. Marmots sleep."),
)
_SENTENCE = (
    "Which word or number stands at ____ in this sentence of guide, Part 1: "
    '"Every herd has exactly ____ sheep in it, and a marmot."?'
)


def prompt(question: str) -> str:
    bodies = "".join(f"[{number}] {head}\n{text}\n\n" for number, (head, text) in enumerate(_PASSAGES, 1))
    asked = f"Question: {question}\nAnswer with the value only. If the passages do not say, answer: NOT FOUND"
    return f"Reference 1f0c.\nAnswer the question at the end.\n\n{bodies}{asked}"


def answer(question: str, seed: int = 1, **dials: object) -> str:
    quality = Quality(reading=ReadingDials(**dials))  # type: ignore[arg-type]
    author = Author(DIALECTS["openai"], Dials(quality=quality), PROFILES["fast"], seed)
    return author.answer_chat(read_chat(chat_body(("user", prompt(question))))).text


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the default value of parameter 'timeout' of function 'fetch' in net/fetch.py?", "2.5"),
        ("What is the default value of parameter 'timeout' of function 'fetch' in other.py?", "77"),
        ("What is the default value of parameter 'retries' of function 'fetch' in net/fetch.py?", "3"),
        ("What is the default value of parameter 'mode' of function 'fetch' in net/fetch.py?", "'safe'"),
        ("What is the default value of parameter 'mode' of function 'fetch' in other.py?", "NOT FOUND"),
        ("Which exception does function 'fetch' in net/fetch.py raise?", "net.FetchError"),
        ("Which exception does function 'fetch' in other.py raise?", "NOT FOUND"),
        ("What is the base class of class 'Agent' in net/fetch.py?", "Base"),
        ("What is the base class of class 'Agent' in missing.py?", "NOT FOUND"),
        ("What is the base class of the base class of class 'Agent' in net/fetch.py?", "Root"),
        (_SENTENCE, "1,250"),
        ("In how many different sources does the word 'marmot' occur?", "2"),
        ("In how many different sources does the word 'url' occur?", "2"),
    ],
)
def test_it_looks_answers_up_in_the_newest_copy(question: str, expected: str) -> None:
    assert answer(question) == expected


_TIMEOUT = "What is the default value of parameter 'timeout' of function 'fetch' in net/fetch.py?"


def test_a_model_that_sees_nothing_finds_nothing() -> None:
    assert answer(_TIMEOUT, recall=0.0) == "NOT FOUND"


def test_a_model_that_invents_says_anything_but_what_is_there() -> None:
    said = {answer(_TIMEOUT, seed, recall=0.0, made_up=1.0) for seed in range(20)}
    assert len(said) > 1
    assert not said & {"2.5", "9.5", "NOT FOUND"}


def test_outdated_copies_are_believed_as_often_as_told() -> None:
    assert {answer(_TIMEOUT, seed, stale=1.0) for seed in range(5)} == {"9.5"}
    fetch_in_other = "What is the default value of parameter 'timeout' of function 'fetch' in other.py?"
    assert answer(fetch_in_other, stale=1.0) == "77"


def test_recall_is_that_of_the_depth_where_the_passage_stands() -> None:
    nothing_in_third_place = Curve(((0.0, 1.0), (0.6, 0.0), (0.7, 0.0), (1.0, 1.0)))
    assert answer(_TIMEOUT, by_depth=nothing_in_third_place) == "NOT FOUND"
    assert answer(_SENTENCE, by_depth=nothing_in_third_place) == "1,250"


def test_the_same_conversation_and_seed_give_the_same_answer() -> None:
    once = [answer(_TIMEOUT, seed, recall=0.5, stale=0.5, made_up=0.5) for seed in range(30)]
    assert once == [answer(_TIMEOUT, seed, recall=0.5, stale=0.5, made_up=0.5) for seed in range(30)]
    assert len(set(once)) > 3


def test_a_later_question_is_about_the_passages_before() -> None:
    follow_up = "Question: What is the base class of class 'Agent' in net/fetch.py?\nOr answer: NOT FOUND"
    body = chat_body(("user", prompt(_TIMEOUT)), ("assistant", "2.5"), ("user", follow_up))
    author = Author(DIALECTS["openai"], Dials(), PROFILES["fast"], 1)
    assert author.answer_chat(read_chat(body)).text == "Base"


def test_a_forced_length_makes_it_go_on_after_the_answer() -> None:
    body = chat_body(("user", prompt(_TIMEOUT)), max_tokens=20, ignore_eos=True)
    answered = Author(DIALECTS["vllm"], Dials(), PROFILES["fast"], 1).answer_chat(read_chat(body))
    assert len(answered.pieces) == 20
    assert answered.text.startswith("2.5 ")


def test_passages_and_a_question_are_found_as_they_stand() -> None:
    text = prompt(_TIMEOUT)
    found = run_through(find_passages(text))
    assert [(one.source, one.date) for one in found.all] == [tuple(head.rsplit(", ", 1)) for head, _ in _PASSAGES]
    assert [found.text(one) for one in found.all] == [body for _, body in _PASSAGES]
    assert question_in(text) == _TIMEOUT
    assert question_in("Question: What time is it?\nTell me.") is None
