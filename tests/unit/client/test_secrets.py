"""What was sent as a secret is taken out of what a server says, whole and in all the forms it had."""

import base64

import pytest

from loadgen.client.endpoint import endpoint_of
from loadgen.client.exchange import Exchange, Limits
from loadgen.client.interpret import interpret
from loadgen.client.secrets import Secrets, secrets_of

BASIC = "Basic " + base64.b64encode(b"me:pass-word").decode()


@pytest.mark.parametrize(
    ("values", "said", "shown"),
    [
        (["Bearer sk-123456"], "wrong key sk-123456!", "wrong key ***!"),
        (["Bearer sk-123456"], "sent Bearer sk-123456", "sent ***"),
        ([BASIC], f"{BASIC} is me:pass-word or pass-word", "*** is *** or ***"),
        (["Basic ???"], "Basic ??? is odd", "*** is odd"),
        (["abcdef", "abcdefgh"], "abcdefgh abcdef", "*** ***"),
        (["1", "true", "short"], "1 true short", "1 true short"),
        ([], "nothing to hide", "nothing to hide"),
    ],
)
def test_values_are_hidden(values: list[str], said: str, shown: str) -> None:
    assert secrets_of(values).hide(said) == shown


def test_a_url_s_user_part_is_hidden_as_it_is_written_and_as_it_is_meant() -> None:
    secrets = Secrets().with_url("http://me:p%40ss-word@h")
    assert secrets.hide("me:p%40ss-word me:p@ss-word p@ss-word") == "*** *** ***"
    assert Secrets().with_url(None) == Secrets().with_url("http://h") == Secrets()


def test_an_endpoint_knows_its_own_and_shows_none() -> None:
    endpoint = endpoint_of("http://u:pass-word@h", headers={"X-Own": "own-value"}, api_key="sk-123456")
    assert endpoint.secrets.hide("pass-word own-value sk-123456 application/json") == "*** *** *** application/json"
    assert not any(secret in repr(endpoint) for secret in ("pass-word", "own-value", "sk-123456"))


def test_secrets_are_hidden_before_a_text_is_shortened() -> None:
    key = "sk-" + "0123456789" * 4
    for padding in range(200, 330, 3):
        exchange = Exchange("/chat/completions", [b"{}"], Limits(), sent_ns=0, secrets=secrets_of([key]))
        exchange.begin_body(500)
        exchange.timeline.add(1, b"x" * padding + key.encode() + b"x" * 900)
        error = interpret(exchange).error
        assert error is not None
        assert "0123" not in error
