"""Long-context prompts: what the question asks for is in there once, in the right place, or not at all."""

import gc
import json
import tracemalloc
from collections import Counter
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from random import Random
from time import process_time

import pytest

from loadgen.client.reply import Reply
from loadgen.marks import Marks
from loadgen.scenario.long_context import LongContextSpec
from loadgen.workloads.base import NotedWorkload, PreparedSession, ScoredSession, Turn
from loadgen.workloads.long_context import LongContextWorkload
from loadgen.workloads.long_context.answers import same
from loadgen.workloads.sizing import SizedWorkload, TextSizer
from tests.support.messages import whole
from tests.support.passage_reader import Read, look_up, passages_of, question_of

SESSIONS = 150
GRID = {"context_tokens": [2000, 6000], "depth": [0.0, 0.5, 1.0], "noise": [0.2, 0.8]}

PLAIN = {
    "corpus": "python-docs",
    "questions": ["fact"],
    "altered": 0,
    "stale": 0,
    "duplicates": 0,
    "boilerplate": 0,
    "unanswerable": 0,
}


def built(**keys: object) -> LongContextWorkload:
    spec = LongContextSpec.model_validate({"name": "docs", **GRID, **keys})
    return LongContextWorkload(spec, TextSizer(), seed=1)


@pytest.fixture(scope="module")
def code() -> LongContextWorkload:
    return built(turns=2, unanswerable=0.3)


@pytest.fixture(scope="module")
def prose() -> LongContextWorkload:
    return built(corpus="python-docs", noise=[0.5], stale=2)


def contents(turn: Turn) -> list[str]:
    return [json.loads(whole(message))["content"] for message in turn.messages]


def played(workload: LongContextWorkload, ordinal: int) -> list[tuple[str, list[Read], str, Marks]]:
    """Every turn of a session, answered by the honest reader: question, passages, answer and marks."""
    session = workload.session(ordinal, Random(f"session {ordinal}"))
    found: list[tuple[str, list[Read], str, Marks]] = []
    turn = session.next_turn(None)
    while turn is not None:
        texts = contents(turn)
        passages, question = passages_of(texts[0]), question_of(texts[-1])
        answer = look_up(question, passages)
        reply = Reply(ok=True, text=answer, finish_reason="stop")
        found.append((question, passages, answer, session.score(reply)))
        turn = session.next_turn(reply)
    return found


def test_who_reads_is_right_about_code_at_every_length_depth_and_noise(code: LongContextWorkload) -> None:
    wrong = [
        (question, answer, marks)
        for ordinal in range(SESSIONS)
        for question, _, answer, marks in played(code, ordinal)
        if marks["outcome"] != "right"
    ]
    assert wrong == []


def test_who_reads_is_right_about_prose(prose: LongContextWorkload) -> None:
    turns = [turn for ordinal in range(SESSIONS) for turn in played(prose, ordinal)]
    assert [(question, answer) for question, _, answer, marks in turns if marks["outcome"] != "right"] == []
    assert {marks["kind"] for _, _, _, marks in turns} == {"fact", "count"}


def test_every_kind_is_asked_and_unanswerable_ones_as_often_as_said(code: LongContextWorkload) -> None:
    marks = [mark for ordinal in range(SESSIONS) for _, _, _, mark in played(code, ordinal)]
    assert {mark["kind"] for mark in marks} == {"default", "raises", "base", "fact", "two_hop", "count"}
    unanswerable = sum(not mark["answerable"] for mark in marks)
    assert 0.2 < unanswerable / len(marks) < 0.4
    assert all(mark["kind"] not in ("two_hop", "count") for mark in marks if not mark["answerable"])


def test_who_reads_the_oldest_copy_is_stale(code: LongContextWorkload) -> None:
    outcomes: Counter[object] = Counter()
    for ordinal in range(40):
        session = code.session(ordinal, Random(ordinal))
        turn = session.next_turn(None)
        assert turn is not None
        passages = [replace(one, date=_reversed(one.date)) for one in passages_of(contents(turn)[0])]
        marks = session.score(Reply(ok=True, text=look_up(question_of(contents(turn)[0]), passages)))
        if marks["answerable"] and marks["stale_copies"] and marks["kind"] != "two_hop":
            outcomes[marks["outcome"]] += 1
    assert set(outcomes) == {"stale"}


def test_who_answers_from_the_corpus_and_not_from_the_prompt_remembers() -> None:
    workload = built(corpus="python-docs", questions=["fact"], altered=1, unanswerable=0, stale=0)
    unaltered = [
        Read(workload.corpus.sources[one.document], "2024-01-01", one.text) for one in workload.corpus.passages
    ]
    for ordinal in range(10):
        session = workload.session(ordinal, Random(ordinal))
        turn = session.next_turn(None)
        assert turn is not None
        answer = look_up(question_of(contents(turn)[0]), unaltered)
        assert session.score(Reply(ok=True, text=answer))["outcome"] == "remembered"


