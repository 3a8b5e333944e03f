"""Unified diffs: made, written, read and applied."""

from patching.apply import apply
from patching.diff import diff
from patching.errors import Conflict, Malformed, PatchError
from patching.hunks import Hunk
from patching.text import read, write

__all__ = ["Conflict", "Hunk", "Malformed", "PatchError", "apply", "diff", "read", "write"]
