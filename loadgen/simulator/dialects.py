"""The faces that the simulated server can wear: how each kind of server names itself, reports and refuses.

The one place that knows how a dialect differs on the simulator's side of the wire, written from the servers' own
documentation and replies and, on purpose, not shared with the client. Pure data and functions, called by server.py and
events.py.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from loadgen.errors import UsageError

# OpenAI's `type` of an error, and what vLLM and SGLang call the same.
_KINDS = {
    400: ("invalid_request_error", "BadRequestError"),
    401: ("invalid_request_error", "Unauthorized"),
    402: ("unknown_error", "PaymentRequired"),
    404: ("invalid_request_error", "NotFoundError"),
    429: ("rate_limit_error", "TooManyRequests"),
    500: ("server_error", "InternalServerError"),
    503: ("server_error", "ServiceUnavailable"),
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of server.

    owned_by, server: in the model list and the Server header (None: the HTTP library's own). reasoning_key: where
    thoughts stand in a delta or message, None where they are counted and not shown. usage_at: where a stream's usage
    stands. usage_always: without being asked. usage_null: every other chunk has `usage: null`. reports_cached: cached
    tokens without being told to. cached_split: hits and misses as members of their own. forces_length: which of
    ignore_eos and min_tokens it takes. checks_model: refuses other model names. finish_with_last: the finish reason
    comes with the last token. reasoning_share: of an answer's tokens, unless told otherwise. needs_reasoning: wants the
    thoughts of a tool turn back. keepalive_s: between comments while a stream waits, None for none. full_status: when
    its queue is full.
    """

    name: str
    owned_by: str
    server: str | None = None
    reasoning_key: Literal["reasoning_content", "reasoning"] | None = "reasoning_content"
    usage_at: Literal["own_chunk", "finish_chunk"] = "own_chunk"
    usage_always: bool = False
    usage_null: bool = False
    reports_cached: bool = True
    cached_split: bool = False
    forces_length: frozenset[str] = frozenset()
    checks_model: bool = True
    finish_with_last: bool = False
    reasoning_share: float = 0.0
    needs_reasoning: bool = False
    keepalive_s: float | None = None
    full_status: int = 503


_BOTH = frozenset({"ignore_eos", "min_tokens"})
DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        dialect.name: dialect
        for dialect in (
            Dialect("openai", owned_by="loadgen", reasoning_key=None, usage_null=True),
            Dialect(
                "deepseek",
                owned_by="deepseek",
                usage_at="finish_chunk",
                usage_always=True,
                usage_null=True,
                cached_split=True,
                reasoning_share=0.5,
                needs_reasoning=True,
                # Documented: comments go on while a request waits. How often is not: assumed.
                keepalive_s=2.0,
                full_status=429,
            ),
            Dialect(
                "vllm",
                owned_by="vllm",
                server="uvicorn",
                reasoning_key="reasoning",
                reports_cached=False,
                forces_length=_BOTH,
                finish_with_last=True,
            ),
            Dialect(
                "sglang",
                owned_by="sglang",
                server="uvicorn",
                reports_cached=False,
                forces_length=_BOTH,
                checks_model=False,
            ),
            Dialect(
                "llamacpp",
                owned_by="llamacpp",
                server="llama.cpp",
                forces_length=frozenset({"ignore_eos"}),
                checks_model=False,
            ),
        )
    }
)


def dialect_named(name: str) -> Dialect:
    """The dialect of that name. Raises UsageError with the accepted names."""
    if name in DIALECTS:
        return DIALECTS[name]
    near = difflib.get_close_matches(name, DIALECTS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"There is no simulator dialect {name!r}; choose one of {', '.join(DIALECTS)}.{hint}")


class RefusedError(Exception):
    """A request that gets an error instead of an answer.

    code, param: as OpenAI has them. extra: further members, where a dialect has some.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.extra = dict(extra or {})


def error_object(dialect: Dialect, error: RefusedError) -> dict[str, Any]:
    """What stands under `error`, in this dialect's words."""
    openai_kind, python_kind = _KINDS.get(error.status, ("server_error", "InternalServerError"))
    if dialect.name in ("vllm", "sglang"):
        kind = python_kind if dialect.name == "vllm" else python_kind.removesuffix("Error")
        return {"message": error.message, "type": kind, "param": error.param, "code": error.status}
    if dialect.name == "llamacpp":
        too_long = error.code == "context_length_exceeded"
        kind = "exceed_context_size_error" if too_long else openai_kind
        return {"code": error.status, "message": error.message, "type": kind, **error.extra}
    code = error.code
    if dialect.name == "deepseek":
        code = "invalid_request_error" if error.status < 500 else "service_unavailable_error"
    return {"message": error.message, "type": openai_kind, "param": error.param, "code": code}


def error_body(dialect: Dialect, error: RefusedError) -> bytes:
    """The body of an error status. SGLang's error is not wrapped."""
    told = error_object(dialect, error)
    return msgspec.json.encode({"object": "error", **told} if dialect.name == "sglang" else {"error": told})


def usage_object(
    dialect: Dialect, prompt: int, completion: int, reasoning: int, cached: int | None
) -> dict[str, object]:
    """The usage block. cached None: the server keeps it to itself."""
    usage: dict[str, object] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": None if cached is None else {"cached_tokens": cached},
    }
    if dialect.name == "sglang":
        usage["reasoning_tokens"] = reasoning
    elif dialect.name in ("openai", "deepseek"):
        usage["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    if dialect.cached_split and cached is not None:
        usage["prompt_cache_hit_tokens"] = cached
        usage["prompt_cache_miss_tokens"] = prompt - cached
    return usage


def model_list(dialect: Dialect, model: str, context_length: int) -> bytes:
    """The body of GET /v1/models."""
    entry: dict[str, object] = {"id": model, "object": "model", "created": 0, "owned_by": dialect.owned_by}
    if dialect.name in ("vllm", "sglang"):
        entry |= {"root": model, "parent": None, "max_model_len": context_length}
    elif dialect.name == "llamacpp":
        entry["meta"] = {"n_ctx_train": context_length}
    return msgspec.json.encode({"object": "list", "data": [entry]})


def pages(dialect: Dialect, model: str, context_length: int) -> dict[str, dict[str, object]]:
    """The pages that only this kind of server has, by path."""
    if dialect.name == "vllm":
        return {"/version": {"version": "0.0.0+simulated"}}
    if dialect.name == "sglang":
        return {"/get_model_info": {"model_path": model, "tokenizer_path": model, "is_generation": True}}
    if dialect.name == "llamacpp":
        settings = {"n_ctx": context_length}
        return {"/props": {"default_generation_settings": settings, "total_slots": 1, "model_path": model}}
    return {}
