"""Large bodies are read in pieces, and read as they would be in one."""

import json
from random import Random

import msgspec
import pytest

from loadgen.simulator.bodies import LARGE_BODY_BYTES
from loadgen.simulator.dialects import RefusedError
from loadgen.simulator.wire import ChatRequest, read_chat, reading_chat
from tests.support.chats import chat_body

_SIGNS = 'abc  "\\\n\té中😀/{}[]:,'


def long_text(seed: int, length: int = 120_000) -> str:
    return "".join(Random(seed).choices(_SIGNS, k=length))


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_a_large_body_reads_as_in_one_go(seed: int, ascii_only: bool) -> None:
    parts = [{"type": "text", "text": long_text(seed)}, {"type": "text", "text": "short"}]
    messages = [{"role": "user", "content": long_text(-seed - 1)}, {"role": "user", "content": parts}]
    body = json.dumps({"model": 'm"', "messages": messages}, ensure_ascii=ascii_only).encode()
    assert len(body) > LARGE_BODY_BYTES
    assert read_chat(body) == msgspec.json.decode(body, type=ChatRequest)


def test_text_without_a_place_to_cut_is_read_too() -> None:
    text = "\n" * 300_000
    assert read_chat(chat_body(("user", text))).messages[0].content == text


def test_it_pauses_many_times() -> None:
    assert sum(1 for _ in reading_chat(chat_body(("user", long_text(1, 1_000_000))))) > 20


@pytest.mark.parametrize(
    "body",
    [
        chat_body(("user", long_text(1, 400_000)))[:-3],
        chat_body(("user", "x" * 400_000)).replace(b"xxx", b"x\\x", 1),
        b'"' + b"x" * 400_000,
        b'{"model": 1, "messages": [{"role": "user", "content": "%b"}]}' % (b"x" * 400_000),
    ],
)
def test_what_is_wrong_with_it_is_said(body: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        read_chat(body)
    assert refused.value.status == 400
