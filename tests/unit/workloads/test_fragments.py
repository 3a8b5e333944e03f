"""Fragments are JSON that says what was put in."""

import json

from hypothesis import given
from hypothesis import strategies as st

from loadgen.client.dialects import DIALECTS, body_template, message_size
from loadgen.workloads.fragments import (
    assistant_message,
    escape_text,
    text_message,
    text_message_in_steps,
    tool_message,
)


@given(st.text())
def test_escaped_text_reads_back_as_it_was(text: str) -> None:
    assert json.loads(b'"' + escape_text(text) + b'"') == text


def test_every_control_character_quotes_and_non_bmp_read_back() -> None:
    text = "".join(map(chr, range(0x20))) + '"\\/\x7f\u2028\u2029\ufeff😀𝔘'
    assert json.loads(b'"' + escape_text(text) + b'"') == text


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    assert escape_text("a\ud83db") == b"a?b"


@given(st.text())
def test_a_message_of_text_is_an_object_of_role_and_content(text: str) -> None:
    assert json.loads(text_message("user", escape_text(text), b" end")) == {"role": "user", "content": text + " end"}


def test_an_answer_without_tool_calls_has_no_such_key() -> None:
    assert json.loads(assistant_message('say "hi"')) == {"role": "assistant", "content": 'say "hi"'}


@given(st.text(), st.text(), st.text())
def test_tool_calls_keep_their_arguments_as_text(call_id: str, name: str, arguments: str) -> None:
    message = json.loads(assistant_message("", [(call_id, name, arguments), ("2", "f", "{}")]))
    assert message["content"] == ""
    assert message["tool_calls"] == [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}},
        {"id": "2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    ]


def test_a_tool_result_names_its_call() -> None:
    assert json.loads(tool_message('c"1', escape_text("a\nb"))) == {
        "role": "tool",
        "tool_call_id": 'c"1',
        "content": "a\nb",
    }


def test_a_long_message_is_made_in_steps_and_stays_in_pieces() -> None:
    pieces = [f"{number} ".encode() * 200 for number in range(500)]
    steps = text_message_in_steps("user", pieces)
    pauses = 0
    while True:
        try:
            next(steps)
        except StopIteration as done:
            message = done.value
            break
        pauses += 1
    assert isinstance(message, tuple)
    assert pauses == len(message) - 1 > 3
    assert max(map(len, message)) < 80_000
    assert b"".join(message) == text_message("user", *pieces)
    assert message_size(message) == sum(map(len, message))


def test_a_long_message_in_pieces_is_sent_as_if_it_were_whole() -> None:
    said = b'{"role":"user","content":"Hi"}'
    pieces = (b'{"role":"user","content":"long ', b"text ", b'here"}')
    for api in ("chat", "completions"):
        for dialect in DIALECTS.values():
            template = body_template(model="m", stream=True, dialect=dialect, api=api)
            whole = template.fragments((b"".join(pieces), said))
            assert b"".join(template.fragments((pieces, said))) == b"".join(whole)
