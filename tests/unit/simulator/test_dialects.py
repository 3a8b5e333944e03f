"""Each dialect's shapes, as its own server has them."""

import json
from typing import Any

import pytest

from loadgen.errors import UsageError
from loadgen.simulator.answers import Answer, Author, Dials
from loadgen.simulator.dialects import DIALECTS, RefusedError, dialect_named, error_body, model_list, usage_object
from loadgen.simulator.events import Writer
from loadgen.simulator.timing import PROFILES
from loadgen.simulator.wire import read_chat

Json = dict[str, Any]
TIMINGS: dict[str, object] = {"cache_n": 0}
USAGE: dict[str, object] = {"prompt_tokens": 3}
ANSWER = Answer(3, (), [" a", " b", " c", " d"], 2, 2, [], "length")
TOOLS = [
    {"type": "function", "function": {"name": "look_it_up", "parameters": {"properties": {"q": {"type": "string"}}}}}
]


def events(dialect: str, answer: Answer = ANSWER, *, chat: bool = True, with_usage: bool = True) -> list[Json]:
    stream = Writer(DIALECTS[dialect], answer, "id-1", "m", chat=chat).stream(with_usage=with_usage)
    data = stream.opening()
    for at in range(len(answer.pieces)):
        data += stream.tokens(at, at + 1)
    *lines, done, rest = (data + stream.ending(USAGE, TIMINGS)).decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def deltas(dialect: str, answer: Answer = ANSWER) -> list[Json]:
    return [event["choices"][0]["delta"] for event in events(dialect, answer) if event["choices"]]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_streamed_and_whole_say_the_same(dialect: str) -> None:
    writer = Writer(DIALECTS[dialect], ANSWER, "id-1", "m", chat=True)
    message = json.loads(writer.whole(USAGE, TIMINGS))["choices"][0]["message"]
    said = deltas(dialect)
    assert "".join(delta.get("content") or "" for delta in said) == message["content"] == " c d"
    key = DIALECTS[dialect].reasoning_key
    if key is None:
        assert "reasoning" not in json.dumps([message, said]), "thoughts are counted and not shown"
        return
    assert "".join(delta.get(key) or "" for delta in said) == message[key] == " a b"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_several_tokens_at_once_are_the_same_events(dialect: str) -> None:
    writer = Writer(DIALECTS[dialect], ANSWER, "id-1", "m", chat=True)
    one_by_one, at_once = writer.stream(with_usage=False), writer.stream(with_usage=False)
    assert b"".join(one_by_one.tokens(at, at + 1) for at in range(4)) == at_once.tokens(0, 1) + at_once.tokens(1, 4)


def test_usage_stands_where_each_puts_it() -> None:
    for dialect in ("openai", "vllm", "sglang", "llamacpp"):
        *rest, last = events(dialect)
        assert last["choices"] == []
        assert last["usage"] == USAGE
        assert all(event.get("usage") is None for event in rest)
        assert not any("usage" in event for event in events(dialect, with_usage=False))
    for asked in (True, False):
        *rest, last = events("deepseek", with_usage=asked)
        assert last["choices"][0]["finish_reason"] == "length"
        assert last["usage"] == USAGE
        assert all(event["usage"] is None for event in rest)


def test_llamacpp_tells_its_timings() -> None:
    assert events("llamacpp")[-1]["timings"] == TIMINGS
    finish = events("llamacpp", with_usage=False)[-1]
    assert finish["choices"][0]["finish_reason"] == "length"
    assert finish["timings"] == TIMINGS
    assert not any("timings" in event for event in events("vllm"))


def test_vllms_last_token_comes_with_the_finish_reason() -> None:
    finish = events("vllm", with_usage=False)[-1]
    assert finish["choices"][0] == {"index": 0, "delta": {"content": " d"}, "finish_reason": "length"}
    stopped = Answer(3, (), [" a"], 0, 1, [], "stop")
    assert events("vllm", stopped, with_usage=False)[-1]["choices"][0]["delta"] == {}


def test_deepseeks_deltas_have_both_keys() -> None:
    first, thought, *_, said, _ = deltas("deepseek")
    assert first == {"role": "assistant", "content": None, "reasoning_content": ""}
    assert thought == {"content": None, "reasoning_content": " a"}
    assert said == {"content": " d", "reasoning_content": None}


