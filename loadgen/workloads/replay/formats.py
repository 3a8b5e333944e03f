"""Which format a recording is in, and the recording of it: the one place that knows them all.

Called by the replay workload and by `loadgen trace`.
"""

import re
from pathlib import Path

import msgspec

from loadgen.errors import TraceError
from loadgen.scenario.model import REPLAY_FORMATS
from loadgen.workloads.replay.agentic import AgenticRecording
from loadgen.workloads.replay.cache_tester import CacheTesterRecording
from loadgen.workloads.replay.flat import FlatRecording
from loadgen.workloads.replay.messages import MessageRecording
from loadgen.workloads.replay.records import Mistakes, unreadable

Recording = AgenticRecording | MessageRecording | FlatRecording | CacheTesterRecording

# Enough for the first line of most recordings; a longer one is recognised by the keys in its beginning.
_HEAD_BYTES = 1 << 20
_KEY = re.compile(rb'"(\w+)"\s*:')

# A format by the keys of its first record, the most telling first.
_BY_KEYS = (
    ("kv_cache_tester", {"block_size", "requests"}),
    ("bailian", {"chat_id", "parent_chat_id", "timestamp"}),
    ("mooncake", {"timestamp", "input_length", "output_length"}),
    ("agentic", {"conversation_id", "turn", "role"}),
    ("sharegpt", {"conversations"}),
    ("openai", {"messages"}),
)


def open_recording(path: Path, format_name: str, mistakes: Mistakes) -> Recording:
    """Index a recording; `auto` finds out its format. Raises TraceError."""
    found = detect(path) if format_name == "auto" else format_name
    match found:
        case "agentic":
            return AgenticRecording(path, mistakes)
        case "openai" | "sharegpt":
            return MessageRecording(path, found, mistakes)
        case "kv_cache_tester":
            return CacheTesterRecording(path, mistakes)
        case _:
            return FlatRecording(path, found, mistakes)


def detect(path: Path) -> str:
    """The name of the format, from the beginning of the file. Raises TraceError where it is none that is known."""
    if path.is_dir():
        return "kv_cache_tester"
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise unreadable(path, error) from error
    first = head.split(b"\n", 1)[0]
    columns = {name.strip().strip(b'"').lower() for name in first.split(b",")}
    if {b"contexttokens", b"generatedtokens"} <= columns:
        return "azure"
    if {b"request tokens", b"response tokens"} <= columns:
        return "burstgpt"
    keys = _keys_of(first, head)
    for name, wanted in _BY_KEYS:
        if wanted <= keys:
            return name
    raise TraceError(f"{path}: its format can't be told; name it: {', '.join(REPLAY_FORMATS)}")


def _keys_of(first: bytes, head: bytes) -> set[str]:
    try:
        record = msgspec.json.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # A document over several lines, or one longer than what was read.
        return {key.decode() for key in _KEY.findall(head)}
    if isinstance(record, list) and record:
        record = record[0]
    return set(record) if isinstance(record, dict) else set()