def _reversed(date: str) -> str:
    """A date that sorts the other way round."""
    return "".join(str(9 - int(digit)) if digit.isdigit() else digit for digit in date)


def test_the_grid_is_visited_evenly_in_an_order_of_its_own(code: LongContextWorkload) -> None:
    cells = [code.cell(ordinal) for ordinal in range(36)]
    every = list(product(code.spec.context_tokens, code.spec.depth, code.spec.noise))
    for block in (cells[:12], cells[12:24], cells[24:]):
        assert sorted((cell.context_tokens, cell.depth, cell.noise) for cell in block) == sorted(every)
    assert cells[:12] != cells[12:24]


def test_every_worker_builds_the_same_session(prose: LongContextWorkload) -> None:
    other = built(corpus="python-docs", noise=[0.5], stale=2)
    for ordinal in (0, 7, 31):
        one, two = (workload.session(ordinal, Random(5)).next_turn(None) for workload in (prose, other))
        assert one is not None
        assert one == two


def test_the_passage_stands_at_the_depth_of_its_cell(code: LongContextWorkload) -> None:
    for ordinal in range(60):
        question, passages, _, marks = played(code, ordinal)[0]
        if marks["kind"] not in ("default", "raises", "base", "fact") or not marks["answerable"]:
            continue
        places = [
            number
            for number, passage in enumerate(passages)
            if look_up(question, [passage]) != "NOT FOUND" and passage.date == _newest_date(question, passages)
        ]
        depth = marks["depth"]
        assert isinstance(depth, float)
        assert round(depth * (len(passages) - 1)) in places


def _newest_date(question: str, passages: list[Read]) -> str:
    return max(passage.date for passage in passages if look_up(question, [passage]) != "NOT FOUND")


def test_prompts_are_as_long_as_asked_and_say_so(code: LongContextWorkload) -> None:
    for ordinal in range(36):
        cell = code.cell(ordinal)
        turn = code.session(ordinal, Random(ordinal)).next_turn(None)
        assert turn is not None
        asked = turn.input_tokens
        assert asked is not None
        assert abs(asked - cell.context_tokens) < 0.03 * cell.context_tokens
        assert abs(TextSizer().tokens(len(contents(turn)[0])) - asked) < 0.02 * asked + 10


def test_a_calibrated_size_is_followed(code: LongContextWorkload) -> None:
    code.resize(TextSizer(chars_per_token=2.1))
    turn = code.session(0, Random(0)).next_turn(None)
    code.resize(TextSizer())
    assert turn is not None
    assert abs(len(contents(turn)[0]) - 2.1 * code.cell(0).context_tokens) < 0.03 * 2.1 * code.cell(0).context_tokens
    assert isinstance(code, SizedWorkload)


def test_sessions_share_nothing_and_their_turns_everything(code: LongContextWorkload) -> None:
    session = code.session(0, Random(0))
    first = session.next_turn(None)
    assert first is not None
    second = session.next_turn(Reply(ok=True, text="x"))
    assert second is not None
    assert second.messages[:1] == first.messages
    assert len(second.messages) == 3
    other = code.session(12, Random(1)).next_turn(None)
    assert other is not None
    assert other.messages[0][:50] != first.messages[0][:50]


def test_a_shared_prefix_is_the_same_in_all_sessions_and_counts_as_context() -> None:
    workload = built(corpus="python-docs", shared_prefix=500, context_tokens=[4000], questions=["fact"])
    turns = [workload.session(ordinal, Random(ordinal)).next_turn(None) for ordinal in (0, 1)]
    one, two = (turn for turn in turns if turn is not None)
    assert one.messages[0] == two.messages[0]
    assert one.messages[1] != two.messages[1]
    assert abs(sum(map(len, contents(one))) / 4.2 - 4000) < 120


def test_a_shared_prefix_answers_nothing() -> None:
    workload = built(corpus="python-docs", shared_prefix=20_000, context_tokens=[24_000], noise=[0.5])
    turn = workload.session(0, Random(0)).next_turn(None)
    assert turn is not None
    everywhere = Read("anything", "2024-01-01", contents(turn)[0])
    for ordinal in range(80):
        turn = workload.session(ordinal, Random(ordinal)).next_turn(None)
        assert turn is not None
        question = question_of(contents(turn)[1])
        said = look_up(question, [replace(everywhere, source=question.partition("sentence of ")[2].partition(":")[0])])
        assert said in ("NOT FOUND", "0")


def test_a_failed_turn_ends_the_session_and_has_no_answer(code: LongContextWorkload) -> None:
    session = code.session(0, Random(0))
    session.next_turn(None)
    failed = Reply(ok=False, text="ValueError")
    assert session.score(failed)["outcome"] == "failed"
    assert session.next_turn(failed) is None


def test_later_turns_are_warm_and_at_the_grids_next_depth(code: LongContextWorkload) -> None:
    marks = [mark for _, _, _, mark in played(code, 3)]
    assert [mark["warm"] for mark in marks] == [False, True]
    assert marks[0]["context_tokens"] == marks[1]["context_tokens"]


