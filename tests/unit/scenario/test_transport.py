"""Which transport a scenario comes to, and how it may name a proxy."""

from pathlib import Path
from typing import Any

import pytest

from loadgen.errors import ScenarioError
from loadgen.scenario.loader import LoadedScenario, load_scenario
from tests.support.command import closed_load, write_scenario


def _load(folder: Path, **target: Any) -> LoadedScenario:
    return load_scenario(write_scenario(folder, target=target, load=closed_load(1, "1s")), environment={"PW": "hidden"})


@pytest.mark.parametrize(
    ("target", "transport"),
    [
        ({}, "http11"),
        ({"transport": "http11"}, "http11"),
        ({"transport": "aiohttp"}, "aiohttp"),
        ({"proxy": "http://p:3128"}, "aiohttp"),
        ({"transport": "aiohttp", "proxy": "https://p:3128/"}, "aiohttp"),
    ],
)
def test_auto_takes_aiohttp_where_there_is_a_proxy(tmp_path: Path, target: dict[str, str], transport: str) -> None:
    assert _load(tmp_path, **target).scenario.target.measured_by == transport


def test_http11_and_a_proxy_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"target\.transport: http11 goes through no proxy; accepted: auto"):
        _load(tmp_path, transport="http11", proxy="http://p:3128")


@pytest.mark.parametrize(
    "proxy", ["p:3128", "socks5://p:1", "http://", "http://p:99999", "http://p/path", "http://p?q"]
)
def test_what_is_no_proxy(tmp_path: Path, proxy: str) -> None:
    with pytest.raises(ScenarioError, match=r"target\.proxy: no URL of a proxy; accepted: http://"):
        _load(tmp_path, proxy=proxy)


def test_a_proxy_s_user_part_is_shown_nowhere(tmp_path: Path) -> None:
    loaded = _load(tmp_path, proxy="http://me:secret-1@p:3128")
    assert "secret-1" not in repr(loaded) + loaded.redacted_yaml()
    assert "http://REDACTED@p:3128" in loaded.redacted_yaml()
    assert _load(tmp_path, proxy="http://me:${PW}@p:3128").scenario.target.proxy == "http://me:hidden@p:3128"
