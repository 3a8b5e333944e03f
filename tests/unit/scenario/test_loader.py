"""Loading a scenario: what it becomes, where mistakes are placed, what is written back."""

from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.errors import ExitCode, ScenarioError
from loadgen.scenario import find_scenario, load_scenario, scenario_from_json, scenario_to_json
from loadgen.scenario.model import ChatSpec, Ramp, ReplaySpec
from tests.unit.scenario.conftest import VALID, Load, Refuse

# One mistake each in the valid scenario, and the one line that it gets.
MISTAKES = yaml.safe_load((Path(__file__).parent / "mistakes.yaml").read_text())


def test_a_scenario_becomes_data_in_seconds_and_tokens(load: Load, path: Path) -> None:
    scenario = load().scenario
    chat, agents = scenario.workloads
    assert isinstance(chat, ChatSpec)
    assert isinstance(agents, ReplaySpec)
    assert (chat.weight, chat.turns.mean(), chat.corpus) == (3, 2, "python-docs")
    assert (agents.path, agents.idle_cap_s, agents.assistant) == (
        str(path.parent / "traces/agentic.jsonl"),
        5,
        "recorded",
    )
    assert [stage.duration_s for stage in scenario.load.stages] == [10, 20, 60]
    assert scenario.load.stages[1].rate == Ramp(1, 10)
    assert (scenario.load.grace_s, scenario.target.timeout.total_s, scenario.target.timeout.connect_s) == (30, 600, 10)


def test_what_is_left_out_has_its_default(load: Load) -> None:
    text = """\
name: least
workloads: [{name: chat, kind: chat}]
load: {arrivals: closed, stages: [{name: steady, duration: 10, users: 1}]}
"""
    scenario = load(text).scenario
    assert (scenario.target.base_url, scenario.target.api_key_env) == (None, "OPENAI_API_KEY")
    assert (scenario.request.stream, scenario.request.max_tokens, scenario.seed) == (True, None, 1)
    assert (scenario.load.max_in_flight, scenario.slos, scenario.prices, scenario.budget) == (2000, (), None, None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://host:8000", "http://host:8000/v1"),
        ("http://host:8000/", "http://host:8000/v1"),
        ("https://host/openai/v1/", "https://host/openai/v1"),
        ("http://me:pw@host", "http://me:pw@host/v1"),
        ("http://[::1]:80", "http://[::1]:80/v1"),
    ],
)
def test_a_base_url_without_a_path_gets_v1(load: Load, written: str, meant: str) -> None:
    assert load(target=written).scenario.target.base_url == meant


def test_a_timeout_may_be_split(load: Load) -> None:
    split = ("timeout: 600s", "timeout: {connect: 1s, first_output: 500ms, idle: 2m, total: 1h}")
    timeout = load(replace=split).scenario.target.timeout
    assert (timeout.connect_s, timeout.first_output_s, timeout.idle_s, timeout.total_s) == (1, 0.5, 120, 3600)


def test_anchors_and_merges_are_read(load: Load) -> None:
    text = """\
name: merged
workloads:
  - &base {name: a, kind: chat, turns: 4, prompt_tokens: 10}
  - {<<: *base, name: b, turns: 7}
load: {arrivals: closed, stages: [{name: steady, duration: 10, users: 1}]}
"""
    first, second = load(text).scenario.workloads
    assert isinstance(first, ChatSpec)
    assert isinstance(second, ChatSpec)
    assert (first.turns.mean(), second.turns.mean(), second.prompt_tokens.mean()) == (4, 7, 10)


def test_a_scenario_reaches_another_process_unchanged(load: Load) -> None:
    scenario = load(replace=("model: auto", "headers: {Authorization: Bearer secret}")).scenario
    assert scenario_from_json(scenario_to_json(scenario)) == scenario
    assert scenario_from_json(scenario_to_json(scenario)).target.headers == {"Authorization": "Bearer secret"}


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: f"{case['put']}")
def test_a_mistake_is_placed_and_says_what_is_accepted(refuse: Refuse, case: dict[str, str]) -> None:
    assert refuse(replace=(case["for"], case["put"])) == case["says"].splitlines()


def test_every_mistake_is_reported_in_the_order_of_the_file(refuse: Refuse) -> None:
    text = VALID.replace("seed: 1", "sed: 1").replace("poisson", "poison").replace("usd: 5", "eur: 5")
    text = text.replace("model: auto", 'model: "${NONE}"').replace("rate: 10}", "rate: ten}")
    fields = [line.split(": ")[1] for line in refuse(text)]
    assert fields == ["target.model", "load.arrivals", "load.stages.2.rate", "budget.usd", "budget.eur", "sed"]


