"""One request before the load: is the target there, does the key work, which model and dialect, does it stream?

Run by the master, and on its own by whoever wants to know a target. Only no connection, a refused key and an unknown
model stop a run; everything else is a finding, noted with the run.
"""

import asyncio
import os
import time
from dataclasses import replace

import msgspec

from loadgen.client.body import BodyTooLargeError, CorruptBodyError
from loadgen.client.detect import Detected, by_name, detect
from loadgen.client.endpoint import Endpoint, endpoint_of
from loadgen.client.exchange import Exchange, Limits
from loadgen.client.interpret import Interpreted, interpret
from loadgen.client.transport import Transport
from loadgen.engine.limits import limits_of, transport_of
from loadgen.engine.turns import request_template
from loadgen.errors import TargetRefusedError, TargetUnreachableError
from loadgen.scenario.model import Scenario

_QUESTION = b'{"role":"user","content":"Reply with one word: ready"}'
# Enough for a model that thinks first to show that it streams; cheap enough for any price list.
_ANSWER_TOKENS = 16
# Characters of the Server header: more is no name.
_SHOWN = 200


class PreflightFindings(msgspec.Struct, frozen=True):
    """What the preflight found, kept in environment.json. None where it was not to be known.

    models: what the target lists, None where it lists nothing. streams: whether a streamed reply came when one was
    asked for. usage, cached_tokens: whether the server reports token counts, and cached ones. notes: what went wrong
    without stopping the run. dialect_seen: what the dialect was told by.
    """

    base_url: str
    model: str
    models: tuple[str, ...] | None
    server: str | None
    outcome: str
    streams: bool | None
    usage: bool | None
    cached_tokens: bool | None
    ttft_s: float | None
    e2e_s: float | None
    notes: tuple[str, ...] = ()
    dialect: str = "openai"
    dialect_seen: str = ""

    def line(self) -> str:
        """All of it in one line for the console."""
        said = {True: "yes", False: "no", None: "unknown"}
        took = f", {self.e2e_s:.3f} s" if self.e2e_s is not None else ""
        known = f"streams: {said[self.streams]}, usage: {said[self.usage]}, cached tokens: {said[self.cached_tokens]}"
        dialect = f"dialect {self.dialect} ({self.dialect_seen})"
        text = f"preflight: {self.base_url} model {self.model}: {self.outcome}{took}; {dialect}; {known}"
        return "; ".join((text, *self.notes))


class _ListedModel(msgspec.Struct):
    id: str
    owned_by: str | None = None


class _ModelList(msgspec.Struct):
    data: list[_ListedModel]


class _Listing(msgspec.Struct, frozen=True):
    """What /models told: the models, None where it lists nothing, and the Server header."""

    models: tuple[_ListedModel, ...] | None
    server: str | None

    @property
    def names(self) -> tuple[str, ...] | None:
        return None if self.models is None else tuple(model.id for model in self.models)

    def owners(self, chosen: str) -> list[str]:
        """Who owns the chosen model; of all the others where it is not listed."""
        models = self.models or ()
        named = [model for model in models if model.id == chosen] or models
        return [model.owned_by for model in named if model.owned_by]


async def preflight(scenario: Scenario, base_url: str) -> PreflightFindings:
    """Ask the target. Raises TargetUnreachableError, TargetRefusedError (key or model), UsageError (URL, CA file)."""
    key_env = scenario.target.api_key_env
    endpoint = endpoint_of(base_url, headers=scenario.target.headers, api_key=os.environ.get(key_env))
    transport = transport_of(scenario.target, endpoint)
    try:
        notes: list[str] = []
        listed = await _models(transport, endpoint, scenario, notes)
        model = _choose(scenario.target.model, listed.names, endpoint)
        dialect = await _dialect(endpoint, scenario, model, listed)
        return await _ask(transport, endpoint, scenario, model, dialect, listed.names, notes)
    finally:
        await transport.close()


async def _models(transport: Transport, endpoint: Endpoint, scenario: Scenario, notes: list[str]) -> _Listing:
    limits = limits_of(scenario.target.timeout, stream=scenario.request.stream)
    exchange = Exchange("/models", None, Limits(connect_s=limits.connect_s, total_s=30.0))
    await transport.perform(exchange)
    _stop_if_unreachable(exchange, endpoint)
    nothing = _Listing(None, _server(exchange))
    if exchange.failure is not None:
        notes.append(f"{endpoint.url}/models: {exchange.failure.message}")
        return nothing
    _stop_if_key_refused(exchange, endpoint, scenario)
    if exchange.status != 200:
        notes.append(f"{endpoint.url}/models answers HTTP {exchange.status}")
        return nothing
    try:
        models = msgspec.json.decode(exchange.timeline.body(), type=_ModelList)
    except (msgspec.DecodeError, UnicodeDecodeError, BodyTooLargeError, CorruptBodyError) as error:
        notes.append(f"{endpoint.url}/models: not a model list: {error}")
        return nothing
    return _Listing(tuple(models.data), nothing.server)


def _server(exchange: Exchange) -> str | None:
    """The Server header, as it may be kept."""
    name = exchange.headers.get("server")
    return None if name is None else exchange.secrets.hide(name)[:_SHOWN]


