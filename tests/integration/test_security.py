"""Planted secrets are in no file, log, console or process list; TLS is verified; what listens, listens on loopback."""

import base64
import gzip
import itertools
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadgen.errors import ExitCode, ScenarioError
from loadgen.scenario.loader import load_scenario
from tests.support.authority import Authority
from tests.support.command import Command, Finished, closed_load, open_load, write_scenario
from tests.support.listening import listening_addresses
from tests.support.ports import free_port
from tests.support.raw_server import RawServer, event_stream, good, plain
from tests.support.waiting import wait_for

KEY = "sk-planted-key-0123456789abcdef"
HEADER = "planted-header-value-fedcba"
SET_HEADER = "planted-value-of-set-77"
TOKEN = "planted-token-from-the-environment"
PASSWORD = "planted-password-31"
USER_PART = f"planted-user:{PASSWORD}"
BASIC = base64.b64encode(USER_PART.encode()).decode()
LOCUSTFILE = Path(__file__).parents[2] / "locustfile.py"
SECRETS = [KEY, HEADER, SET_HEADER, TOKEN, PASSWORD, USER_PART, BASIC]
_ENVIRONMENT = {"OPENAI_API_KEY": KEY, "LG_PLANTED": TOKEN}


def _quoting(head: bytes) -> Iterator[bytes]:
    """Every way in which a server can say what it was sent, in turn."""
    values = [line.partition(b": ")[2] for line in head.split(b"\r\n")]
    sent = b" ".join(value for value in values if b"planted" in value or b"Basic" in value)
    quoted = sent.replace(b'"', b"'")
    wrong = b'{"error":{"message":"Incorrect API key provided: %b","type":"%b"}}' % (quoted, quoted)
    padded = b'{"error":{"message":"%b %b"}}' % (b"x" * 180, quoted)
    yield plain(b"401 Unauthorized", wrong)
    yield plain(b"500 Internal Server Error", padded)
    yield plain(b"503 Service Unavailable", b"x" * 290 + sent)
    yield plain(b"200 OK", b"no JSON: " + sent)
    yield event_stream(b'{"choices":[{"delta":{"content":"x"}}]}', wrong)
    yield event_stream(b'{"choices": [%b' % sent)
    yield event_stream(b'{"choices":[{"delta":{},"finish_reason":"%b"}]}' % quoted)
    yield b"HTTP/1.1 200 OK\r\nServer: %b\r\n%b\r\n\r\n" % (sent, sent)
    yield sent


def _fails(number: int, head: bytes) -> Iterable[bytes]:
    if number == 0:
        return [good()]
    return [list(_quoting(head))[number % 9]]


def _succeeds(number: int, head: bytes) -> Iterable[bytes]:
    return [good(head.decode("latin-1"))]


def _start(folder: Path, server: RawServer, transport: str) -> Command:
    target = {
        "base_url": f"http://127.0.0.1:{server.port}/v1",
        "headers": {"X-In-The-File": HEADER, "X-From-Environment": "${LG_PLANTED}"},
        "transport": transport,
    }
    scenario = write_scenario(folder, target=target, load=open_load(15, "2s"), slos=["ttft p99 < 2s"])
    with_user_part = server.url.replace("//", f"//{USER_PART}@")
    setting = f"target.headers.X-Set={SET_HEADER}"
    arguments = ["--target", with_user_part, "--set", setting, "--workers", "2", "--out", "run"]
    return Command(folder, "run", scenario, *arguments, env=_ENVIRONMENT)


@dataclass(frozen=True)
class Case:
    """A finished run; the command lines of its children while it ran; what its server was sent."""

    finished: Finished
    command_lines: dict[int, list[str]]
    heads: list[bytes]


