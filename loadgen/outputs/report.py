"""The reports of a run: each made from the summary and what the run folder holds, by a pure function of `Material`.

Called at the end of a run, once summary.json is safe, and by `loadgen report`. A report that fails costs nothing but
itself: it is a problem of the folder, and the others are still made.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from loadgen.outputs import junit, markdown
from loadgen.outputs.html.page import html_report
from loadgen.outputs.material import Material
from loadgen.outputs.run_folder import RunFolder

REPORTS: Final[tuple[tuple[str, Callable[[Material], str]], ...]] = (
    # The small ones first: where a disk is nearly full they still find room.
    (markdown.NAME, markdown.markdown_report),
    (junit.NAME, junit.junit_report),
    ("report.html", html_report),
)


def write_reports(folder: RunFolder, material: Material) -> list[Path]:
    """Write every report into the folder; which were written. What failed is in `folder.problems`."""
    return [folder.path / name for name, make in REPORTS if _write(folder, name, make, material)]


def _write(folder: RunFolder, name: str, make: Callable[[Material], str], material: Material) -> bool:
    try:
        text = make(material)
    except Exception as error:
        # A mistake of ours in a report must not cost the run its other files, its exit code or its console lines.
        folder.problems.append(f"{folder.path / name}: could not be made ({type(error).__name__}: {error})")
        return False
    return folder.write_text(name, text)
