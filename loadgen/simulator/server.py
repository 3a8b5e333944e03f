"""The simulator's HTTP side: an OpenAI-compatible server in front of the simulated engine, in real time.

Called by `loadgen simulate` and by tests. One task drives the engine: it sleeps to each step's absolute due time and
hands the step's tokens to the handlers that wait for them. Shares no code with the client that is measured against it.
"""

import asyncio
import contextlib
import difflib
import hmac
import os
import signal
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from random import Random

import uvloop
from aiohttp import web

from loadgen.errors import UsageError
from loadgen.simulator import wire
from loadgen.simulator.batching import Engine, Job, QueueFullError
from loadgen.simulator.timing import PROFILES, Profile
from loadgen.simulator.tokens import PromptReader, output_tokens, seed_of, stop_length
from loadgen.timerfd import TimerFd

_BACKLOG = 4096
_LARGEST_BODY_BYTES = 256 * 1024 * 1024
# A client may hold a connection through a long think time.
_KEEP_ALIVE_S = 300.0
_SHUTDOWN_S = 0.2
# A driver that was held up longer than this does not hurry to make it good: no engine would.
_CATCH_UP_NS = 50_000_000
_STAMPS_KEPT = 4096


class _Answer:
    """A job and who waits for it."""

    __slots__ = ("job", "pieces", "ready", "streamed", "waiter")

    def __init__(self, job: Job, pieces: list[str], *, streamed: bool) -> None:
        self.job = job
        self.pieces = pieces
        self.streamed = streamed
        self.ready = 0
        self.waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def more(self, seen: int) -> int:
        """How many tokens are ready, once there are more than `seen`."""
        while self.ready <= seen:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        return self.ready


