"""Price lists: what holds at which instant, in which zone, for which model; and what a wrong list says."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from loadgen.errors import ScenarioError
from loadgen.prices import ModelPrices, Prices, Rates, shipped_file, shipped_prices
from loadgen.scenario.loader import load_scenario
from tests.support.command import write_scenario

_ADAPTER: TypeAdapter[Any] = TypeAdapter(Prices)
LOAD = {"arrivals": "closed", "stages": [{"name": "steady", "duration": "1s", "users": 1}]}


def prices(**keys: Any) -> ModelPrices:
    """One price: 1 in, 2 out, with what is given."""
    found = _ADAPTER.validate_python({"input": 1, "output": 2} | keys).of("any")
    assert isinstance(found, ModelPrices)
    return found


def shipped(name: str) -> ModelPrices:
    path = shipped_file(name)
    assert path is not None
    found = _ADAPTER.validate_python(yaml.safe_load(path.read_text())).of(name)
    assert isinstance(found, ModelPrices)
    return found


def at(text: str, zone: str = "UTC") -> float:
    """Unix seconds of a local time. 2026-11-23 is a Monday."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone)).timestamp()


def peak(begin: str, end: str, **keys: Any) -> dict[str, Any]:
    return {"from": begin, "to": end, "multiplier": 2} | keys


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("deepseek-flash", Rates(0.003, 0.15, 0.60, 0.60)),
        ("deepseek-pro", Rates(0.022, 0.66, 1.98, 1.98)),
        ("deepseek-v3.2", Rates(0.028, 0.28, 0.42, 0.42)),
    ],
)
def test_the_shipped_prices_outside_of_peak_hours(name: str, rates: Rates) -> None:
    assert shipped(name).at(at("2026-11-23T12:00")) == rates
    assert shipped(name).currency == "USD"


@pytest.mark.parametrize(
    ("instant", "factor"),
    [
        ("2026-11-23T00:59:59", 1),
        ("2026-11-23T01:00", 2),
        ("2026-11-23T03:59:59", 2),
        ("2026-11-23T04:00", 1),
        ("2026-11-23T06:00", 2),
        ("2026-11-23T10:00", 1),
        ("2026-11-27T09:59", 2),  # Friday
        ("2026-11-28T02:00", 1),  # Saturday
        ("2026-11-29T07:00", 1),  # Sunday
    ],
)
def test_deepseek_doubles_on_weekdays_only(instant: str, factor: int) -> None:
    found = shipped("deepseek-flash").at(at(instant))
    assert found == Rates(0.003, 0.15, 0.60, 0.60).scaled(factor)


def test_before_its_first_date_a_price_is_unknown() -> None:
    assert shipped("deepseek-flash").at(at("2026-10-31T23:59:59")) is None
    assert shipped("deepseek-flash").at(at("2026-11-01T00:00")) is not None


def test_the_newest_price_that_is_valid_holds_whatever_the_order_in_the_file() -> None:
    dated = [
        {"valid_from": "2026-06-01", "input": 3, "output": 3},
        {"valid_from": "2026-01-01", "input": 1, "output": 1},
    ]
    found = _ADAPTER.validate_python({"models": {"m": dated}}).of("m")
    assert found.at(at("2026-05-31T23:59")).input == 1
    assert found.at(at("2026-06-01T00:00")).input == 3


def test_dates_and_hours_are_by_the_clock_of_the_lists_zone() -> None:
    found = prices(time_zone="Asia/Shanghai", peaks=[peak("09:00", "12:00")])
    assert found.at(at("2026-11-23T00:59")) == Rates(1, 1, 2, 2)
    assert found.at(at("2026-11-23T01:00")) == Rates(2, 2, 4, 4)
    dated = {"time_zone": "Asia/Shanghai", "models": {"m": [{"valid_from": "2026-11-02", "input": 1, "output": 1}]}}
    later = _ADAPTER.validate_python(dated).of("m")
    assert later.at(at("2026-11-01T15:59")) is None
    assert later.at(at("2026-11-01T16:00")) is not None


def test_a_zone_with_summer_time_keeps_its_wall_clock() -> None:
    found = prices(time_zone="Europe/Berlin", peaks=[peak("08:00", "09:00")])
    assert found.at(at("2026-01-15T07:30")) == Rates(2, 2, 4, 4)
    assert found.at(at("2026-07-15T06:30")) == Rates(2, 2, 4, 4)
    assert found.at(at("2026-07-15T07:30")) == Rates(1, 1, 2, 2)


def test_a_peak_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    found = prices(peaks=[peak("22:00", "06:00", weekdays=["fri"])])
    for instant, factor in (("27T21:59", 1), ("27T22:00", 2), ("28T05:59", 2), ("28T06:00", 1), ("27T05:00", 1)):
        assert found.at(at(f"2026-11-{instant}")) == Rates(1, 1, 2, 2).scaled(factor), instant


def test_a_whole_day_and_overlapping_peaks() -> None:
    found = prices(peaks=[peak("00:00", "24:00", weekdays=["sun"]), peak("10:00", "11:00", multiplier=3)])
    assert found.at(at("2026-11-22T00:00")) == Rates(2, 2, 4, 4)
    assert found.at(at("2026-11-22T23:59")) == Rates(2, 2, 4, 4)
    assert found.at(at("2026-11-22T10:30")) == Rates(3, 3, 6, 6)


