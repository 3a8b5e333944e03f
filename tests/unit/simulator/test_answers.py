"""What the simulated model says: lengths, thoughts, tool calls, refusals."""

import json
from dataclasses import replace
from typing import Any

import pytest

from loadgen.simulator.answers import Answer, Author, Dials
from loadgen.simulator.dialects import DIALECTS, RefusedError
from loadgen.simulator.timing import PROFILES
from loadgen.simulator.wire import read_chat, read_completion

CONTEXT = 4096
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 12},
        "days": {"type": "integer", "minimum": 1, "maximum": 7},
        "unit": {"enum": ["C", "F"]},
        "where": {"$ref": "#/$defs/point"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "maybe": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
    },
    "$defs": {"point": {"type": "object", "properties": {"lat": {"type": "number", "minimum": -90, "maximum": 90}}}},
}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]


def author(dialect: str = "openai", seed: int = 1, **dials: Any) -> Author:
    return Author(DIALECTS[dialect], Dials(**dials), replace(PROFILES["fast"], context_length=CONTEXT), seed)


def chat(text: str = "hi", **parts: Any) -> Any:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]} | parts
    return read_chat(json.dumps(body).encode())


def answers(writer: Author, count: int, **parts: Any) -> list[Answer]:
    return [writer.answer_chat(chat(f"question {number}", **parts)) for number in range(count)]


def test_a_limit_is_the_length_unless_told_otherwise() -> None:
    assert {(len(one.pieces), one.reason) for one in answers(author(), 50, max_tokens=40)} == {(40, "length")}


def test_some_stop_early_and_can_be_forced_not_to() -> None:
    early = answers(author("vllm", early_stop=0.5), 200, max_tokens=100)
    assert 60 < sum(one.reason == "stop" for one in early) < 140
    assert all(len(one.pieces) < 100 for one in early if one.reason == "stop")
    for forced in ({"ignore_eos": True}, {"min_tokens": 100}):
        held = answers(author("vllm", early_stop=0.5), 50, max_tokens=100, **forced)
        assert {len(one.pieces) for one in held} == {100}


@pytest.mark.parametrize("dialect", ["openai", "deepseek"])
def test_where_length_cant_be_forced_asking_changes_nothing(dialect: str) -> None:
    forced = answers(author(dialect, early_stop=0.5), 50, max_tokens=100, ignore_eos=True, min_tokens=100)
    assert [len(one.pieces) for one in forced] == [
        len(one.pieces) for one in answers(author(dialect, early_stop=0.5), 50, max_tokens=100)
    ]
    assert min(len(one.pieces) for one in forced) < 100


def test_llamacpp_takes_ignore_eos_and_no_min_tokens() -> None:
    writer = author("llamacpp", early_stop=1.0)
    assert len(writer.answer_chat(chat(max_tokens=100, ignore_eos=True)).pieces) == 100
    assert len(writer.answer_chat(chat(max_tokens=100, min_tokens=100)).pieces) < 100


def test_thoughts_come_first_and_can_be_switched_off() -> None:
    thinking = author("deepseek").answer_chat(chat(max_tokens=40))
    assert (thinking.reasoning_tokens, thinking.text_tokens) == (20, 20)
    assert thinking.reasoning + thinking.text == "".join(thinking.pieces)
    off = author("deepseek").answer_chat(chat(max_tokens=40, thinking={"type": "disabled"}))
    assert off.reasoning_tokens == 0
    template = {"enable_thinking": False}
    assert author("vllm", reasoning_share=0.5).answer_chat(chat(chat_template_kwargs=template)).reasoning_tokens == 0


def test_tools_are_called_as_often_as_told() -> None:
    called = [one for one in answers(author(tool_call_rate=0.3), 300, tools=TOOLS) if one.calls]
    assert 60 < len(called) < 120
    assert {one.reason for one in called} == {"tool_calls"}
    assert not any(one.calls for one in answers(author(), 50, tools=TOOLS))
    assert not any(one.calls for one in answers(author(tool_call_rate=1.0), 5, tools=TOOLS, tool_choice="none"))


