"""Chat sessions: sizes, histories, and exactly as much shared prefix as the scenario asks for."""

import json
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from loadgen.client.reply import Reply, Usage
from loadgen.scenario.model import ChatSpec
from loadgen.workloads.base import Session, Turn
from loadgen.workloads.build import build_workload
from loadgen.workloads.sizing import TextSizer
from tests.support.messages import whole

CHARS_PER_TOKEN = TextSizer().chars_per_token


def chat(seed: int = 1, **keys: Any) -> Any:
    spec = ChatSpec.model_validate({"kind": "chat", "name": "talk", "turns": 3, **keys})
    return build_workload(spec, seed=seed)


def turns_of(session: Session, reply: Reply | None = None) -> list[Turn]:
    turns = []
    last = None
    while (turn := session.next_turn(last)) is not None:
        turns.append(turn)
        last = reply or Reply(ok=True, text=f"answer {len(turns)}")
    return turns


def messages_of(turn: Turn) -> list[dict[str, Any]]:
    return [json.loads(whole(message)) for message in turn.messages]


def body_of(turn: Turn) -> bytes:
    return b",".join(map(whole, turn.messages))


def shared_start(one: Turn, other: Turn) -> int:
    """How many bytes two prompts have in common from their beginning."""
    pairs = zip(body_of(one), body_of(other), strict=False)
    return next((at for at, (left, right) in enumerate(pairs) if left != right), len(body_of(one)))


def test_a_session_has_the_turns_asked_for_and_then_ends() -> None:
    session = chat(turns=4).session(0, Random(1))
    assert len(turns_of(session)) == 4
    assert session.next_turn(Reply(ok=True)) is None


def test_a_history_alternates_and_holds_the_model_s_own_answers() -> None:
    last = turns_of(chat().session(0, Random(1)), Reply(ok=True, text='It said: "no"\n😀'))[-1]
    messages = messages_of(last)
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert messages[1]["content"] == messages[3]["content"] == 'It said: "no"\n😀'


def test_each_prompt_begins_with_the_whole_prompt_before_it() -> None:
    turns = turns_of(chat(prefix={"tokens": 50, "scope": "session"}).session(0, Random(1)))
    for before, after in pairwise(turns):
        assert after.messages[: len(before.messages)] == before.messages


def test_an_answer_with_half_a_surrogate_pair_does_not_break_the_session() -> None:
    turns = turns_of(chat(turns=2).session(0, Random(1)), Reply(ok=True, text="\ud83d"))
    assert messages_of(turns[1])[1]["content"] == "?"


def test_a_failed_turn_ends_the_session() -> None:
    session = chat().session(0, Random(1))
    assert session.next_turn(None) is not None
    assert session.next_turn(Reply(ok=False, text="half an ans")) is None


def test_think_time_comes_before_every_turn_but_the_first() -> None:
    turns = turns_of(chat(think_time="2s").session(0, Random(1)))
    assert [turn.delay_s for turn in turns] == [0.0, 2.0, 2.0]
    assert {turn.waits_for for turn in turns} == {"think"}


@pytest.mark.parametrize("tokens", [30, 200, 5000, 200_000])
def test_a_user_message_has_the_size_asked_for(tokens: int) -> None:
    second = turns_of(chat(turns=2, prompt_tokens=tokens).session(0, Random(1)))[1]
    content = messages_of(second)[-1]["content"]
    # Escapes in the instruction count double, which is a character or two.
    assert len(content) == pytest.approx(tokens * CHARS_PER_TOKEN, abs=4)


def test_the_tokens_of_a_session_s_nonce_are_taken_off_its_first_message() -> None:
    (turn,) = turns_of(chat(turns=1, prompt_tokens=200).session(0, Random(1)))
    nonce, text = messages_of(turn)[0]["content"].split(" ", 1)
    assert int(nonce, 16) > 0
    assert len(text) == pytest.approx((200 - 9) * CHARS_PER_TOKEN, abs=4)


def test_a_prompt_smaller_than_its_nonce_still_says_something() -> None:
    (turn,) = turns_of(chat(turns=1, prompt_tokens=1).session(0, Random(1)))
    assert len(messages_of(turn)[0]["content"].split(" ", 1)[1]) == 1


def test_sizes_of_a_list_are_cycled_through_by_session_and_turn() -> None:
    workload = chat(output_tokens=[10, 20])
    assert [turn.output_tokens for turn in turns_of(workload.session(0, Random(1)))] == [10, 20, 10]
    assert [turn.output_tokens for turn in turns_of(workload.session(1, Random(1)))] == [20, 10, 20]


