"""The dials of the simulated model, and how they are set on a command line."""

import pytest
from click.testing import CliRunner

from loadgen.cli import cli
from loadgen.errors import UsageError
from loadgen.simulator.command import simulate, simulator_arguments
from loadgen.simulator.dials import BAD, GOOD, ActingDials, Curve, ReadingDials, parse_curve
from loadgen.simulator.quality import quality_of


def test_a_curve_runs_straight_between_its_points_and_flat_beyond() -> None:
    curve = parse_curve("0.5=0.6,0.1=1,0.9=0.8", lengths=False)
    assert [curve.at(depth) for depth in (0, 0.1, 0.3, 0.5, 0.7, 1)] == pytest.approx([1, 1, 0.8, 0.6, 0.7, 0.8])


def test_a_curve_over_lengths_runs_straight_over_their_logarithm() -> None:
    curve = parse_curve("4k=1, 64k=0.5", lengths=True)
    assert [curve.at(tokens) for tokens in (1, 4000, 16_000, 64_000, 1_000_000)] == pytest.approx(
        [1, 1, 0.75, 0.5, 0.5]
    )
    assert parse_curve("1M=0.5", lengths=True).at(10) == 0.5


def test_no_curve_is_one_everywhere() -> None:
    assert Curve().at(0.5) == 1


@pytest.mark.parametrize("text", ["", "0.5", "0.5=2", "2=0.5", "a=b", "0.5=1,0.5=0.2", "0.1=1=1"])
def test_what_is_no_curve_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="accepted: points such as"):
        parse_curve(text, lengths=False)


def test_recall_multiplies() -> None:
    dials = ReadingDials(recall=0.5, by_depth=Curve(((0.0, 0.5),)), by_length=Curve(((1000.0, 0.5),), logarithmic=True))
    assert dials.seen(0.3, 5000) == 0.125


def test_one_call_goes_wrong_in_one_way_at_most() -> None:
    with pytest.raises(UsageError, match="up to 1 together"):
        ActingDials(malformed=0.6, wrong_tool=0.6)


def options(text: str) -> dict[str, object]:
    return simulate.make_context("simulate", text.split()).params


def test_a_good_model_is_the_default_and_dials_change_a_preset() -> None:
    assert quality_of(options("")) == GOOD
    bad = quality_of(options("--model-quality bad --stale-picks 0 --gives-up 1"))
    assert (bad.reading.stale, bad.acting.gives_up) == (0, 1)
    assert (bad.reading.made_up, bad.acting.malformed) == (BAD.reading.made_up, BAD.acting.malformed)


@pytest.mark.parametrize("given", ["--recall 2", "--recall-by-depth x", "--unknown", "'unclosed"])
def test_a_run_refuses_options_that_its_simulator_would(given: str) -> None:
    with pytest.raises(UsageError, match="--simulator"):
        simulator_arguments(given)


def test_a_target_takes_no_simulator_options() -> None:
    result = CliRunner().invoke(cli, ["run", "--target", "http://127.0.0.1:9/v1", "--simulator", "--recall 0.5"])
    assert isinstance(result.exception, UsageError)