class _Alarm:
    """Sleeps to an absolute time, by timerfd where there is one: the loop's own timers are 1 ms coarse."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        try:
            self._timer: TimerFd | None = TimerFd()
        except OSError:
            self._timer = None
        else:
            self._loop.add_reader(self._timer.fd, self._rang)

    async def until(self, due_ns: int) -> None:
        """Return at `due_ns`, never before; lets others run even if that is past."""
        left_ns = due_ns - time.monotonic_ns()
        if left_ns <= 0:
            await asyncio.sleep(0)
        while left_ns > 0:
            if self._timer is None:
                await asyncio.sleep(left_ns / 1e9)
            else:
                self._waiter = self._loop.create_future()
                self._timer.arm(due_ns)
                await self._waiter
            left_ns = due_ns - time.monotonic_ns()

    def _rang(self) -> None:
        if self._timer is not None:
            self._timer.acknowledge()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self) -> None:
        if self._timer is not None:
            self._loop.remove_reader(self._timer.fd)
            self._timer.close()


class Simulator:
    """One simulated engine and its endpoints."""

    def __init__(self, profile: Profile, *, seed: int, model: str, api_key: str | None) -> None:
        self._profile = profile
        self._seed = seed
        self._model = model
        self._authorization = None if api_key is None else f"Bearer {api_key}".encode()
        self._engine = Engine(profile, seed)
        self._reader = PromptReader(profile.block_tokens)
        self._answers: dict[Job, _Answer] = {}
        self._work = asyncio.Event()
        self._requests = 0
        self._stamps: OrderedDict[str, dict[str, object]] = OrderedDict()

    def app(self) -> web.Application:
        """The endpoints."""
        app = web.Application(client_max_size=_LARGEST_BODY_BYTES)
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._guarded(self._models))
        app.router.add_post("/v1/chat/completions", self._guarded(self._chat))
        app.router.add_get("/debug/stamps", self._debug_stamps)
        return app

    async def drive(self) -> None:
        """Run the engine in real time, for ever."""
        engine, alarm = self._engine, _Alarm()
        try:
            due_ns = time.monotonic_ns()
            while True:
                if engine.idle:
                    self._work.clear()
                    await self._work.wait()
                    due_ns = time.monotonic_ns()
                due_ns = max(due_ns, time.monotonic_ns() - _CATCH_UP_NS) + int(engine.begin_step() * 1e9)
                await alarm.until(due_ns)
                self._hand_out()
        finally:
            alarm.close()

    def _hand_out(self) -> None:
        end = self._engine.end_step()
        answers = self._answers
        for job in self._engine.decoding:
            answer = answers[job]
            answer.ready += 1
            if answer.streamed:
                answer.wake()
        for job in end.finished:
            answer = answers[job]
            answer.ready += 1
            answer.wake()

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._check_key(request)
                return await handler(request)
            except wire.RefusedError as refusal:
                headers = {"Retry-After": "1"} if refusal.status == 503 else None
                return _json(refusal.body, status=refusal.status, headers=headers)

        return guarded

    def _check_key(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if self._authorization is not None and not hmac.compare_digest(given, self._authorization):
            raise wire.RefusedError(401, "Incorrect API key provided.", code="invalid_api_key")

    async def _health(self, _request: web.Request) -> web.StreamResponse:
        return _json(b'{"status":"ok"}')

    async def _models(self, _request: web.Request) -> web.StreamResponse:
        return _json(wire.model_list(self._model))

    async def _debug_stamps(self, request: web.Request) -> web.StreamResponse:
        """The stamps of one request that was sent with `X-Loadgen-Stamps: 1`, once."""
        stamps = self._stamps.pop(request.query.get("id", ""), None)
        return web.json_response(stamps) if stamps else _json(b"{}", status=404)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        received_ns = time.monotonic_ns()
        chat = wire.read_request(body)
        if chat.model != self._model:
            message = f"The model `{chat.model}` does not exist. This server has `{self._model}`."
            raise wire.RefusedError(404, message, code="model_not_found", param="model")
        answer, reason = self._plan(chat)
        self._requests += 1
        completion_id = f"chatcmpl-{self._seed}-{self._requests}"
        try:
            if not chat.stream:
                return await self._whole(answer, reason, completion_id)
            with_usage = chat.stream_options is not None and chat.stream_options.include_usage
            response, first_ns, last_ns = await self._streamed(request, answer, reason, completion_id, with_usage)
        finally:
            self._engine.cancel(answer.job)
            del self._answers[answer.job]
        if request.headers.get("X-Loadgen-Stamps") == "1":
            self._keep_stamps(completion_id, received_ns, first_ns, last_ns)
        return response

    def _plan(self, chat: wire.ChatRequest) -> tuple[_Answer, str]:
        """Queue the request with the answer it will get; how that answer ends."""
        rendered = chat.rendered()
        prompt = self._reader.read(rendered)
        room = self._profile.context_length - prompt.tokens - 1
        rng = Random(seed_of(rendered, self._seed))
        limit = chat.max_completion_tokens or chat.max_tokens
        reason = "length"
        if limit is None:
            natural = max(stop_length(rng), chat.min_tokens)
            limit, reason = (max(room, 1), "length") if chat.ignore_eos or natural > room else (natural, "stop")
        if limit > room:
            message = (
                f"This model's maximum context length is {self._profile.context_length} tokens; the request has "
                f"{prompt.tokens + 1} tokens of messages and asks for {limit} of output. Please shorten either."
            )
            raise wire.RefusedError(400, message, code="context_length_exceeded", param="messages")
        pieces = output_tokens(limit, rng)
        blocks = self._reader.answered(prompt, pieces).blocks
        # One token more than the messages: the marker that opens the assistant's turn.
        job = Job(prompt.tokens + 1, limit, blocks)
        try:
            self._engine.submit(job)
        except QueueFullError as error:
            message = f"The server is overloaded: {error}. Please retry later."
            raise wire.RefusedError(503, message, code="queue_full") from error
        answer = _Answer(job, pieces, streamed=bool(chat.stream))
        self._answers[job] = answer
        self._work.set()
        return answer, reason

    async def _whole(self, answer: _Answer, reason: str, completion_id: str) -> web.StreamResponse:
        job = answer.job
        await answer.more(job.output_tokens - 1)
        counts = wire.usage(job.prompt_tokens, job.output_tokens, job.cached_tokens)
        return _json(wire.completion(completion_id, self._model, "".join(answer.pieces), reason, counts))

    async def _streamed(
        self, request: web.Request, answer: _Answer, reason: str, completion_id: str, with_usage: bool
    ) -> tuple[web.StreamResponse, int, int]:
        job, pieces = answer.job, answer.pieces
        events = wire.EventWriter(completion_id, self._model)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        sent = await answer.more(0)
        await response.prepare(request)
        data = events.role() + b"".join(events.token(piece.encode()) for piece in pieces[:sent])
        first_ns = last_ns = time.monotonic_ns()
        while sent < job.output_tokens:
            await response.write(data)
            before, sent = sent, await answer.more(sent)
            data = b"".join(events.token(piece.encode()) for piece in pieces[before:sent])
            last_ns = time.monotonic_ns()
        counts = wire.usage(job.prompt_tokens, job.output_tokens, job.cached_tokens)
        await response.write_eof(data + events.finish(reason, counts if with_usage else None))
        return response, first_ns, last_ns

    def _keep_stamps(self, completion_id: str, received_ns: int, first_ns: int, last_ns: int) -> None:
        self._stamps[completion_id] = {
            "id": completion_id,
            "received_ns": received_ns,
            "first_write_ns": first_ns,
            "last_write_ns": last_ns,
        }
        if len(self._stamps) > _STAMPS_KEPT:
            self._stamps.popitem(last=False)


def _json(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def profile_named(name: str) -> Profile:
    """The profile of that name. Raises UsageError with the accepted names."""
    if name in PROFILES:
        return PROFILES[name]
    near = difflib.get_close_matches(name, PROFILES, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"There is no simulator profile {name!r}; choose one of {', '.join(PROFILES)}.{hint}")


def _read_stdin(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        stop.set()


async def _serve(simulator: Simulator, host: str, port: int, on_ready: Callable[[int], None], stdin: bool) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if stdin:
        loop.add_reader(sys.stdin.fileno(), _read_stdin, stop)
    runner = web.AppRunner(
        simulator.app(),
        access_log=None,
        handle_signals=False,
        handler_cancellation=True,
        keepalive_timeout=_KEEP_ALIVE_S,
        shutdown_timeout=_SHUTDOWN_S,
    )
    await runner.setup()
    driver = loop.create_task(simulator.drive())
    try:
        await web.TCPSite(runner, host, port, backlog=_BACKLOG).start()
        on_ready(runner.addresses[0][1])
        stopping = loop.create_task(stop.wait())
        await asyncio.wait({stopping, driver}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    except OSError as error:
        hint = "Choose another port, or 0 for a free one."
        raise UsageError(f"The simulator cannot listen on {host}:{port} ({error.strerror}). {hint}") from error
    finally:
        await runner.cleanup()
        driver.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await driver


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    profile: str = "default",
    seed: int = 1,
    model: str = "simulated-model",
    api_key: str | None = None,
    on_ready: Callable[[int], None],
    exit_with_stdin: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM, or the end of stdin where asked for; from the main thread.

    port: 0 takes a free one. on_ready is called once with the port, when connections are accepted. api_key: if given,
    requests without it get 401. Raises UsageError for an unknown profile or a port that is taken.
    """
    chosen = profile_named(profile)

    async def run() -> None:
        simulator = Simulator(chosen, seed=seed, model=model, api_key=api_key)
        await _serve(simulator, host, port, on_ready, exit_with_stdin)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