def test_without_output_tokens_the_scenario_s_own_limit_holds() -> None:
    assert turns_of(chat().session(0, Random(1)))[0].output_tokens is None


def test_asked_input_tokens_count_the_prefix_the_user_text_and_the_answers() -> None:
    workload = chat(turns=2, prompt_tokens=100, prefix={"tokens": 1000, "scope": "all"})
    reply = Reply(ok=True, text="an answer", usage=Usage(output_tokens=40))
    turns = turns_of(workload.session(0, Random(1)), reply)
    assert [turn.input_tokens for turn in turns] == [1100, 1240]


@pytest.mark.parametrize(
    ("reply", "tokens"),
    [
        (Reply(ok=True, text="x" * 42), 10),
        (Reply(ok=True, text="x", reasoning="hm", usage=Usage(output_tokens=50, reasoning_tokens=30)), 20),
        (Reply(ok=True, text="x" * 42, reasoning="hm", usage=Usage(output_tokens=50)), 10),
    ],
    ids=["not counted", "reasoning counted", "reasoning not counted"],
)
def test_an_answer_counts_without_its_reasoning(reply: Reply, tokens: int) -> None:
    turns = turns_of(chat(turns=2, prompt_tokens=100).session(0, Random(1)), reply)
    assert turns[1].input_tokens == 200 + tokens


def test_the_same_seed_gives_the_same_session_in_another_worker() -> None:
    keys: dict[str, Any] = {"prefix": {"tokens": 20, "scope": "turn"}, "think_time": {"uniform": {"min": 1, "max": 9}}}
    here = turns_of(chat(**keys).session(5, Random(9)))
    there = turns_of(chat(**keys).session(5, Random(9)))
    assert here == there


def test_without_a_prefix_sessions_differ_from_the_first_bytes_of_the_first_message() -> None:
    workload = chat(turns=1)
    opening = len(b'{"role":"user","content":"')
    firsts = [turns_of(workload.session(k, Random(k)))[0] for k in range(200)]
    starts = {body_of(turn)[opening : opening + 14] for turn in firsts}
    assert len(starts) == len(firsts)


def test_a_prefix_for_all_is_byte_identical_in_every_session_and_worker() -> None:
    keys: dict[str, Any] = {"prefix": {"tokens": 500, "scope": "all"}}
    one, other = chat(**keys), chat(**keys)
    turns = [turns_of(workload.session(k, Random(k)))[t] for workload in (one, other) for k in (1, 2) for t in (0, 2)]
    assert len({turn.messages[0] for turn in turns}) == 1
    assert messages_of(turns[0])[0]["role"] == "system"


def test_beyond_a_prefix_for_all_sessions_have_nothing_in_common() -> None:
    workload = chat(turns=1, prefix={"tokens": 500, "scope": "all"})
    one, other = (turns_of(workload.session(k, Random(k)))[0] for k in (1, 2))
    assert shared_start(one, other) - len(one.messages[0]) < len(b',{"role":"user","content":"') + 8


def test_a_prefix_for_all_changes_with_the_seed_and_the_name() -> None:
    prefix = {"tokens": 500, "scope": "all"}
    workloads = [chat(prefix=prefix), chat(seed=2, prefix=prefix), chat(name="other", prefix=prefix)]
    assert len({turns_of(workload.session(0, Random(0)))[0].messages[0] for workload in workloads}) == 3


def test_a_prefix_for_the_session_is_the_same_in_its_turns_and_in_no_other_session() -> None:
    workload = chat(prefix={"tokens": 500, "scope": "session"})
    one, other = (turns_of(workload.session(k, Random(k))) for k in (1, 2))
    assert len({turn.messages[0] for turn in one}) == 1
    assert shared_start(one[0], other[0]) < len(b'{"role":"system","content":"') + 8


def test_a_prefix_for_the_turn_leaves_a_cache_nothing_to_hit() -> None:
    turns = turns_of(chat(prefix={"tokens": 500, "scope": "turn"}).session(1, Random(1)))
    for before, after in pairwise(turns):
        assert shared_start(before, after) < len(b'{"role":"system","content":"') + 8
        assert after.messages[1 : len(before.messages)] == before.messages[1:]


@pytest.mark.parametrize("scope", ["all", "session", "turn"])
def test_a_prefix_has_the_size_asked_for(scope: str) -> None:
    turn = turns_of(chat(prefix={"tokens": 2000, "scope": scope}).session(0, Random(0)))[0]
    # A nonce is less text for its tokens.
    assert len(messages_of(turn)[0]["content"]) == pytest.approx(2000 * CHARS_PER_TOKEN, abs=30)


def test_a_chat_has_no_recorded_clock() -> None:
    assert chat().start_times() is None
