"""Request bodies joined from fragments are the JSON that was meant, in each server's dialect."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.client.dialects import DIALECTS, body_template, message_text, strict_tools
from loadgen.workloads.fragments import Role, assistant_message, escape_text, text_message

HI = b'{"role":"user","content":"Hi"}'


def _body(parts: list[bytes]) -> Any:
    return json.loads(b"".join(parts))


def test_a_streamed_request_asks_for_usage() -> None:
    template = body_template(model="m", stream=True, max_tokens=5, temperature=0.0)
    assert _body(template.fragments((HI, HI))) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
        "max_tokens": 5,
        "messages": [json.loads(HI)] * 2,
    }


def test_what_is_not_set_is_not_sent() -> None:
    template = body_template(model="m", stream=False)
    assert _body(template.fragments((HI,))) == {"model": "m", "stream": False, "messages": [json.loads(HI)]}


def test_a_turn_brings_its_own_limit_and_tools() -> None:
    template = body_template(model="m", stream=False, max_tokens=5)
    assert _body(template.fragments((HI,), max_tokens=9, tools=b'[{"type":"function"}]')) == {
        "model": "m",
        "stream": False,
        "max_tokens": 9,
        "tools": [{"type": "function"}],
        "messages": [json.loads(HI)],
    }


def test_extra_members_override_ours_and_none_comes_twice() -> None:
    extra = {"max_tokens": 7, "stream_options": None, "user_id": "u"}
    parts = body_template(model="m", stream=True, max_tokens=5, extra_body=extra).fragments((HI,))
    pairs: list[str] = []
    json.loads(b"".join(parts), object_pairs_hook=lambda found: pairs.extend(name for name, _ in found))
    assert sorted(pairs) == sorted(
        {"role", "content", "model", "stream", "stream_options", "user_id", "max_tokens", "messages"}
    )
    assert _body(parts) == {
        "model": "m",
        "stream": True,
        "stream_options": None,
        "user_id": "u",
        "max_tokens": 7,
        "messages": [json.loads(HI)],
    }


def test_a_request_without_messages_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one message"):
        body_template(model="m", stream=True).fragments(())


# --- what sets the dialects apart -----------------------------------------------------------------------------------

CALL = (
    b'{"role":"assistant","content":"Let me, \\"tool_calls\\":[ look","tool_calls":'
    b'[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}'
)
RESULT = b'{"role":"tool","tool_call_id":"a","content":"42"}'
ANSWER = b'{"role":"assistant","content":"It is 42: ,\\"tool_calls\\":["}'


def _said(dialect: str, *messages: bytes, max_tokens: int | None = 9, **more: Any) -> dict[str, Any]:
    """The members beside the constant ones that a turn of 9 tokens has."""
    template = body_template(model=more.pop("model", "m"), stream=False, dialect=DIALECTS[dialect], **more)
    body = json.loads(b"".join(template.fragments(messages or (HI,), max_tokens=max_tokens)))
    return {key: value for key, value in body.items() if key not in ("model", "stream")}


@pytest.mark.parametrize(
    ("dialect", "forced"),
    [
        ("openai", {}),
        ("deepseek", {}),
        ("vllm", {"ignore_eos": True, "min_tokens": 9}),
        ("sglang", {"ignore_eos": True, "min_tokens": 9}),
        ("llamacpp", {"ignore_eos": True}),
    ],
)
def test_a_length_is_forced_where_the_server_can(dialect: str, forced: dict[str, Any]) -> None:
    messages = {"messages": [json.loads(HI)]}
    assert _said(dialect, force_length=True) == {"max_tokens": 9} | forced | messages
    assert _said(dialect) == {"max_tokens": 9} | messages
    assert DIALECTS[dialect].forces_length == bool(forced)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_a_limit_no_length_is_forced(dialect: str) -> None:
    # An answer that ignores its end and has no limit would go on to the end of the context.
    assert _said(dialect, max_tokens=None, force_length=True).keys() == {"messages"}


def test_what_extra_body_says_of_the_length_stands() -> None:
    said = _said("vllm", force_length=True, extra_body={"ignore_eos": False, "min_tokens": 2})
    assert (said["ignore_eos"], said["min_tokens"]) == (False, 2)


@pytest.mark.parametrize(
    ("dialect", "model", "key"),
    [
        ("openai", "gpt-5-mini", "max_completion_tokens"),
        ("openai", "o3", "max_completion_tokens"),
        ("openai", "o4-mini", "max_completion_tokens"),
        ("openai", "openai/o1-preview", "max_completion_tokens"),
        ("openai", "gpt-4o", "max_tokens"),
        ("openai", "gpt-oss-120b", "max_tokens"),
        ("openai", "olmo-2", "max_tokens"),
        ("vllm", "gpt-5-mini", "max_tokens"),
        ("deepseek", "deepseek-v4-pro", "max_tokens"),
    ],
)
def test_the_limit_is_named_as_the_model_wants_it(dialect: str, model: str, key: str) -> None:
    assert _said(dialect, model=model) == {key: 9, "messages": [json.loads(HI)]}


def test_a_limit_in_extra_body_names_the_key_and_is_the_limit_where_a_turn_has_none() -> None:
    extra = {"max_completion_tokens": 7}
    assert _said("openai", extra_body=extra) == {"max_completion_tokens": 9, "messages": [json.loads(HI)]}
    assert _said("openai", max_tokens=None, extra_body=extra) == {
        "max_completion_tokens": 7,
        "messages": [json.loads(HI)],
    }


def test_deepseek_gets_reasoning_with_every_tool_call_even_none() -> None:
    first, call, result, answer = _said("deepseek", HI, CALL, RESULT, ANSWER)["messages"]
    assert call == json.loads(CALL) | {"reasoning_content": ""}
    assert [first, result, answer] == [json.loads(HI), json.loads(RESULT), json.loads(ANSWER)]


def test_reasoning_that_is_there_is_left_as_it_is() -> None:
    live = assistant_message("Look", [("a", "f", "{}")], reasoning='He said "look"')
    (message,) = _said("deepseek", live)["messages"]
    assert message["reasoning_content"] == 'He said "look"'
    assert message["tool_calls"][0]["id"] == "a"


@pytest.mark.parametrize("dialect", ["openai", "vllm", "sglang", "llamacpp"])
def test_others_get_messages_as_they_are(dialect: str) -> None:
    assert _said(dialect, HI, CALL, RESULT)["messages"] == [json.loads(part) for part in (HI, CALL, RESULT)]


# --- /completions ---------------------------------------------------------------------------------------------------


def test_a_prompt_is_the_texts_joined() -> None:
    system = text_message("system", escape_text('You are "nice"\n'))
    template = body_template(model="m", stream=True, dialect=DIALECTS["vllm"], api="completions", force_length=True)
    parts = template.fragments((system, HI, CALL, RESULT, ANSWER), max_tokens=3, tools=b"[]")
    assert template.path == "/completions"
    assert _body(parts) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 3,
        "ignore_eos": True,
        "min_tokens": 3,
        "prompt": 'You are "nice"\nHiLet me, "tool_calls":[ look42It is 42: ,"tool_calls":[',
    }


def test_completions_take_max_tokens_whatever_the_model() -> None:
    template = body_template(model="gpt-5", stream=False, api="completions")
    assert _body(template.fragments((HI,), max_tokens=3)) == {
        "model": "gpt-5",
        "stream": False,
        "max_tokens": 3,
        "prompt": "Hi",
    }


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text(max_size=30)), min_size=1))
def test_any_text_comes_through_a_prompt_unchanged(said: list[tuple[Role, str]]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for _, text in said]
    messages = tuple(text_message(role, escape_text(text)) for role, text in said)
    parts = body_template(model="m", stream=False, api="completions").fragments(messages)
    assert json.loads(b"".join(parts))["prompt"] == "".join(texts)


@given(st.text(), st.text(), st.text())
def test_the_text_of_an_assistants_message_is_its_content_alone(text: str, reasoning: str, arguments: str) -> None:
    said = text.encode("utf-8", "replace").decode()
    for message in (
        assistant_message(text, [("id", "name", arguments)]),
        assistant_message(text, [("id", "name", arguments)], reasoning=reasoning),
        assistant_message(text, reasoning=reasoning),
    ):
        assert json.loads(b'"' + message_text(message) + b'"') == said


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b'{"role":"user","content":[{"type":"text","text":"a\\n"},{"type":"image_url"},{"text":"b"}]}', "a\\nb"),
        (b'{"role":"assistant","content":null,"tool_calls":[]}', ""),
        (b'{"role":"assistant","tool_calls":[]}', ""),
        (b'{"name":"x","content":"a","role":"user"}', "a"),
    ],
)
def test_the_text_of_other_shapes_of_messages(message: bytes, text: str) -> None:
    assert message_text(message) == text.encode()


# --- strict tools ---------------------------------------------------------------------------------------------------


def test_strict_tools_close_every_object_of_their_schemas_and_nothing_else() -> None:
    inner = {"type": "object", "properties": {"properties": {"type": "string"}}}
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": inner},
            "b": {"anyOf": [inner, {"type": "null"}]},
            "c": {"enum": [{"properties": {}}], "default": {"properties": {}}},
        },
        "required": ["a"],
    }
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    bare = {"type": "function", "function": {"name": "g"}}
    template = body_template(model="m", stream=False, strict=True)
    tools = _body(template.fragments((HI,), tools=json.dumps([tool, bare]).encode()))["tools"]
    closed = inner | {"additionalProperties": False, "required": ["properties"]}
    assert tools[0]["function"] == {
        "name": "f",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {
                "a": {"type": "array", "items": closed},
                "b": {"anyOf": [closed, {"type": "null"}]},
                "c": schema["properties"]["c"],  # type: ignore[index]
            },
            "required": ["a", "b", "c"],
            "additionalProperties": False,
        },
    }
    assert tools[1]["function"]["parameters"] == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "open_part", [{"type": "object"}, {"properties": {}, "additionalProperties": {"type": "string"}}]
)
def test_a_tool_that_can_not_be_strict_is_sent_as_it_is(open_part: dict[str, Any]) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": open_part}}}}
    assert json.loads(strict_tools(json.dumps([tool, {"type": "web_search"}]).encode())) == [
        tool,
        {"type": "web_search"},
    ]


def test_tools_in_extra_body_take_the_place_of_a_turns() -> None:
    template = body_template(model="m", stream=False, extra_body={"tools": [{"type": "mine"}]})
    pairs: list[str] = []
    json.loads(
        b"".join(template.fragments((HI,), tools=b"[]")), object_pairs_hook=lambda p: pairs.extend(k for k, _ in p)
    )
    assert pairs.count("tools") == 1
