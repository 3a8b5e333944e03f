"""The simulator's reading of requests and its error shape."""

import json

import pytest

from loadgen.simulator.wire import EventWriter, RefusedError, read_request

MESSAGES = [{"role": "user", "content": "hi"}]


def _refusal(body: dict[str, object] | bytes) -> dict[str, object]:
    with pytest.raises(RefusedError) as caught:
        read_request(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert caught.value.status == 400
    error = json.loads(caught.value.body)["error"]
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
    assert read_request(body.encode()).rendered() == [
        ("tools", '[{"type":"function"}]'),
        ("user", "ab"),
        ("assistant", "hm" + call),
        ("tool", "out"),
    ]


def test_every_event_is_json_on_one_line() -> None:
    events = EventWriter("id-1", "m")
    stream = events.role() + events.token(b" word") + events.finish("stop", None)
    lines = stream.split(b"\n\n")
    assert lines[-2:] == [b"data: [DONE]", b""]
    chunks = [json.loads(line.removeprefix(b"data: ")) for line in lines[:-2]]
    assert chunks[1]["choices"][0]["delta"] == {"content": " word"}
    assert chunks[2]["choices"][0]["finish_reason"] == "stop"
    assert {chunk["id"] for chunk in chunks} == {"id-1"}
