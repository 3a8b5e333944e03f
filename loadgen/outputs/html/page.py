"""The whole file: sections in their order, style, script and the plots' library, all inline; nothing is requested."""

from loadgen.outputs.html.markup import el
from loadgen.outputs.material import Material


def html_report(material: Material) -> str:
    """report.html of a run."""
    return f"<!doctype html>\n{el('html', el('title', material.summary.run.scenario), lang='en')}"