def test_usage_on_every_event_where_asked_for() -> None:
    writer = Writer(DIALECTS["vllm"], ANSWER, "id-1", "m", chat=True)
    stream = writer.stream(with_usage=True, throughout=lambda tokens: {"completion_tokens": tokens})
    lines = stream.tokens(0, 3).decode().split("\n\n")[:-1]
    told = [json.loads(line.removeprefix("data: "))["usage"]["completion_tokens"] for line in lines]
    assert told == [1, 2, 3]


def test_plain_completions_have_text_and_no_role() -> None:
    plain = Answer(3, (), [" a", " b"], 0, 2, [], "length")
    for dialect in DIALECTS:
        found = [event for event in events(dialect, plain, chat=False) if event["choices"]]
        assert "".join(event["choices"][0]["text"] for event in found) == " a b"
        assert {event["object"] for event in found} == {"text_completion"}
        assert not any("delta" in event["choices"][0] for event in found)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("question", range(6))
def test_tool_calls_come_in_pieces_by_index(dialect: str, question: int) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": str(question)}], "tools": TOOLS}
    author = Author(DIALECTS[dialect], Dials(), PROFILES["fast"], 1)
    answer = author.answer_chat(read_chat(json.dumps(body | {"tool_choice": "required"}).encode()))
    calls: dict[int, Json] = {}
    for delta in deltas(dialect, answer):
        for part in delta.get("tool_calls") or ():
            if "id" in part:
                assert part["index"] not in calls
                calls[part["index"]] = {"name": part["function"]["name"], "arguments": ""}
            calls[part["index"]]["arguments"] += part["function"]["arguments"]
    assert list(calls.values()) == [{"name": call.name, "arguments": call.arguments} for call in answer.calls]
    assert all(json.loads(call["arguments"])["q"] for call in calls.values())
    assert events(dialect, answer, with_usage=False)[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_cached_and_reasoning_tokens_in_each_spelling() -> None:
    told = {name: usage_object(dialect, 10, 5, 2, 4) for name, dialect in DIALECTS.items()}
    assert all(usage["prompt_tokens_details"] == {"cached_tokens": 4} for usage in told.values())
    assert (told["deepseek"]["prompt_cache_hit_tokens"], told["deepseek"]["prompt_cache_miss_tokens"]) == (4, 6)
    assert told["openai"]["completion_tokens_details"] == {"reasoning_tokens": 2}
    assert told["sglang"]["reasoning_tokens"] == 2
    assert not any("reasoning" in key or key.startswith("completion_tokens_") for key in told["vllm"])
    assert usage_object(DIALECTS["vllm"], 10, 5, 2, None)["prompt_tokens_details"] is None
    assert "prompt_cache_hit_tokens" not in usage_object(DIALECTS["deepseek"], 10, 5, 2, None)


def test_errors_in_each_spelling() -> None:
    error = RefusedError(400, "too long", code="context_length_exceeded", param="messages", extra={"n_ctx": 8})
    told = {name: json.loads(error_body(dialect, error)) for name, dialect in DIALECTS.items()}
    openai = {"message": "too long", "type": "invalid_request_error", "param": "messages"}
    assert told["openai"]["error"] == openai | {"code": "context_length_exceeded"}
    assert told["deepseek"]["error"] == openai | {"code": "invalid_request_error"}
    assert told["vllm"]["error"]["type"] == "BadRequestError"
    assert told["vllm"]["error"]["code"] == 400
    assert told["sglang"]["object"] == "error"
    assert told["sglang"]["message"] == "too long"
    assert told["llamacpp"]["error"] == {
        "code": 400,
        "message": "too long",
        "type": "exceed_context_size_error",
        "n_ctx": 8,
    }


def test_the_model_list_says_whose_it_is() -> None:
    owners = {
        name: json.loads(model_list(dialect, "m", 8))["data"][0]["owned_by"] for name, dialect in DIALECTS.items()
    }
    assert owners == {
        "openai": "loadgen",
        "deepseek": "deepseek",
        "vllm": "vllm",
        "sglang": "sglang",
        "llamacpp": "llamacpp",
    }


def test_an_unknown_dialect_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'vllm'"):
        dialect_named("vlm")
