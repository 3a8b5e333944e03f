"""A server's dialect is told by the surest sign it gives, and pages are asked for only where none tells."""

import asyncio

import pytest

from loadgen.client.detect import Detected, detect

VLLM = b'{"version":"0.11.0"}'
SGLANG = b'{"model_path":"m","tokenizer_path":"m","is_generation":true}'
LLAMACPP = b'{"default_generation_settings":{"n_ctx":1024},"total_slots":2}'


def _detect(
    host: str = "10.0.0.7",
    owners: tuple[str, ...] = (),
    server: str | None = None,
    pages: dict[str, bytes] | None = None,
) -> tuple[Detected, list[str]]:
    """What is found, and which pages were asked for."""
    asked = []

    async def fetch(path: str) -> bytes | None:
        asked.append(path)
        return (pages or {}).get(path)

    return asyncio.run(detect(host, owners, server, fetch)), asked


@pytest.mark.parametrize(
    ("host", "owners", "server", "name", "seen"),
    [
        ("api.deepseek.com", (), None, "deepseek", "host api.deepseek.com"),
        ("api.openai.com", (), None, "openai", "host api.openai.com"),
        ("mine.openai.azure.com", ("system",), None, "openai", "host mine.openai.azure.com"),
        ("h", ("vllm",), "uvicorn", "vllm", "owned_by vllm"),
        ("h", ("sglang",), "uvicorn", "sglang", "owned_by sglang"),
        ("h", ("llamacpp",), "llama.cpp", "llamacpp", "owned_by llamacpp"),
        ("h", ("deepseek",), None, "deepseek", "owned_by deepseek"),
        ("h", ("someone", "vllm"), None, "vllm", "owned_by vllm"),
        ("h", (), "llama.cpp", "llamacpp", "Server: llama.cpp"),
        # The API's own host is surer than what a list says.
        ("api.deepseek.com", ("vllm",), "llama.cpp", "deepseek", "host api.deepseek.com"),
    ],
)
def test_what_is_said_is_enough(host: str, owners: tuple[str, ...], server: str | None, name: str, seen: str) -> None:
    found, asked = _detect(host, owners, server)
    assert (found.dialect.name, found.seen) == (name, seen)
    assert asked == []


@pytest.mark.parametrize("host", ["deepseek.com.example.org", "notdeepseek.com", "openai.com.evil.example"])
def test_a_host_that_only_looks_like_one_is_none(host: str) -> None:
    assert _detect(host)[0].seen == "nothing says otherwise"


@pytest.mark.parametrize(
    ("page", "body", "name"),
    [("version", VLLM, "vllm"), ("get_model_info", SGLANG, "sglang"), ("props", LLAMACPP, "llamacpp")],
)
def test_a_gateway_that_hides_the_owner_is_asked_for_a_page(page: str, body: bytes, name: str) -> None:
    found, _ = _detect(owners=("my-company",), server="nginx", pages={f"/{page}": body})
    assert (found.dialect.name, found.seen) == (name, f"/{page} answers")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"ok"', b'{"status":"ok"}', b'{"version":3}', b"\xff"])
def test_a_page_of_another_shape_tells_nothing(body: bytes) -> None:
    found, asked = _detect(pages=dict.fromkeys(("/get_model_info", "/version", "/props"), body))
    assert (found.dialect.name, found.seen) == ("openai", "nothing says otherwise")
    assert asked == ["/get_model_info", "/version", "/props"]