def test_without_alterations_or_copies_the_passages_are_the_corpus() -> None:
    plain = built(**PLAIN, noise=[1.0])
    known = {passage.text for passage in plain.corpus.passages}
    _, passages, _, marks = played(plain, 0)[0]
    assert not marks["altered"]
    assert sum(passage.text not in known for passage in passages) <= 1  # the one that is cut for the length's sake
    assert len({passage.text for passage in passages}) == len(passages)


def test_noise_is_what_a_lexical_search_finds() -> None:
    noisy, plain = built(**PLAIN, noise=[1.0]), built(**PLAIN, noise=[0.0])

    def shared(workload: LongContextWorkload) -> float:
        shares = []
        for ordinal in range(8):
            question, passages, _, _ = played(workload, ordinal)[0]
            words = {word for word in question.lower().split() if len(word) > 5}
            shares += [len(words & set(passage.text.lower().split())) for passage in passages]
        return sum(shares) / len(shares)

    assert shared(noisy) > 1.5 * shared(plain)


def test_a_long_prompt_is_built_and_judged_between_two_tokens_of_another_stream() -> None:
    workload = built(**PLAIN, context_tokens=[80_000], depth=[0.5], noise=[0.7])
    taken: list[tuple[float, float]] = []
    for ordinal in range(9):
        began_s = process_time()
        session = workload.session(ordinal, Random(ordinal))
        session.next_turn(None)
        built_s = process_time()
        session.score(Reply(ok=True, text="The answer stands in one of the passages, I think."))
        taken.append((built_s - began_s, process_time() - built_s))
    # 0.5 ms and 0.05 ms on a core of its own.
    assert sorted(build for build, _ in taken)[4] < 0.05
    assert sorted(judged for _, judged in taken)[4] < 0.005


def test_a_long_prompt_is_made_in_steps_that_change_nothing() -> None:
    workload = built(**PLAIN, context_tokens=[80_000], depth=[0.5], noise=[0.7])
    session = workload.session(0, Random(0))
    assert isinstance(session, PreparedSession)
    steps = list(session.prepare())
    # One at least for each 64 kB.
    assert len(steps) > 5
    turn, whole = session.next_turn(None), workload.session(0, Random(0)).next_turn(None)
    assert turn == whole
    assert turn is not None
    message = turn.messages[-1]
    assert isinstance(message, tuple)
    assert max(map(len, message)) < 100_000


def test_long_prompts_one_after_the_other_need_the_memory_of_one() -> None:
    workload = built(**PLAIN, context_tokens=[80_000], depth=[0.5], noise=[0.7])
    assert workload.session(0, Random(0)).next_turn(None) is not None
    gc.collect()
    tracemalloc.start()
    try:
        for ordinal in range(10):
            turn = workload.session(ordinal, Random(ordinal)).next_turn(None)
            assert turn is not None
            size = len(whole(turn.messages[-1]))
            del turn
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The prompt in its pieces, and once more where this test joins them.
    assert most < 3.5 * size
    assert kept < size / 20


def test_it_scores_and_has_no_clock(code: LongContextWorkload) -> None:
    assert isinstance(code.session(0, Random(0)), ScoredSession)
    assert isinstance(code, NotedWorkload)
    assert code.start_times() is None
    assert code.notes == ()


def test_kinds_that_a_corpus_does_not_give_are_told(prose: LongContextWorkload) -> None:
    assert prose.notes == ("docs: python-docs gives no questions of the kind default, raises, base, two_hop",)


_ODD = """\
def fetch{number}(mode='strict{number}', pattern=r'raw{number}', both='one{number}' 'two', size=0x{number:x}0):
    pass


"""


def test_only_plain_literals_are_asked_for_and_a_copy_says_another_value(tmp_path: Path) -> None:
    """A raw or joined text is not what stands in its quotes; 0x100 is 256, and 'a' is "a"."""
    for number in range(1, 30):
        text = _ODD.format(number=number) + _filler(number)
        twin = f'def get{number}(mode="strict{number}", size={16 * number}):\n    pass\n\n\n{_filler(number + 100)}'
        (tmp_path / f"odd{number}.py").write_text(text)
        (tmp_path / f"twin{number}.py").write_text(twin)
    workload = built(
        corpus=str(tmp_path), questions=["default"], passage_chars=300, context_tokens=[1000], unanswerable=0
    )
    facts = [question.fact for question in workload._questions["default"]]
    assert len(facts) > 20
    for fact in facts:
        assert "'pattern'" not in fact.question
        assert "'both'" not in fact.question
        values = (fact.answer, *fact.others)
        assert [same(one, other) for one, other in combinations(values, 2)] == [False] * 10


def _filler(number: int) -> str:
    return "".join(f"# line {line} of the filler {number}, which says nothing of any value\n" for line in range(12))
