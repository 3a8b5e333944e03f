"""`python -m grafana.build`: writes the dashboards' JSON, which is committed; a test holds the two together.

`make dashboards` runs it. Never edit the JSON by hand: Grafana's own export differs in order and defaults.
"""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.boards import capacity, generator, live, server, sustained

FOLDER = Path(__file__).parent / "dashboards"


def built() -> dict[str, Dashboard]:
    """Every dashboard by the name of its file."""
    return {
        "live-run.json": live.board(),
        "capacity.json": capacity.board(),
        "sustained-load.json": sustained.board(),
        "server-beside-client.json": server.board(),
        "generator-health.json": generator.board(),
    }


def text_of(dashboard: Dashboard) -> str:
    """As it is committed."""
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write them all."""
    for name, dashboard in built().items():
        (FOLDER / name).write_text(text_of(dashboard))


if __name__ == "__main__":
    main()