def test_what_has_no_price_of_its_own_costs_as_what_it_is_part_of() -> None:
    assert prices().at(0) == Rates(cached_input=1, input=1, output=2, reasoning=2)
    assert prices(cached_input=0.1, reasoning=4).at(0) == Rates(0.1, 1, 2, 4)


def test_a_list_of_one_model_prices_any_and_one_of_several_only_its_own() -> None:
    tariff = [{"valid_from": "2026-01-01", "input": 1, "output": 1}]
    one = _ADAPTER.validate_python({"models": {"a": tariff}})
    two = _ADAPTER.validate_python({"models": {"a": tariff, "b": tariff}})
    assert one.of("whatever") is not None
    assert (two.of("b") is not None, two.of("whatever")) == (True, None)


def test_the_bounds_over_a_span_find_the_peaks_in_it() -> None:
    flash = shipped("deepseek-flash")
    assert flash.between(at("2026-11-23T11:00"), at("2026-11-23T12:00")) == (flash.at(at("2026-11-23T11:00")),) * 2
    bounds = flash.between(at("2026-11-23T00:00"), at("2026-11-30T00:00"))
    assert bounds is not None
    assert (bounds[0].input, bounds[1].input) == (0.15, 0.30)
    assert flash.between(at("2026-10-31T12:00"), at("2026-11-02T00:00")) is None


@given(st.integers(0, 4_000_000_000))
def test_every_instant_has_a_price_where_no_date_is_set(instant: int) -> None:
    found = prices(peaks=[peak("23:30", "00:30"), peak("12:00", "13:00", weekdays=["wed"])]).at(instant)
    assert found in (Rates(1, 1, 2, 2), Rates(2, 2, 4, 4))


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"peaks": [peak("25:00", "26:00")]}, "no time of day"),
        ({"peaks": [peak("09:00", "09:00")]}, "the same"),
        ({"peaks": [peak("09:00", "10:00", weekdays=[])]}, "is empty"),
        ({"time_zone": "Mars/Olympus"}, "no time zone"),
        ({"time_zone": "../../etc/passwd"}, "no time zone"),
        ({"input": -1}, "greater than or equal to 0"),
    ],
)
def test_a_wrong_price_is_refused(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        prices(**keys)


def test_two_prices_from_one_day_are_refused() -> None:
    same = {"valid_from": "2026-01-01", "input": 1, "output": 1}
    with pytest.raises(ValidationError, match="two prices are valid from the same day"):
        _ADAPTER.validate_python({"models": {"m": [same, same]}})


def test_a_bare_time_of_day_means_what_it_says(tmp_path: Path) -> None:
    text = (
        "models: {m: [{valid_from: 2026-01-01, input: 1, output: 1, peaks: [{from: 22:00, to: 06:30, multiplier: 2}]}]}"
    )
    (tmp_path / "mine.yaml").write_text(text)
    found = load_scenario(write_scenario(tmp_path, load=LOAD, prices="mine.yaml")).scenario.prices
    assert found is not None
    model = found.of("m")
    assert model is not None
    assert model.at(at("2026-11-23T06:29")) == Rates(2, 2, 2, 2)
    assert model.at(at("2026-11-23T06:30")) == Rates(1, 1, 1, 1)


def test_a_mistake_in_a_price_file_is_shown_with_that_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "currency: USD\nmodels:\n  m:\n    - {valid_from: 2026-01-01, input: 1, outptu: 2}\n"
    )
    with pytest.raises(ScenarioError) as caught:
        load_scenario(write_scenario(tmp_path, load=LOAD, prices="mine.yaml"))
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{tmp_path / 'mine.yaml'}:4:7: prices.models.m.0.output: is missing")
    assert "mine.yaml:4:" in second
    assert "did you mean 'output'?" in second


def test_a_shipped_list_is_taken_by_its_name_alone(tmp_path: Path) -> None:
    assert set(shipped_prices()) == {"deepseek-flash", "deepseek-pro", "deepseek-v3.2"}
    loaded = load_scenario(write_scenario(tmp_path, load=LOAD, prices="deepseek-pro"))
    assert loaded.scenario.prices is not None
    prices = loaded.scenario.prices.of("whatever-it-is-served-as")
    assert prices == shipped("deepseek-pro")
    # What is written down is the name, so that it reads as the author wrote it.
    assert "prices: deepseek-pro" in loaded.redacted_yaml()


def test_a_name_that_is_no_list_gets_the_ones_there_are(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"deepseek-flash, deepseek-pro, .*did you mean 'deepseek-flash'"):
        load_scenario(write_scenario(tmp_path, load=LOAD, prices="deepseek-flsh"))


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({}, "nothing says what the run costs; accepted: prices or hardware"),
        ({"prices": {"input": 1, "output": 2, "currency": "CNY"}}, "the prices are in CNY"),
    ],
)
def test_a_budget_needs_something_to_hold_it_against(tmp_path: Path, parts: dict[str, Any], says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        load_scenario(write_scenario(tmp_path, load=LOAD, budget={"usd": 1}, **parts))
