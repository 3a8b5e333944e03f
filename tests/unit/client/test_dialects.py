"""Request bodies joined from fragments are the JSON that was meant."""

import json

import pytest

from loadgen.client.dialects import body_template

HI = b'{"role":"user","content":"Hi"}'


def _body(parts: list[bytes]) -> object:
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