async def _dialect(endpoint: Endpoint, scenario: Scenario, model: str, listed: _Listing) -> Detected:
    """The dialect that the scenario names, or the one that the server shows."""
    if scenario.target.dialect != "auto":
        return by_name(scenario.target.dialect)
    root = replace(endpoint, path_prefix=endpoint.path_prefix.removesuffix("/v1"))
    transport = transport_of(scenario.target, root)

    async def fetch(path: str) -> bytes | None:
        exchange = Exchange(path, None, Limits(connect_s=scenario.target.timeout.connect_s, total_s=5.0))
        await transport.perform(exchange)
        if exchange.status != 200 or exchange.failure is not None:
            return None
        try:
            return exchange.timeline.body()
        except (BodyTooLargeError, CorruptBodyError):
            return None

    try:
        return await detect(endpoint.host, listed.owners(model), listed.server, fetch)
    finally:
        await transport.close()


def _choose(wanted: str, listed: tuple[str, ...] | None, endpoint: Endpoint) -> str:
    """The model to ask. Raises TargetRefusedError where `auto` does not lead to just one."""
    if wanted != "auto":
        return wanted
    if listed is not None and len(listed) == 1:
        return listed[0]
    if not listed:
        raise TargetRefusedError(f"{endpoint.url} lists no model, so `model: auto` can't choose; name one with --model")
    names = ", ".join(listed)
    raise TargetRefusedError(
        f"{endpoint.url} serves {len(listed)} models, so `model: auto` can't choose; name one with --model: {names}"
    )


async def _ask(
    transport: Transport,
    endpoint: Endpoint,
    scenario: Scenario,
    model: str,
    dialect: Detected,
    listed: tuple[str, ...] | None,
    notes: list[str],
) -> PreflightFindings:
    stream = scenario.request.stream
    template = request_template(scenario.request, model=model, dialect=dialect.dialect)
    body = template.fragments((_QUESTION,), max_tokens=_ANSWER_TOKENS)
    exchange = Exchange(template.path, body, limits_of(scenario.target.timeout, stream=scenario.request.stream))
    started_ns = time.monotonic_ns()
    await transport.perform(exchange)
    seen = interpret(exchange)
    _stop_if_unreachable(exchange, endpoint)
    _stop_if_key_refused(exchange, endpoint, scenario)
    _stop_if_unknown_model(exchange, seen, model, listed, endpoint)
    timeline = exchange.timeline
    answered = seen.outcome == "ok"
    if not answered:
        notes.append(f"the request failed: {seen.error}; the run goes on")
    if answered and stream and not timeline.streaming:
        notes.append("the reply was not streamed: TTFT, ITL and TPOT will be unknown")
    notes += _unheeded(scenario, dialect)
    sent_ns = exchange.sent_ns or started_ns
    first_ns = timeline.first_output_ns
    return PreflightFindings(
        base_url=endpoint.url,
        model=model,
        models=listed,
        server=_server(exchange),
        outcome=seen.outcome,
        streams=timeline.streaming if answered and stream else None,
        usage=seen.reply.usage.output_tokens is not None if answered else None,
        cached_tokens=seen.reply.usage.cached_tokens is not None if answered else None,
        ttft_s=(first_ns - sent_ns) / 1e9 if first_ns is not None else None,
        e2e_s=(exchange.end_ns - sent_ns) / 1e9 if exchange.end_ns is not None else None,
        notes=tuple(notes),
        dialect=dialect.dialect.name,
        dialect_seen=dialect.seen,
    )


def _unheeded(scenario: Scenario, dialect: Detected) -> list[str]:
    """What the scenario asks for and this kind of server can't do."""
    notes = []
    if scenario.request.force_output_tokens and not dialect.dialect.forces_length:
        notes.append(f"a {dialect.dialect.name} server can't be made to answer at length: limits are only limits")
    if scenario.request.api == "completions" and any(spec.kind == "replay" for spec in scenario.workloads):
        notes.append("/completions takes no tools: where the recording has any, its prompts are without them")
    return notes


def _stop_if_unreachable(exchange: Exchange, endpoint: Endpoint) -> None:
    failure = exchange.failure
    if failure is not None and failure.outcome in ("connect", "tls"):
        raise TargetUnreachableError(f"no connection to {endpoint.url}: {failure.message}")


def _stop_if_key_refused(exchange: Exchange, endpoint: Endpoint, scenario: Scenario) -> None:
    if exchange.status not in (401, 403):
        return
    name = scenario.target.api_key_env
    given = "is refused" if os.environ.get(name) else "is not set"
    raise TargetRefusedError(
        f"{endpoint.url} answers HTTP {exchange.status}: the API key in the environment variable {name} {given}"
    )


def _stop_if_unknown_model(
    exchange: Exchange, seen: Interpreted, model: str, listed: tuple[str, ...] | None, endpoint: Endpoint
) -> None:
    unlisted = listed is not None and model not in listed
    named = seen.error is not None and "model" in seen.error.lower()
    # DeepSeek says it with a 400, which has many other meanings.
    if (exchange.status == 404 and (unlisted or named)) or (exchange.status == 400 and unlisted and named):
        known = f"; it serves: {', '.join(listed)}" if listed else ""
        raise TargetRefusedError(f"{endpoint.url} does not know the model {model!r}{known}")


def run_preflight(scenario: Scenario, base_url: str) -> PreflightFindings:
    """`preflight` on an event loop of its own, for callers that have none. Raises what it raises."""
    return asyncio.run(preflight(scenario, base_url))
