"""Exit codes: their values are a contract, and so is which one wins."""

import pytest

from loadgen import errors
from loadgen.errors import ExitCode, LoadgenError, worst

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
