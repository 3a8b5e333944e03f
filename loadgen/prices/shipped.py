"""The price lists that come with loadgen: the YAML files beside this one, by the names of the models in them.

Read when a scenario names one. Safe loading: plain YAML types only.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml


@cache
def shipped_prices() -> dict[str, Path]:
    """The name of every shipped list, which is a model's, and the file that holds it."""
    folder = Path(str(files("loadgen"))) / "prices"
    return {
        name: path
        for path in sorted(folder.glob("*.yaml"))
        for name in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    }


def shipped_file(name: str) -> Path | None:
    """The file with the shipped list of that name; None where there is none."""
    return shipped_prices().get(name)
