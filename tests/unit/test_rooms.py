"""Imports between the rooms go one way (docs/design.md): what a room may not know, it does not import."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).parents[2]
_PACKAGE = _CHECKOUT / "loadgen"
_LOCUST = ("locust", "gevent", "geventhttpclient", "loadgen.swarm")
_HTTP = ("aiohttp", "httptools", "http", "urllib.request", "requests", "socket", "ssl", "loadgen.client")
_ABOVE = ("loadgen.engine", "loadgen.outputs", "loadgen.supervisor", "loadgen.cli")
_SWARM_BUT_SCRAPES = tuple(
    f"loadgen.swarm.{source.stem}" for source in (_PACKAGE / "swarm").glob("[a-z]*.py") if source.stem != "scraping"
)

# Room: what must not be imported there, by its first dotted parts.
_FORBIDDEN = {
    "arrivals.py": (*_LOCUST, *_HTTP, *_ABOVE, "loadgen.metrics", "loadgen.workloads"),
    "scenario": (*_LOCUST, *_HTTP, *_ABOVE, "loadgen.metrics", "loadgen.workloads"),
    "metrics": (*_LOCUST, *_HTTP, *_ABOVE, "loadgen.workloads"),
    "stats": (*_LOCUST, *_HTTP, *_ABOVE, "loadgen.workloads"),
    "verdict": (*_LOCUST, *_HTTP, *_ABOVE, "loadgen.workloads"),
    "quality": (*_LOCUST, *_HTTP, *_ABOVE, "loadgen.workloads"),
    "client": (*_LOCUST, *_ABOVE, "loadgen.workloads", "loadgen.metrics.recorder", "loadgen.scenario"),
    "workloads": (*_LOCUST, *_ABOVE, "loadgen.metrics", "loadgen.client.http11", "loadgen.client.transport"),
    "sandbox": (*_LOCUST, *_ABOVE, "loadgen.client", "loadgen.metrics", "loadgen.scenario", "loadgen.workloads"),
    "engine": (*_LOCUST, "loadgen.outputs", "loadgen.supervisor", "loadgen.cli"),
    "outputs": (*_LOCUST, *_HTTP, "loadgen.engine", "loadgen.workloads"),
    "sweep": (*_LOCUST, "loadgen.engine", "loadgen.client", "loadgen.workloads", "loadgen.cli"),
    "sweep/search.py": (*_LOCUST, *_HTTP, *_ABOVE, "loadgen.workloads", "loadgen.metrics", "loadgen.scenario"),
    "comparison": (*_LOCUST, *_HTTP, "loadgen.engine", "loadgen.workloads", "loadgen.supervisor", "loadgen.cli"),
    "history": (
        *_LOCUST,
        *_HTTP,
        "loadgen.engine",
        "loadgen.workloads",
        "loadgen.supervisor",
        "loadgen.soak",
        "loadgen.cli",
    ),
    "outputs/html": (*_LOCUST, *_HTTP, "loadgen.engine", "loadgen.workloads", "loadgen.sweep", "plotly"),
    "suite": (*_LOCUST, *_HTTP, "loadgen.engine", "loadgen.workloads", "loadgen.cli"),
    # Of the swarm only who answers scrapes, which knows nothing of Locust.
    "soak": ("locust", "gevent", "loadgen.cli", *_SWARM_BUT_SCRAPES),
    "soak/schedule.py": (*_LOCUST, *_HTTP, *_ABOVE, "loadgen.workloads", "loadgen.metrics"),
    "supervisor.py": ("locust", "gevent", "loadgen.engine", "loadgen.client"),
}
# All of ours that the simulator may know, a timer among it: a server that shared the client's parser would share its
# mistakes.
_SIMULATOR_KNOWS = ("loadgen.errors", "loadgen.simulator", "loadgen.timerfd")


def _sources(room: str) -> list[Path]:
    place = _PACKAGE / room
    return [place] if place.suffix else sorted(place.rglob("*.py"))


def _imports(source: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it; of `from a import b` both a and a.b."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}:{node.lineno}: a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _of(module: str, parents: tuple[str, ...]) -> bool:
    return any(module == parent or module.startswith(f"{parent}.") for parent in parents)


def _knows(sources: list[Path], forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{source.relative_to(_CHECKOUT)} imports {module}"
        for source in sources
        for module in _imports(source)
        if _of(module, forbidden)
    ]


@pytest.mark.parametrize("room", _FORBIDDEN)
def test_a_room_does_not_know_what_it_must_not(room: str) -> None:
    assert _knows(_sources(room), _FORBIDDEN[room]) == []


def test_only_the_swarm_and_the_locustfile_import_locust_or_gevent() -> None:
    swarm = _PACKAGE / "swarm"
    elsewhere = [source for source in _PACKAGE.rglob("*.py") if swarm not in source.parents]
    assert _knows(elsewhere, ("locust", "gevent", "geventhttpclient")) == []


def test_the_simulator_shares_nothing_with_the_client() -> None:
    known = [
        f"{source.name} imports {module}"
        for source in _sources("simulator")
        for module in _imports(source)
        if _of(module, ("loadgen",)) and module != "loadgen" and not _of(module, _SIMULATOR_KNOWS)
    ]
    assert known == []


def test_every_import_is_seen_wherever_it_stands(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text("import a.b\n\ndef f():\n    from c import d\n", encoding="utf-8")
    assert list(_imports(source)) == ["a.b", "c", "c.d"]
