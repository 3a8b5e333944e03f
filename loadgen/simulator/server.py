"""The simulator's endpoints: an OpenAI-compatible server in front of the simulated engine, in real time.

Run by serving.py. One task drives the engine: it sleeps to each step's absolute due time and hands the step's tokens
to the handlers that wait for them. Shares no code with the client that is measured against it.
"""

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from loadgen.errors import UsageError
from loadgen.simulator.ageing import Age
from loadgen.simulator.alarm import Alarm
from loadgen.simulator.answers import Answer, Author, Variation
from loadgen.simulator.batching import Engine, Job
from loadgen.simulator.dialects import RefusedError, error_body, model_list, pages, usage_object
from loadgen.simulator.events import KEEPALIVE, Writer
from loadgen.simulator.faults import STATUS_FAULTS, Fault, FaultPlan, parse_fault
from loadgen.simulator.meters import Meters
from loadgen.simulator.mishaps import Mishap, as_refusal
from loadgen.simulator.pauses import Pausing, T
from loadgen.simulator.settings import Settings
from loadgen.simulator.tickets import Ticket
from loadgen.simulator.wire import AnswerRequest, read_completion, reading_chat

_LARGEST_BODY_BYTES = 256 * 1024 * 1024
# A driver that was held up longer than this does not hurry to make it good: no engine would.
_CATCH_UP_NS = 50_000_000
_STAMPS_KEPT = 4096
_JSON = "application/json"
# nginx's; nobody is there to see it.
_CLIENT_GONE = 499
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Simulator:
    """One simulated engine and its endpoints."""

    def __init__(self, settings: Settings) -> None:
        profile = settings.profile
        self._settings = settings
        self._dialect = settings.dialect
        key = settings.api_key
        self._authorization = None if key is None else f"Bearer {key}".encode()
        self._engine = Engine(profile, settings.seed)
        self._author = Author(settings.dialect, settings.dials, profile, settings.seed)
        self._reading = asyncio.Lock()
        self._waits = profile.queue_waits(settings.seed)
        self._age = Age(settings.ageing, settings.seed)
        self._in_front = 0
        self._faults = FaultPlan(settings.faults, settings.seed)
        self._started_ns = self._stepped_ns = time.monotonic_ns()
        self._dead = False
        self._meters = Meters(settings.model)
        self._tickets: dict[Job, Ticket] = {}
        self._work = asyncio.Event()
        self._requests = 0
        self._stamps: OrderedDict[str, dict[str, object]] = OrderedDict()
        self._headers = {} if self._dialect.server is None else {"Server": self._dialect.server}

    def app(self) -> web.Application:
        """The endpoints."""
        app = web.Application(client_max_size=_LARGEST_BODY_BYTES)
        settings = self._settings
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/v1/models", self._guarded(self._models))
        app.router.add_post("/v1/chat/completions", self._guarded(self._chat))
        app.router.add_post("/v1/completions", self._guarded(self._completion))
        app.router.add_get("/debug/stamps", self._debug_stamps)
        for path, page in pages(self._dialect, settings.model, settings.profile.context_length).items():
            app.router.add_get(path, self._page(page))
        return app

    async def drive(self) -> None:
        """Run the engine in real time, for ever."""
        engine, alarm = self._engine, Alarm()
        try:
            due_ns = time.monotonic_ns()
            while True:
                if engine.idle:
                    self._work.clear()
                    await self._work.wait()
                    due_ns = time.monotonic_ns()
                engine.cache.forget(self._age.now_s, self._age.behaviour.cache_lifetime_s)
                due_ns = max(due_ns, time.monotonic_ns() - _CATCH_UP_NS) + int(engine.begin_step() * 1e9)
                await alarm.until(due_ns)
                self._hand_out()
        finally:
            alarm.close()

    def _hand_out(self) -> None:
        end, now_ns = self._engine.end_step(), time.monotonic_ns()
        tickets, meters = self._tickets, self._meters
        for job in self._engine.decoding:
            ticket = tickets[job]
            ticket.ready += 1
            if ticket.streamed:
                ticket.wake()
        for job in end.finished:
            ticket = tickets[job]
            ticket.ready += 1
            ticket.wake()
        for job in end.started:
            ticket = tickets[job]
            ticket.first_ns = now_ns
            meters.begun(job.prompt_tokens, job.cached_tokens, (now_ns - ticket.received_ns) / 1e9)
        tokens = len(self._engine.decoding) + len(end.finished)
        meters.stepped(tokens, tokens - len(end.started), (now_ns - self._stepped_ns) / 1e9)
        self._stepped_ns = now_ns

    def _guarded(self, handler: _Handler) -> _Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._check_key(request)
                response = await handler(request)
            except RefusedError as refusal:
                headers = {"Retry-After": refusal.retry_after} if refusal.retry_after else {}
                response = self._json(error_body(self._dialect, refusal), refusal.status, headers)
            except ConnectionResetError:
                # A run cuts off thousands of streams at once, some of them amid a write: no mistake of the server's,
                # and nobody to answer.
                return web.Response(status=_CLIENT_GONE)
            if request.method == "POST":
                self._meters.answered[request.path, f"{response.status // 100}xx"] += 1
            return response

        return guarded

    def _check_key(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if self._authorization is not None and not hmac.compare_digest(given, self._authorization):
            raise RefusedError(401, "Incorrect API key provided.", code="invalid_api_key")

    async def _health(self, _request: web.Request) -> web.StreamResponse:
        return self._json(b'{"status":"dead"}', 503) if self._dead else self._json(b'{"status":"ok"}')

    async def _metrics(self, _request: web.Request) -> web.StreamResponse:
        engine = self._engine
        kv_usage = engine.cache.pinned / engine.cache.capacity
        waiting = engine.queued + self._in_front
        page = self._meters.text(running=engine.running, waiting=waiting, kv_usage=kv_usage)
        return web.Response(text=page, headers=self._headers, content_type="text/plain")

    async def _models(self, _request: web.Request) -> web.StreamResponse:
        settings = self._settings
        return self._json(model_list(self._dialect, settings.model, settings.profile.context_length))

    def _page(self, page: dict[str, object]) -> _Handler:
        async def shown(_request: web.Request) -> web.StreamResponse:
            return web.json_response(page, headers=self._headers)

        return shown

    async def _debug_stamps(self, request: web.Request) -> web.StreamResponse:
        """The stamps of one request that was sent with `X-Loadgen-Stamps: 1`, once."""
        stamps = self._stamps.pop(request.query.get("id", ""), None)
        return web.json_response(stamps) if stamps else self._json(b"{}", 404)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        received_ns = self._arrived(request)
        chat = await self._in_pieces(reading_chat(body))
        fault = self._fault(request, chat)
        self._check_model(chat.model)
        answer = await self._in_pieces(self._author.answering_chat(chat, self._variation()))
        return await self._respond(request, chat, answer, received_ns, fault, chat=True)

    def _variation(self) -> Variation:
        """In what this request's answer differs from another's to the same prompt."""
        return Variation(self._requests, self._age.behaviour.output_factor)

    async def _in_pieces(self, work: Pausing[T]) -> T:
        """What the work makes, done between other streams' tokens; long prompts take turns, one after the other."""
        try:
            next(work)
            async with self._reading:
                while True:
                    await asyncio.sleep(0)
                    next(work)
        except StopIteration as done:
            made: T = done.value
            return made

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        received_ns = self._arrived(request)
        asked = read_completion(body)
        fault = self._fault(request, asked)
        self._check_model(asked.model)
        answer = self._author.answer_completion(asked, self._variation())
        return await self._respond(request, asked, answer, received_ns, fault, chat=False)

    def _arrived(self, request: web.Request) -> int:
        self._requests += 1
        self._meters.received[request.path] += 1
        return time.monotonic_ns()

    def _fault(self, request: web.Request, asked: AnswerRequest) -> Fault | None:
        """What is to go wrong with this request. Raises RefusedError for what goes wrong at once."""
        struck = self._faults.strike((time.monotonic_ns() - self._started_ns) / 1e9)
        wanted = request.headers.get("X-Loadgen-Fault") or asked.loadgen_fault
        if wanted:
            try:
                struck = parse_fault(wanted)
            except UsageError as error:
                raise RefusedError(400, str(error), code="invalid_value", param="loadgen_fault") from error
        if struck is not None:
            self._meters.faults[struck.name] += 1
            self._dead = self._dead or struck.name == "engine_dead"
        if self._dead or (struck is not None and struck.name in STATUS_FAULTS):
            raise as_refusal(struck)
        return struck

    def _check_model(self, model: str) -> None:
        if model == self._settings.model or not self._dialect.checks_model:
            return
        status = 400 if self._dialect.name == "deepseek" else 404
        message = f"The model `{model}` does not exist. This server has `{self._settings.model}`."
        raise RefusedError(status, message, code="model_not_found", param="model")

    async def _respond(
        self,
        request: web.Request,
        asked: AnswerRequest,
        answer: Answer,
        received_ns: int,
        fault: Fault | None,
        *,
        chat: bool,
    ) -> web.StreamResponse:
        ticket = Ticket(answer, received_ns, streamed=bool(asked.stream))
        self._queue(ticket)
        prefix = "chatcmpl" if chat else "cmpl"
        completion_id = f"{prefix}-{self._settings.seed}-{self._requests}"
        writer = Writer(self._dialect, answer, completion_id, asked.model, chat=chat)
        mishap = Mishap(fault, len(answer.pieces))
        finished = "abort"
        try:
            if asked.stream:
                response, whole = await self._streamed(request, asked, ticket, writer, mishap)
            else:
                response, whole = await self._whole(request, ticket, writer, mishap)
            if whole:
                finished = "length" if answer.reason == "length" else "stop"
                self._meters.e2e_s.observe((time.monotonic_ns() - received_ns) / 1e9)
        finally:
            self._meters.finished[finished] += 1
            self._forget(ticket)
        return response

    def _queue(self, ticket: Ticket) -> None:
        """Hand the job to the engine, at once or after its wait in front of it."""
        if self._engine.queued + self._in_front >= self._settings.profile.queue_limit:
            status, told = self._dialect.full_status, f"{self._engine.queued + self._in_front} requests wait already"
            message = f"The server is overloaded: {told}. Please retry later."
            raise RefusedError(status, message, code="queue_full", retry_after="1")
        self._tickets[ticket.job] = ticket
        wait_s = next(self._waits)
        if (slowdown := self._age.slowdown()) > 1:
            wait_s += (slowdown - 1) * (
                wait_s + self._settings.profile.alone_s(ticket.job.prompt_tokens, ticket.job.output_tokens)
            )
        if wait_s:
            self._in_front += 1
            ticket.timer = asyncio.get_running_loop().call_later(wait_s, self._submit, ticket)
        else:
            self._submit(ticket)

    def _submit(self, ticket: Ticket) -> None:
        self._leave_front(ticket)
        self._engine.submit(ticket.job)
        self._work.set()

    def _leave_front(self, ticket: Ticket) -> None:
        if ticket.timer is not None:
            self._in_front -= 1
            ticket.timer = None

    def _forget(self, ticket: Ticket) -> None:
        if ticket.timer is not None:
            ticket.timer.cancel()
            self._leave_front(ticket)
        self._engine.cancel(ticket.job)
        del self._tickets[ticket.job]

    def _usage(self, ticket: Ticket, tokens: int) -> dict[str, object]:
        job, thought = ticket.job, min(ticket.answer.reasoning_tokens, tokens)
        told = self._settings.dials.cached_tokens
        cached = job.cached_tokens if (self._dialect.reports_cached if told is None else told) else None
        return usage_object(self._dialect, job.prompt_tokens, tokens, thought, cached)

    async def _whole(
        self, request: web.Request, ticket: Ticket, writer: Writer, mishap: Mishap
    ) -> tuple[web.StreamResponse, bool]:
        """A reply that is not streamed, and whether all of it went out."""
        job = ticket.job
        response = web.StreamResponse(headers={"Content-Type": _JSON, **self._headers})
        await mishap.before_first_byte()
        if mishap.comments_first:
            await response.prepare(request)
            await mishap.comments(response, b"\n")
        await ticket.more(job.output_tokens - 1)
        body = writer.whole(self._usage(ticket, job.output_tokens), ticket.timings(time.monotonic_ns()))
        broken = await mishap.with_whole(request, body, self._headers)
        if broken is not None:
            return broken, False
        if not response.prepared:
            return self._json(body), True
        await response.write_eof(body)
        return response, True

    async def _streamed(
        self, request: web.Request, asked: AnswerRequest, ticket: Ticket, writer: Writer, mishap: Mishap
    ) -> tuple[web.StreamResponse, bool]:
        """A streamed reply, and whether all of it went out."""
        job = ticket.job
        throughout = partial(self._usage, ticket) if asked.with_usage_throughout else None
        events = writer.stream(with_usage=asked.with_usage, throughout=throughout)
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", **self._headers}
        response = web.StreamResponse(headers=headers)
        await mishap.before_first_byte()
        if mishap.comments_first:
            await response.prepare(request)
            await mishap.comments(response)
        sent = await self._first_tokens(request, response, ticket)
        if not response.prepared:
            await response.prepare(request)
        data = events.opening() + events.tokens(0, sent)
        first_ns = last_ns = time.monotonic_ns()
        while True:
            if sent >= mishap.at:
                await response.write(data)
                data = b""
                if await mishap.strike(request, response, events):
                    return response, False
            if sent == job.output_tokens:
                break
            if data:
                await response.write(data)
            before, sent = sent, await ticket.more(sent)
            data = events.tokens(before, sent)
            last_ns = time.monotonic_ns()
        usage, timings = self._usage(ticket, sent), ticket.timings(last_ns)
        await response.write_eof(data + events.ending(usage, timings))
        if request.headers.get("X-Loadgen-Stamps") == "1":
            self._keep_stamps(writer.completion_id, ticket.received_ns, first_ns, last_ns)
        return response, True

    async def _first_tokens(self, request: web.Request, response: web.StreamResponse, ticket: Ticket) -> int:
        """How many tokens are ready once there are any; until then the comments of dialects that send some."""
        every_s = self._dialect.keepalive_s
        while every_s is not None:
            try:
                async with asyncio.timeout(every_s):
                    return await ticket.more(0)
            except TimeoutError:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(KEEPALIVE)
        return await ticket.more(0)

    def _keep_stamps(self, completion_id: str, received_ns: int, first_ns: int, last_ns: int) -> None:
        self._stamps[completion_id] = {
            "id": completion_id,
            "received_ns": received_ns,
            "first_write_ns": first_ns,
            "last_write_ns": last_ns,
        }
        if len(self._stamps) > _STAMPS_KEPT:
            self._stamps.popitem(last=False)

    def _json(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
        return web.Response(body=body, status=status, headers=self._headers | (headers or {}), content_type=_JSON)
