"""A base URL and headers become exactly the bytes meant, or are refused before anything is sent."""

import base64

import pytest

from loadgen.client.endpoint import endpoint_of
from loadgen.errors import UsageError


@pytest.mark.parametrize(
    ("url", "host", "port", "line", "authority"),
    [
        ("http://h", "h", 80, "/v1/chat", "h"),
        ("http://h/", "h", 80, "/v1/chat", "h"),
        ("https://h", "h", 443, "/v1/chat", "h"),
        ("http://h:8000/v1/", "h", 8000, "/v1/chat", "h:8000"),
        ("http://[::1]:8000/api", "::1", 8000, "/api/chat", "[::1]:8000"),
        ("http://[::1]", "::1", 80, "/v1/chat", "[::1]"),
        ("http://h/a b/ü", "h", 80, "/a%20b/%C3%BC/chat", "h"),
        ("http://bücher.example", "xn--bcher-kva.example", 80, "/v1/chat", "xn--bcher-kva.example"),
    ],
)
def test_a_base_url_is_taken_apart(url: str, host: str, port: int, line: str, authority: str) -> None:
    endpoint = endpoint_of(url)
    assert (endpoint.host, endpoint.port) == (host, port)
    lines = endpoint.head("POST", "/chat").split(b"\r\n")
    assert lines[0] == f"POST {line} HTTP/1.1".encode()
    assert lines[1] == f"Host: {authority}".encode()


@pytest.mark.parametrize(
    "url",
    [
        "h:8000",
        "ftp://h",
        "http://",
        "http://h:port",
        "http://h:99999",
        "http://a b/",
        "http://[::1",
        "http://h\x00",
        "http://h/v1?key=1",
        "http://h/v1#a",
    ],
)
def test_an_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="target"):
        endpoint_of(url)


def test_user_and_password_become_an_authorization_that_nothing_shows() -> None:
    endpoint = endpoint_of("http://me:p%40ss@h:8000")
    assert b"Authorization: Basic " + base64.b64encode(b"me:p@ss") + b"\r\n" in endpoint.head("GET", "/models")
    assert "p@ss" not in endpoint.url + repr(endpoint)
    assert base64.b64encode(b"me:p@ss").decode() not in repr(endpoint)


def test_a_key_goes_into_the_head_and_nowhere_else() -> None:
    endpoint = endpoint_of("http://h/v1", api_key="sk-secret")
    assert b"Authorization: Bearer sk-secret\r\n" in endpoint.head("GET", "/models")
    assert "secret" not in endpoint.url + repr(endpoint)


def test_own_headers_take_the_place_of_ours() -> None:
    head = endpoint_of("http://h", headers={"authorization": "Token t", "HOST": "other"}, api_key="sk").head(
        "GET", "/m"
    )
    assert head.lower().count(b"\r\nauthorization:") == 1
    assert head.lower().count(b"\r\nhost:") == 1
    assert b"\r\nHOST: other\r\n" in head


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "b\r\nX-Evil: 1"),
        ("X-A", "b\nX-Evil: 1"),
        ("X-A", "nul\0"),
        ("X-A\r\nX-Evil", "1"),
        ("X A", "1"),
        ("X-A:", "1"),
        ("", "1"),
        ("X-ü", "1"),
        ("X-A", "日本"),
        ("Content-Length", "0"),
        ("transfer-encoding", "chunked"),
    ],
)
def test_a_header_that_would_break_the_request_is_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError, match="header"):
        endpoint_of("http://h", headers={name: value})


def test_a_key_with_a_line_break_is_refused_without_showing_it() -> None:
    with pytest.raises(UsageError) as caught:
        endpoint_of("http://h", api_key="sk-secret\nX: 1")
    assert "secret" not in str(caught.value)