def test_closed_arrivals_take_users_and_trace_arrivals_neither(refuse: Refuse) -> None:
    closed = refuse(replace=("poisson", "closed"))
    assert closed[0].endswith(
        "load.stages.0.users: is missing: closed arrivals need it; accepted: a number, or [from, to]"
    )
    assert closed[1].endswith("load.stages.0.rate: does not go with closed arrivals; accepted: users instead")
    traced = refuse(replace=("poisson", "trace"))
    assert len(traced) == 3
    assert "accepted: neither rate nor users" in traced[0]


def test_trace_arrivals_need_a_recording(refuse: Refuse) -> None:
    text = """\
name: traced
workloads: [{name: chat, kind: chat}]
load: {arrivals: trace, stages: [{name: steady, duration: 10}]}
"""
    assert refuse(text) == [
        "scenario.yaml:3:18: load.arrivals: trace arrivals take their times from a recording; "
        "accepted: a workload of kind replay"
    ]


def test_something_must_be_measured(refuse: Refuse) -> None:
    text = VALID.replace("[1, 10]}", "1, measure: false}").replace("rate: 10}", "rate: 10, measure: false}")
    assert refuse(text)[0].endswith(
        "load.stages: no stage is measured; accepted: at least one without `measure: false`"
    )


def test_something_must_happen(refuse: Refuse) -> None:
    text = VALID.replace("[1, 10]}", "0}").replace("rate: 10}", "rate: 0}")
    assert refuse(text)[0].endswith("load.stages: no measured stage has a level above 0; accepted: at least one")


def test_users_are_whole(refuse: Refuse) -> None:
    text = VALID.replace("poisson", "closed").replace("rate", "users").replace("users: 2,", "users: 2.5,")
    assert refuse(text)[0].endswith(
        "load.stages.0.users: 2.5 is not a whole number of users; accepted: a whole number, or two"
    )


def test_a_missing_file_is_named_with_the_folder_it_was_looked_for_in(refuse: Refuse, path: Path) -> None:
    (line,) = refuse(replace=("traces/agentic", "traces/other"))
    assert line.startswith(
        "scenario.yaml:7:57: workloads.1.path: no file or folder traces/other.jsonl; accepted: a path"
    )


def test_a_misspelled_corpus_names_the_nearest(refuse: Refuse) -> None:
    (line,) = refuse(replace=("weight: 3", "corpus: python-doc"))
    assert line.endswith("did you mean 'python-docs'?")


