"""The stack of containers, held together on machines that have none: CI has no Docker."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from loadgen.errors import UsageError
from loadgen.settings import Settings
from loadgen.simulator.command import simulate
from stack.compose import Service, read, read_env
from stack.native import local, parts

_CHECKOUT = Path(__file__).parents[2]
_COMPOSE = _CHECKOUT / "docker-compose.yml"
_SERVICES = read({}).services
_every_service = pytest.mark.parametrize("service", _SERVICES.values(), ids=_SERVICES.keys())


def _has_compose() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not _has_compose(), reason="no Docker with Compose here")
def test_compose_itself_accepts_the_file() -> None:
    command = ["docker", "compose", "-f", str(_COMPOSE), "--profile", "real", "config", "-q"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stderr


@_every_service
def test_a_container_can_not_do_more_than_it_has_to(service: Service) -> None:
    assert service.read_only
    assert service.cap_drop == ["ALL"]
    assert service.security_opt == ["no-new-privileges:true"]
    assert service.deploy.resources.limits.memory
    assert service.deploy.resources.limits.pids > 0


@_every_service
def test_what_is_published_is_on_loopback(service: Service) -> None:
    assert [port for port in service.ports if not port.startswith("127.0.0.1:")] == []


@_every_service
def test_an_image_is_built_here_or_pinned(service: Service) -> None:
    built = [other.image for other in _SERVICES.values() if other.build is not None]
    assert len(built) == len(set(built))
    assert service.image in built or re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service.image)


@_every_service
def test_what_is_mounted_from_the_checkout_is_there_and_read_only(service: Service) -> None:
    declared = read({}).volumes
    for mount in service.volumes:
        source, _, rest = mount.partition(":")
        if source.startswith("./"):
            assert (_CHECKOUT / source).exists(), mount
            assert rest.endswith(":ro"), mount
        else:
            assert source in declared


def test_everything_that_listens_has_a_health_check_that_is_waited_for() -> None:
    checked = {name for name, service in _SERVICES.items() if service.healthcheck.test}
    assert checked == _SERVICES.keys() - {"worker"}
    for service in _SERVICES.values():
        assert {needed.condition for needed in service.depends_on.values()} <= {"service_healthy"}
        assert service.depends_on.keys() <= checked


def test_every_variable_is_explained_with_its_default() -> None:
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", _COMPOSE.read_text()))
    shown = dict(re.findall(r"^#?(\w+)=(.*)$", (_CHECKOUT / ".env.example").read_text(), re.MULTILINE))
    assert used.keys() | {"COMPOSE_PROFILES"} == shown.keys()
    by_example = {"LOADGEN_TARGET", "LOADGEN_USERS", "LOADGEN_RATE", "LOADGEN_DURATION"}
    assert {name: used[name] for name in used.keys() - by_example} == {
        name: shown[name] for name in used.keys() - by_example
    }


def test_the_example_changes_nothing_as_it_stands() -> None:
    assert read_env(_CHECKOUT / ".env.example") == {}


def test_what_the_master_is_told_it_understands(monkeypatch: pytest.MonkeyPatch) -> None:
    told = read({"LOADGEN_TARGET": "http://h:1/v1", "LOADGEN_USERS": "7", "LOADGEN_DURATION": "3m"})
    for name, value in told.services["master"].environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings.read()
    assert (settings.target, settings.users, settings.rate, settings.duration) == ("http://h:1/v1", 7, None, "3m")
    assert (settings.prometheus_host, settings.prometheus_port) == ("0.0.0.0", 9464)


def test_the_simulator_takes_its_options() -> None:
    simulate.make_context("loadgen simulate", _SERVICES["simulator"].command[2:])


def test_prometheus_scrapes_the_containers_where_they_listen() -> None:
    targets = {path.name: json.loads(path.read_text()) for path in (_CHECKOUT / "prometheus" / "compose").iterdir()}
    assert targets == {
        "loadgen.json": [{"targets": ["master:9464"]}],
        "server.json": [{"targets": ["simulator:8000"]}],
    }
    assert targets.keys() == {path.name for path in (_CHECKOUT / "prometheus" / "targets").iterdir()}


def test_grafana_finds_its_dashboards_where_they_are_mounted() -> None:
    grafana = _SERVICES["grafana"]
    provider = (_CHECKOUT / "grafana" / "provisioning" / "dashboards" / "loadgen.yaml").read_text()
    assert "./grafana/dashboards:/etc/grafana/dashboards:ro" in grafana.volumes
    assert "path: /etc/grafana/dashboards\n" in provider
    home = Path(grafana.environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (_CHECKOUT / "grafana" / "dashboards" / home.name).exists()


def test_the_images_run_as_nobody_in_particular() -> None:
    stages = re.split(r"^FROM ", (_CHECKOUT / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]
    run = {stage.split()[2]: stage for stage in stages if "CMD [" in stage}
    assert run.keys() == {"loadgen", "engine"}
    assert [name for name, stage in run.items() if "\nUSER 10001:10001\n" not in stage] == []


def test_without_docker_the_same_is_started_on_loopback(tmp_path: Path) -> None:
    started = parts(read({"LOADGEN_WORKERS": "2"}), {"PATH": "kept"}, tmp_path)
    names = [part.name for part in started]
    assert names == [name for name in ("simulator", "prometheus", "master", "worker", "worker") if name in names]
    for part in started:
        words = " ".join([*part.command, *part.environ.values()])
        assert not re.search(r"0\.0\.0\.0|//simulator|master:|/etc/prometheus|=/prometheus", words), words
        assert part.environ["PATH"] == "kept"
    assert started[0].command[0] == str(Path(sys.executable).with_name("loadgen"))


def test_pages_are_where_the_containers_publish_them(tmp_path: Path) -> None:
    started = parts(read({"LOADGEN_UI_PORT": "8090", "LOADGEN_BIND": "0.0.0.0"}), {}, tmp_path)
    (master,) = (part for part in started if part.name == "master")
    assert master.command[-4:] == ("--web-host", "0.0.0.0", "--web-port", "8090")
    assert master.page == "http://127.0.0.1:8090/"


def test_the_simulator_leaves_its_port_to_another_target(tmp_path: Path) -> None:
    compose = read({"LOADGEN_TARGET": "http://127.0.0.1:8000/v1"})
    assert "simulator" not in [part.name for part in parts(compose, {}, tmp_path)]


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("LOADGEN_UI_PORT", "web", "LOADGEN_UI_PORT=web; accepted: a port"),
        ("LOADGEN_UI_PORT", "70000", "LOADGEN_UI_PORT=70000; accepted: a port"),
        ("LOADGEN_WORKERS", "two", "replicas is 'two'"),
        ("LOADGEN_WORKERS", "0", "replicas is '0'.*greater than or equal to 1"),
    ],
)
def test_a_variable_that_makes_no_stack_is_named(variable: str, value: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told):
        parts(read({variable: value}), {}, tmp_path)


def test_a_target_outside_stays_as_it_is(tmp_path: Path) -> None:
    assert local("http://gpu-simulator.example:8000/v1", tmp_path) == "http://gpu-simulator.example:8000/v1"


def test_an_env_file_reads_as_compose_reads_it(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# a comment\n\nexport A=1\nB=two words # said\nC='x # y'\nD=\"q\"\nE=\nF=http://h/#part\n")
    assert read_env(file) == {"A": "1", "B": "two words", "C": "x # y", "D": "q", "E": "", "F": "http://h/#part"}


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\nnonsense\n")
    with pytest.raises(UsageError, match=r"\.env:2: accepted: NAME=VALUE"):
        read_env(file)


def test_a_variable_that_is_empty_has_its_default() -> None:
    environment = read({"LOADGEN_SCENARIO": "", "LOADGEN_TARGET": "http://h/v1"}).services["master"].environment
    assert environment["LOADGEN_SCENARIO"] == "latency_under_load"
    assert environment["LOADGEN_TARGET"] == "http://h/v1"
