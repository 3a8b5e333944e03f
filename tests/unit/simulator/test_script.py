"""Scripts: what the scripted server plays, and how a request changes it."""

import json
import re

import pytest

from loadgen.simulator.script import Script, checked, ending, find_script, override, payloads

BASE = Script(ttft_ms=5, interval_ms=1, chunks=7, coalesce=3)


def _events(wire: bytes) -> list[bytes]:
    """The SSE events in the HTTP chunks of `wire`, each of which must be one HTTP chunk."""
    body = wire.partition(b"\r\n\r\n")[2]
    events = []
    while not body.startswith(b"0\r\n\r\n"):
        size, _, rest = body.partition(b"\r\n")
        event, body = rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        assert event.startswith(b"data: ")
        assert event.endswith(b"\n\n")
        events.append(event[6:-2])
    assert body == b"0\r\n\r\n"
    return events


def _played(script: Script) -> bytes:
    ready, end = payloads(script), ending(12, script.chunks)
    if script.writes == 1:
        return ready.only + end
    return ready.first + ready.middle * (script.writes - 2) + ready.last + end


@pytest.mark.parametrize(
    ("script", "writes"),
    [
        (BASE, 3),
        (Script(chunks=6, coalesce=3), 2),
        (Script(chunks=6, coalesce=6), 1),
        (Script(chunks=50, one_write=True), 1),
        (Script(chunks=0), 1),
    ],
)
def test_a_script_plays_exactly_its_chunks(script: Script, writes: int) -> None:
    assert script.writes == writes
    *stream, usage, done = _events(_played(script))
    assert done == b"[DONE]"
    assert json.loads(usage)["usage"] == {
        "prompt_tokens": 12,
        "completion_tokens": script.chunks,
        "total_tokens": 12 + script.chunks,
    }
    deltas = [json.loads(event)["choices"][0]["delta"] for event in stream]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert deltas[1:-1] == [{"content": " token"}] * script.chunks
    assert json.loads(stream[-1])["choices"][0]["finish_reason"] == "length"


def test_a_script_in_the_body_is_found_wherever_a_read_ended() -> None:
    body = bytearray(b'{"messages":[],"x_script": {"chunks": 2}, "stream":true}')
    for cut in range(len(body)):
        at, searched = find_script(body[:cut], 0), cut
        if at < 0:
            at = find_script(body, searched)
        assert override(BASE, body, at) == Script(ttft_ms=5, interval_ms=1, chunks=2, coalesce=3)


def test_a_prompt_that_speaks_of_scripts_is_none() -> None:
    body = json.dumps({"messages": [{"role": "user", "content": 'say "x_script": {"chunks": 1}'}]}).encode()
    assert find_script(bytearray(body), 0) == -1


@pytest.mark.parametrize("value", ['{"chunk": 1}', "7", '{"chunks": -1}', '{"coalesce": 0}', "{", '{"chunks": 1'])
def test_a_wrong_script_is_refused(value: str) -> None:
    body = bytearray(f'{{"x_script":{value}'.encode())
    with pytest.raises(ValueError, match=re.compile("x_script|script needs|Expecting|property name")):
        override(BASE, body, find_script(body, 0))


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="coalesce >= 1"):
        checked(Script(interval_ms=-1))
