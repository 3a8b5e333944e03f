"""The LOADGEN_* variables: what is no value is named, with its variable."""

import pytest

from loadgen.errors import UsageError
from loadgen.settings import Settings


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("LOADGEN_USERS", "many", "LOADGEN_USERS: can't read 'many': .*integer"),
        ("LOADGEN_RATE", "fast", "LOADGEN_RATE: can't read 'fast': .*number"),
        ("LOADGEN_PROMETHEUS_PORT", "70000", "LOADGEN_PROMETHEUS_PORT: can't read '70000': .*65535"),
    ],
)
def test_a_variable_that_can_not_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=told):
        Settings.read()


def test_a_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADGEN_USERS", "")
    assert Settings.read().users is None
