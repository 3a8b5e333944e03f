"""Takes the long texts out of a request's body and decodes them bit by bit.

Called by wire.py for large bodies only. Decoding 4 MB of JSON in one go holds up every stream for 15 ms; here the long
strings are cut where no escape is and decoded in stretches, with pauses, and the rest of the body is small.
"""

import msgspec

from loadgen.simulator.pauses import Pausing

LARGE_BODY_BYTES = 256 * 1024
_LONG_TEXT_BYTES = 64 * 1024
_STRETCH = 32 * 1024
_QUOTES_A_PAUSE = 512
# An escaped character beyond the first plane: two escapes of six bytes that belong together.
_LONGEST_ESCAPE = 12
_decode_text = msgspec.json.Decoder(str).decode


def take_out(body: bytes) -> Pausing[tuple[bytes, dict[str, str]]]:
    """The body with a short name in the place of each long text, and the texts by these names.

    A body that is no JSON comes back as broken as it was. Raises msgspec.DecodeError for a text that can't be decoded.
    """
    small: list[bytes] = []
    texts: dict[str, str] = {}
    copied = looks = 0
    start = body.find(b'"')
    while start >= 0:
        end = start
        while (end := body.find(b'"', end + 1)) >= 0 and _is_escaped(body, end):
            looks += 1
            if looks % _QUOTES_A_PAUSE == 0:
                yield
        if end < 0:
            break
        if end - start > _LONG_TEXT_BYTES:
            name = f"\0text {len(texts)}"
            texts[name] = yield from _text(body, start + 1, end)
            small += (body[copied : start + 1], msgspec.json.encode(name)[1:-1])
            copied = end
        looks += 1
        if looks % _QUOTES_A_PAUSE == 0:
            yield
        start = body.find(b'"', end + 1)
    small.append(body[copied:])
    return b"".join(small), texts


def _is_escaped(body: bytes, at: int) -> bool:
    """Whether an odd number of backslashes stands before."""
    before = at
    while body[before - 1] == 0x5C:
        before -= 1
    return (at - before) % 2 == 1


def _text(body: bytes, start: int, end: int) -> Pausing[str]:
    parts: list[str] = []
    while start < end:
        cut = _cut(body, start, min(end, start + _STRETCH), end)
        parts.append(_decode_text(b'"%b"' % body[start:cut]))
        start = cut
        yield
    return "".join(parts)


def _cut(body: bytes, start: int, at: int, end: int) -> int:
    """The last place up to `at` that is in the middle of no escape and no character; `end` where there is none."""
    while start < at < end:
        if body[at] & 0xC0 != 0x80 and b"\\" not in body[max(start, at - _LONGEST_ESCAPE) : at]:
            return at
        at -= 1
    return end
