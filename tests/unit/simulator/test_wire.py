"""The simulator's reading of requests and its error shape."""

import json

import pytest

from loadgen.simulator.dialects import DIALECTS, RefusedError, error_body
from loadgen.simulator.wire import read_chat

MESSAGES = [{"role": "user", "content": "hi"}]


def _refusal(body: dict[str, object] | bytes) -> dict[str, object]:
    with pytest.raises(RefusedError) as caught:
        read_chat(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert caught.value.status == 400
    error = json.loads(error_body(DIALECTS["openai"], caught.value))["error"]
    assert error["type"] == "invalid_request_error"
    assert isinstance(error, dict)
    return error


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": MESSAGES, "max_tokens": 0}, "max_tokens"),
        ({"model": "m", "messages": MESSAGES, "max_tokens": "many"}, "max_tokens"),
        ({"model": "m", "messages": MESSAGES, "n": 2}, "n"),
        ({"model": "m", "messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"model": "m"}, None),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, object], param: str | None) -> None:
    assert _refusal(body)["param"] == param


def test_a_missing_field_is_named_in_the_message() -> None:
    assert "`messages`" in str(_refusal({"model": "m"})["message"])


def test_what_is_no_json_is_said_so() -> None:
    assert _refusal(b"{")["code"] == "invalid_json"


def test_all_of_a_message_makes_the_prompt() -> None:
    call = '[{"id":"1","function":{"name":"ls"}}]'
    body = (
        '{"model":"m","tools":[{"type":"function"}],"messages":[{"role":"user","content":[{"type":"text","text":"a"},'
        f'{{"type":"image_url"}},{{"type":"text","text":"b"}}]}},{{"role":"assistant","content":null,"tool_calls":{call},'
        '"reasoning_content":"hm"},{"role":"tool","content":"out","tool_calls":null}]}'
    )
    assert read_chat(body.encode()).rendered() == [
        ("tools", '[{"type":"function"}]'),
        ("user", "ab"),
        ("assistant", "hm<|call|>ls"),
        ("tool", "out"),
    ]
