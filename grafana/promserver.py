"""A Prometheus of one's own with the repository's configuration, for checking what the dashboards ask of it.

Used by check.py and the tests. Listens on loopback, keeps its data in the folder it is given, ends with its block.
"""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CONFIGURATION = Path(__file__).parents[1] / "prometheus"
_READY_S = 30.0
_ANSWER_S = 20.0


class QueryError(Exception):
    """Prometheus refused a query; its own words."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels and its (time, value) points. NaN counts as a value."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


def installed() -> bool:
    """Whether there are a prometheus and a promtool on the path."""
    return shutil.which("prometheus") is not None and shutil.which("promtool") is not None


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens: Prometheus does not tell which one it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Prometheus:
    """Started with the block, gone after it.

    targets: host:port lists by the name of a file in prometheus/targets/. rules_every: seconds between the evaluations
    of the recording rules, for a run too short for the committed 15.
    """

    def __init__(self, folder: Path, targets: Mapping[str, Sequence[str]], *, rules_every: int = 15) -> None:
        self._folder = folder
        self._targets = targets
        self._rules_every = rules_every
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        configuration = self._folder / "configuration"
        shutil.copytree(CONFIGURATION, configuration)
        for name, addresses in self._targets.items():
            path = configuration / "targets" / f"{name}.json"
            if not path.exists():
                raise ValueError(f"{path.name} is no targets file of prometheus/targets")
            path.write_text(json.dumps([{"targets": list(addresses)}]))
        rules = configuration / "rules" / "recording.yml"
        rules.write_text(rules.read_text().replace("interval: 15s", f"interval: {self._rules_every}s"))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        log = self._folder / "prometheus.log"
        command = (
            "prometheus",
            f"--config.file={configuration / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        )
        with log.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + _READY_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise RuntimeError(f"Prometheus did not start: {log.read_text()}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1.0) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def ask(self, path: str, **fields: str) -> Any:
        """`data` of an API answer. Raises QueryError with what Prometheus says of a bad query."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(fields)}"
        try:
            with urllib.request.urlopen(address, timeout=_ANSWER_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise QueryError(error.read().decode("utf-8", "replace")) from None

    def at(self, expr: str, time_s: float) -> list[Series]:
        """The value of an expression at one time."""
        data = self.ask("query", query=expr, time=str(time_s))
        if data["resultType"] == "scalar":
            return [Series({}, [_point(data["result"])])]
        return [Series(found["metric"], [_point(found["value"])]) for found in data["result"]]

    def over(self, expr: str, start_s: float, end_s: float, step_s: float) -> list[Series]:
        """The values of an expression from start to end."""
        data = self.ask("query_range", query=expr, start=str(start_s), end=str(end_s), step=str(step_s))
        return [Series(found["metric"], [_point(point) for point in found["values"]]) for found in data["result"]]

    def values_of(self, label: str, selector: str | None, start_s: float, end_s: float) -> list[str]:
        """The values that a label has, in the series that a selector matches."""
        match = {} if selector is None else {"match[]": selector}
        values: list[str] = self.ask(f"label/{label}/values", start=str(start_s), end=str(end_s), **match)
        return values

    def labels(self) -> dict[str, set[str]]:
        """Every metric that it has, with the labels that any of its series has."""
        found: dict[str, set[str]] = {}
        for series in self.ask("series", **{"match[]": '{__name__!=""}'}):
            found.setdefault(series["__name__"], set()).update(series)
        return found


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
