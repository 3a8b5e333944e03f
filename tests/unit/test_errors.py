"""Exit codes: their values are a contract, and so is which one wins."""

import pytest

from loadgen import errors
from loadgen.errors import ExitCode, LoadgenError, code_of, explained, worst

IN_ORDER = (70, 2, 130, 5, 4, 1, 3, 0)


def test_the_codes_are_those_of_the_contract() -> None:
    assert {code.value for code in ExitCode} == set(IN_ORDER)


@pytest.mark.parametrize("at", range(len(IN_ORDER)))
def test_where_several_hold_the_first_in_order_wins(at: int) -> None:
    codes = [ExitCode(code) for code in IN_ORDER[at:]]
    assert worst(reversed(codes)) == codes[0]


def test_none_is_a_pass() -> None:
    assert worst(()) == ExitCode.PASS


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.LoadgenError, 70),
        (errors.UsageError, 2),
        (errors.ScenarioError, 2),
        (errors.TraceError, 2),
        (errors.TargetRefusedError, 2),
        (errors.TargetUnreachableError, 5),
    ],
)
def test_each_error_ends_in_its_code(error: type[LoadgenError], code: int) -> None:
    assert error("why").exit_code == code


@pytest.mark.parametrize(
    ("outcome", "code"), [("pass", 0), ("none", 0), ("fail", 1), ("inconclusive", 3), ("invalid", 4)]
)
def test_a_verdict_has_its_exit_code(outcome: str, code: int) -> None:
    assert code_of(outcome) == code


def test_codes_that_nothing_else_explains_are_explained() -> None:
    assert explained(ExitCode.SLO_FAILED) == "Exit code 1: an SLO failed"
    assert [code for code in ExitCode if explained(code) is not None] == [1, 3, 4]