BILLION_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{below}'] * 10)}]\n" for below, name in pairwise("abcdefg")
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "scenario.yaml:1:8: not YAML: while parsing a flow node expected the node content"),
        ("load: {rate: ${RATE}}", 'inside { } write it in quotes: "${NAME}"'),
        ("description: Real documents: does recall hold?", "a text that holds a colon and a blank goes in quotes"),
        ("a: &a [*a]", "an alias that contains itself"),
        ("a: !!python/object:os.system {}", "could not determine a constructor for the tag"),
        ("when: 2026-13-45", "month must be in 1..12"),
        ("name: \x07", "not YAML"),
        ("[" * 5_000, "nested too deeply"),
        (BILLION_LAUGHS, "grow without measure"),
        ("", "a scenario is a mapping"),
        ("- name", "a scenario is a mapping"),
        ("name: a\n---\nname: b", "expected a single document"),
    ],
)
def test_what_is_no_yaml_mapping_is_refused(refuse: Refuse, text: str, message: str) -> None:
    assert message in refuse(text)[0]


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    start=st.integers(0, len(VALID)),
    length=st.integers(0, 40),
    put=st.text(st.sampled_from("ab1. :-,[]{}\"'\n&*!~<?%@`#|${}é\0"), max_size=8),
)
def test_no_damage_to_a_scenario_ends_in_anything_but_a_scenario_or_its_mistakes(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int, put: str
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "scenario.yaml"
    path.write_text(VALID[:start] + put + VALID[start + length :])
    with suppress(ScenarioError):
        load_scenario(path, environment={})


def test_a_key_must_be_text(refuse: Refuse) -> None:
    assert "scenario.yaml:20:3: a key must be text" in refuse(VALID + "? [a, b]\n: 3\n")


def test_a_wrong_scenario_ends_in_bad_input() -> None:
    assert ScenarioError("").exit_code == ExitCode.BAD_INPUT


def test_a_header_value_is_never_shown(refuse: Refuse) -> None:
    for headers in ("{X: 123456}", '{"X Y": secret}', '{X: "sec\\nret"}', "{X: [secret]}"):
        message = "".join(refuse(replace=("model: auto", f"headers: {headers}")))
        assert "sec" not in message
        assert "123456" not in message


def test_a_scenario_does_not_show_its_headers(load: Load) -> None:
    loaded = load(replace=("model: auto", "headers: {X: secret}"))
    assert "secret" not in repr(loaded)


# --- the environment, and what is written back ----------------------------------------------------------------------


def test_a_variable_is_read_from_the_environment_and_not_written_back(load: Load) -> None:
    loaded = load(replace=("seed: 1", "seed: ${SEED}"), environment={"SEED": "77"})
    assert loaded.scenario.seed == 77
    assert loaded.raw["seed"] == "${SEED}"
    assert "${SEED}" in loaded.redacted_yaml()


def test_a_variable_may_be_part_of_a_text(load: Load) -> None:
    loaded = load(replace=("127.0.0.1:8000", "${HOST}:${PORT}"), environment={"HOST": "h", "PORT": "81"})
    assert loaded.scenario.target.base_url == "http://h:81/v1"


def test_the_base_url_is_known_as_it_was_written(load: Load) -> None:
    environment = {"HOST": "h", "WHO": "me:pass@"}
    loaded = load(replace=("127.0.0.1:8000", "${WHO}${HOST}"), environment=environment)
    assert loaded.written_base_url == "http://${WHO}${HOST}/v1"
    loaded = load(replace=("127.0.0.1:8000", "me:pass@${HOST}"), environment=environment)
    assert loaded.written_base_url == "http://REDACTED@${HOST}/v1"
    assert load().written_base_url is None


def test_what_is_written_back_loads_to_the_same_scenario(load: Load, path: Path, tmp_path: Path) -> None:
    loaded = load(rate=7.0, duration_s=45.0, sets=("workloads.chat.turns=2",))
    elsewhere = tmp_path / "elsewhere" / "scenario.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(loaded.redacted_yaml())
    assert load_scenario(elsewhere, environment={}).scenario == loaded.scenario


def test_secrets_are_not_written_back(load: Load, path: Path) -> None:
    target = (
        'target: {base_url: "http://me:pass@h/v1", headers: {A: "Bearer tok", B: "Bearer ${TOKEN}", C: "x${TOKEN}"}}'
    )
    before = 'target: {base_url: "http://127.0.0.1:8000/v1", model: auto, timeout: 600s}'
    loaded = load(replace=(before, target), environment={"TOKEN": "hidden"})
    written = loaded.redacted_yaml()
    assert yaml.safe_load(written)["target"] == {
        "base_url": "http://REDACTED@h/v1",
        "headers": {"A": "REDACTED", "B": "Bearer ${TOKEN}", "C": "REDACTED"},
    }
    path.write_text(written)
    assert load_scenario(path, environment={"TOKEN": "again"}).scenario.target.headers["B"] == "Bearer again"


def test_a_path_with_a_variable_stays_unexpanded_and_loads_from_elsewhere(load: Load, path: Path) -> None:
    for value in ("traces", str(path.parent / "traces")):
        environment = {"DIR": value}
        written = ("path: traces/agentic.jsonl", 'path: "${DIR}/agentic.jsonl"')
        loaded = load(replace=written, environment=environment)
        elsewhere = path.parent / "traces" / "scenario.yaml"
        elsewhere.write_text(loaded.redacted_yaml())
        assert "${DIR}/agentic.jsonl" in loaded.redacted_yaml()
        assert load_scenario(elsewhere, environment=environment).scenario == loaded.scenario


# --- finding it -----------------------------------------------------------------------------------------------------


def test_a_bare_name_is_a_shipped_scenario(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "quickstart.yaml").touch()
    monkeypatch.setattr("loadgen.scenario.shipped.shipped_folder", lambda: tmp_path)
    assert find_scenario("quickstart") == tmp_path / "quickstart.yaml"
    with pytest.raises(ScenarioError, match="shipped scenario: quickstart; did you mean 'quickstart'"):
        find_scenario("quikstart")


def test_a_file_goes_before_a_shipped_scenario_of_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("quickstart").touch()
    assert find_scenario("quickstart") == Path("quickstart")


def test_a_folder_or_unreadable_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="is a folder"):
        load_scenario(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xff")
    with pytest.raises(ScenarioError, match="can't be read"):
        load_scenario(tmp_path / "latin.yaml")