def test_a_required_call_is_made_and_a_named_one_is_of_that_name() -> None:
    both = [*TOOLS, {"type": "function", "function": {"name": "other"}}]
    assert all(one.calls for one in answers(author(), 20, tools=both, tool_choice="required"))
    named = {"type": "function", "function": {"name": "other"}}
    made = [call for one in answers(author(), 20, tools=both, tool_choice=named) for call in one.calls]
    assert {(call.name, call.arguments) for call in made} == {("other", "{}")}


def test_arguments_fit_the_schema() -> None:
    made = [call for one in answers(author(), 100, tools=TOOLS, tool_choice="required") for call in one.calls]
    for call in made:
        given = json.loads(call.arguments)
        assert list(given) == list(SCHEMA["properties"])
        assert len(given["city"]) >= 12
        assert 1 <= given["days"] <= 7
        assert given["unit"] in ("C", "F")
        assert -90 <= given["where"]["lat"] <= 90
        assert len(given["tags"]) >= 2
        assert isinstance(given["maybe"], bool)
    assert len(made) > 100, "now and then two at once"
    alone = answers(author(), 100, tools=TOOLS, tool_choice="required", parallel_tool_calls=False)
    assert {len(one.calls) for one in alone} == {1}


def test_a_call_without_room_is_cut_off() -> None:
    cut = author().answer_chat(chat(tools=TOOLS, tool_choice="required", max_tokens=5))
    assert (len(cut.pieces), cut.reason) == (5, "length")


def test_a_tool_turn_sent_back_is_the_prefix_that_was_made() -> None:
    writer = author(reasoning_share=0.5)
    first = writer.answer_chat(chat(tools=TOOLS, tool_choice="required"))
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in first.calls
    ]
    back = {"role": "assistant", "content": first.text, "reasoning_content": first.reasoning, "tool_calls": calls}
    messages = [{"role": "user", "content": "hi"}, back, {"role": "tool", "content": "sunny"}]
    second = writer.answer_chat(chat(tools=TOOLS, messages=messages))
    assert list(second.blocks[: len(first.blocks)]) == list(first.blocks)


def test_deepseek_wants_the_thoughts_of_a_tool_turn_back() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]

    def turn(**parts: Any) -> Any:
        assistant = {"role": "assistant", "content": None, "tool_calls": calls} | parts
        messages = [{"role": "user", "content": "hi"}, assistant, {"role": "tool", "content": "sunny"}]
        return chat(messages=messages, tools=TOOLS)

    with pytest.raises(RefusedError, match=r"reasoning_content.*index 1") as caught:
        author("deepseek").answer_chat(turn())
    assert caught.value.status == 400
    assert author("deepseek").answer_chat(turn(reasoning_content="")).pieces
    assert author("openai").answer_chat(turn()).pieces


def test_a_plain_prompt_is_text_or_token_ids() -> None:
    def complete(prompt: object) -> Answer:
        body = {"model": "m", "prompt": prompt, "max_tokens": 4}
        return author().answer_completion(read_completion(json.dumps(body).encode()))

    assert complete("one two three").prompt_tokens == complete(["one two three"]).prompt_tokens == 3
    assert complete([5, 6, 7, 8]).prompt_tokens == complete([[5, 6, 7, 8]]).prompt_tokens == 4
    for wrong in ("", [], ["a", "b"], [[1], [2]]):
        with pytest.raises(RefusedError):
            complete(wrong)


def test_users_share_no_prefix() -> None:
    writer, text = author("deepseek"), "word " * 100
    mine, yours, mine_again = (writer.answer_chat(chat(text, user_id=user)) for user in ("me", "you", "me"))
    assert list(mine.blocks) == list(mine_again.blocks)
    assert not set(mine.blocks) & set(yours.blocks)


def test_llamacpp_fills_its_context_and_the_others_refuse() -> None:
    assert len(author("llamacpp").answer_chat(chat(max_tokens=2 * CONTEXT)).pieces) == CONTEXT - 4
    with pytest.raises(RefusedError, match="maximum context length"):
        author("vllm").answer_chat(chat(max_tokens=2 * CONTEXT))
    with pytest.raises(RefusedError) as caught:
        author("llamacpp").answer_chat(chat("word " * CONTEXT))
    assert caught.value.extra["n_ctx"] == CONTEXT
