"""summary.json and its JSON Schema, both from the typed models of loadgen.metrics.summary.

`python -m loadgen.outputs.summary_json` rewrites the committed schema.
"""

import functools
from pathlib import Path

import msgspec

from loadgen.metrics.summary import Summary
from loadgen.outputs.run_folder import RunFolder

NAME = "summary.json"
SCHEMA_PATH = Path(__file__).with_name("summary.schema.json")


def write_summary(folder: RunFolder, summary: Summary) -> bool:
    """Write summary.json; False where the disk would not take it."""
    return folder.write_bytes(NAME, to_json(summary))


def to_json(summary: Summary) -> bytes:
    """The summary as it is written: indented, numbers plain, what was not measured null."""
    return msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"


def read_summary(path: Path) -> Summary:
    """The summary of a file. Raises OSError, or msgspec.ValidationError for one of another schema."""
    return msgspec.json.decode(path.read_bytes(), type=Summary)


@functools.cache
def json_schema() -> bytes:
    """The JSON Schema (2020-12) of summary.json."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Summary)}
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


if __name__ == "__main__":
    SCHEMA_PATH.write_bytes(json_schema())