@pytest.fixture(scope="module", params=["http11", "aiohttp"])
def cases(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[dict[str, Case]]:
    """One run that only fails and one that does well, side by side."""
    commands: dict[str, Command] = {}
    with RawServer(_fails) as failing, RawServer(_succeeds) as well:
        servers = {"failing": failing, "well": well}
        try:
            for name, server in servers.items():
                commands[name] = _start(tmp_path_factory.mktemp(name), server, request.param)
            lines = {}
            for name, server in servers.items():
                wait_for(lambda server=server: len(server.heads) > 1, "the load has begun", 30.0)  # type: ignore[misc]
                lines[name] = commands[name].living()
            yield {name: Case(commands[name].wait(), lines[name], servers[name].heads) for name in servers}
        finally:
            for command in commands.values():
                command.end()


def _assert_none(secrets: Iterable[str], text: str, where: object) -> None:
    for secret in secrets:
        # Half of one is a leak as well.
        for part in {secret, secret[: max(8, len(secret) // 2)]} - {USER_PART[: len(USER_PART) // 2]}:
            assert part not in text, f"{part!r} in {where}: {text[max(0, text.index(part) - 80) :][:200]}"


def _text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")


@pytest.mark.parametrize("name", ["failing", "well"])
def test_secrets_are_in_no_file_and_on_no_console(cases: dict[str, Case], name: str) -> None:
    case = cases[name]
    requests = case.finished.summary["requests"]
    assert requests["failed" if name == "failing" else "ok"] > 10, case.finished.output
    # They were sent, all of them: otherwise there would be nothing to find.
    for secret in (KEY, HEADER, SET_HEADER, TOKEN):
        assert all(secret.encode() in head for head in case.heads)
    _assert_none(SECRETS, case.finished.output, "the console")
    files = [path for path in case.finished.run.rglob("*") if path.is_file()]
    assert {"summary.json", "records.jsonl.gz", "scenario.yaml", "environment.json"} <= {path.name for path in files}
    for path in files:
        _assert_none(SECRETS, _text_of(path), path.name)


def test_failures_say_what_is_wrong_all_the_same(cases: dict[str, Case]) -> None:
    errors = {record["error"] for record in cases["failing"].finished.records}
    assert any("Incorrect API key provided: ***" in error for error in errors)


@pytest.mark.parametrize("name", ["failing", "well"])
def test_secrets_are_on_no_command_line_of_a_child(cases: dict[str, Case], name: str) -> None:
    lines = cases[name].command_lines.values()
    # All but the command itself, on whose line the user has put them.
    children = [line for line in lines if "--target" not in line]
    assert len(children) == len(lines) - 1
    assert sum("worker" in line for line in children) == 2
    assert sum("master" in line for line in children) == 1
    for line in children:
        _assert_none(SECRETS, " ".join(line), line)


def test_a_user_part_is_sent_with_every_request(tmp_path: Path) -> None:
    with RawServer(_succeeds) as server:
        scenario = write_scenario(tmp_path, load=open_load(5, "1s"))
        target = server.url.replace("//", f"//{USER_PART}@")
        finished = Command(tmp_path, "run", scenario, "--target", target, "--workers", "1", "--out", "run").wait()
    assert finished.summary["requests"]["ok"] == 5, finished.output
    assert all(f"Authorization: Basic {BASIC}".encode() in head for head in server.heads)
    _assert_none(SECRETS, finished.output, "the console")


@pytest.mark.parametrize(
    "part",
    [
        {"base_url": f"http://u:{PASSWORD}/x@h:1"},
        {"base_url": [f"http://u:{PASSWORD}@h"]},
        {"base_url": f"ftp://u:{PASSWORD}@h"},
        {"headers": {"X-A": [PASSWORD]}},
        {"headers": {"X-A": f"{PASSWORD}\nX-B: 1"}},
        {"headers": PASSWORD},
        {"proxy": f"socks5://u:{PASSWORD}@h"},
        {"proxy": [f"http://u:{PASSWORD}@h"]},
        {"transport": "http11", "proxy": f"http://u:{PASSWORD}@h"},
    ],
)
def test_a_mistake_beside_a_secret_does_not_show_it(tmp_path: Path, part: dict[str, object]) -> None:
    scenario = write_scenario(tmp_path, target=part, load=closed_load(1, "1s"))
    with pytest.raises(ScenarioError) as caught:
        load_scenario(scenario)
    _assert_none([PASSWORD], str(caught.value), "the message")


def test_help_and_validation_show_nothing_of_the_environment(tmp_path: Path) -> None:
    target = {"base_url": f"http://{USER_PART}@127.0.0.1:1", "headers": {"X-A": HEADER, "X-B": "${LG_PLANTED}"}}
    scenario = write_scenario(tmp_path, target=target, load=closed_load(1, "1s"))
    for arguments in (["run", "--help"], ["validate", scenario]):
        finished = Command(tmp_path, *arguments, env=_ENVIRONMENT).wait()
        assert finished.code == ExitCode.PASS, finished.output
        _assert_none(SECRETS, finished.output, arguments)


def test_plain_locust_shows_none_either(tmp_path: Path) -> None:
    with RawServer(lambda number, head: itertools.chain(_fails(number, head))) as server:
        target = {"headers": {"X-In-The-File": HEADER}}
        scenario = write_scenario(tmp_path, target=target, load=open_load(15, "2s"))
        environment = os.environ | _ENVIRONMENT
        environment |= {"LOADGEN_SCENARIO": scenario, "LOADGEN_OUT": str(tmp_path / "run")}
        environment |= {"LOADGEN_TARGET": server.url.replace("//", f"//{USER_PART}@")}
        command = [
            sys.executable,
            "-m",
            "locust",
            "-f",
            str(LOCUSTFILE),
            "--headless",
            "--csv",
            "locust",
            "-L",
            "DEBUG",
        ]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=60, text=True)
    assert len(server.heads) > 10, done.stderr
    _assert_none(SECRETS, done.stdout + done.stderr, "the console")
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != Path(scenario):
            _assert_none(SECRETS, _text_of(path), path.name)


def test_everything_that_listens_is_on_loopback(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, load=closed_load(1, "60s"))
    command = Command(tmp_path, "run", scenario, "--workers", "1", "--out", "run")
    try:
        command.await_records(1)
        found = listening_addresses(command.living())
        assert len(found) >= 2  # the master's and the simulator's
        assert {address for address, _ in found} == {"127.0.0.1"}
    finally:
        command.end()


def test_a_plain_locust_master_and_its_ui_listen_on_loopback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--master"]
    command += ["--web-port", str(free_port()), "--master-bind-port", str(free_port())]
    environment = os.environ | {"LOADGEN_TARGET": "http://127.0.0.1:9"}
    with (tmp_path / "output.txt").open("wb") as printed:
        master = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=printed, stderr=printed)
    try:
        wait_for(lambda: len(listening_addresses([master.pid])) == 2, "UI and master listen", 30.0)
        assert {address for address, _ in listening_addresses([master.pid])} == {"127.0.0.1"}
    finally:
        master.kill()
        master.wait()


@pytest.mark.parametrize("transport", ["http11", "aiohttp"])
def test_tls_is_verified_unless_the_authority_is_named(tmp_path: Path, transport: str) -> None:
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")

    def start(name: str, ca_file: Path | None) -> Command:
        target = {"base_url": server.url.replace("http:", "https:"), "transport": transport}
        if ca_file is not None:
            target["ca_file"] = str(ca_file)
        scenario = write_scenario(tmp_path / name, target=target, load=open_load(5, "1s"))
        return Command(tmp_path / name, "run", scenario, "--workers", "1", "--out", "run")

    with RawServer(_succeeds, tls=ours.server_context()) as server:
        trusting = start("ours", ours.ca_file)
        wary = [start("default", None), start("other", other.ca_file)]
        for command in wary:
            refused = command.wait()
            assert refused.code == ExitCode.TARGET_UNREACHABLE
            assert "certificate verify failed" in refused.output
        assert trusting.wait().summary["requests"]["ok"] == 5
