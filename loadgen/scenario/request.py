"""The `request` block: what every request says beside its messages, and when it is sent again."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from loadgen.scenario.fields import Count, Flag, Number, PositiveCount
from loadgen.scenario.sizes import Part, Seconds, some

# Not what users may set through extra_body: the measurement relies on knowing these.
_OWN_BODY_KEYS = {
    "model": "target.model",
    "messages": "workloads",
    "prompt": "workloads",
    "stream": "request.stream",
}

# The outcomes that another attempt may mend; a single status (`http_503`) may be named beside them.
RETRIED_OUTCOMES = (
    "http_429",
    "http_4xx",
    "http_5xx",
    "connect",
    "tls",
    "timeout",
    "stream_error",
    "truncated",
    "invalid_response",
)
_STATUS_NAME = re.compile(r"http_[45][0-9][0-9]")


def _retried(name: str) -> str:
    if name not in RETRIED_OUTCOMES and not _STATUS_NAME.fullmatch(name):
        accepted = ", ".join(RETRIED_OUTCOMES)
        raise ValueError(f"{name!r} is nothing to retry on; accepted: a status such as http_503, or {accepted}")
    return name


class Retry(Part):
    """When a failed turn is sent again, and after how long. One attempt, the default, is no retry.

    on: outcome classes, or single statuses (`http_503`). The wait before attempt n + 1 is backoff_s * factor^(n - 1),
    made shorter at random by up to the share `jitter`; a server's Retry-After takes its place. max_wait_s bounds the
    backoff; a Retry-After beyond it is not waited for, and the turn has failed.
    """

    attempts: Annotated[Count, Field(ge=1, le=100)] = 1
    on: Annotated[tuple[Annotated[str, AfterValidator(_retried)], ...], BeforeValidator(some)] = (
        "http_429",
        "http_503",
    )
    backoff_s: Seconds = Field(default=1.0, alias="backoff")
    factor: Annotated[Number, Field(ge=1, le=100)] = 2.0
    max_wait_s: Seconds = Field(default=60.0, alias="max_wait")
    jitter: Annotated[Number, Field(ge=0, le=1)] = 0.25
    retry_after: Flag = True


def _body_keys(body: dict[str, Any]) -> dict[str, Any]:
    for key, place in _OWN_BODY_KEYS.items():
        if key in body:
            raise ValueError(f"{key!r} can't be set here; accepted: any other key of the request ({key!r} is {place})")
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError):
        # YAML reads 2026-01-31 as a date and .inf as a number; no request can carry them.
        raise ValueError("holds a value that JSON has no word for; accepted: JSON values, dates in quotes") from None
    return body


class RequestOptions(Part):
    """What every request says beside its messages. `extra_body` is merged into the body last.

    api: chat messages, or their texts joined to the prompt of /completions. force_output_tokens: answers exactly as
    long as their limit, where the server's dialect can. strict_tools: tool definitions are marked strict.
    send_reasoning: whether a live answer's reasoning goes back into the history; auto leaves it to the dialect.
    """

    api: Literal["chat", "completions"] = "chat"
    stream: Flag = True
    max_tokens: PositiveCount | None = None
    temperature: Annotated[Number, Field(ge=0)] | None = None
    force_output_tokens: Flag = False
    strict_tools: Flag = False
    send_reasoning: Literal["auto", "never", "always"] = "auto"
    extra_body: Annotated[dict[str, Any], AfterValidator(_body_keys)] = Field(default_factory=dict)
    retry: Retry = Field(default_factory=Retry)
