"""The simulator's other faces over HTTP: dialects, /v1/completions, /metrics, DeepSeek's cache and keep-alives."""

import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from loadgen.simulator.dialects import DIALECTS
from loadgen.simulator.process import SimulatorProcess
from tests.support.simulator_figures import at_rest, figures
from tests.support.waiting import wait_for

MODEL = "simulated-model"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, SimulatorProcess]]:
    """One of each dialect, quick; DeepSeek's cache is of its profile's kind."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(SimulatorProcess(profile="fast", dialect=name, more=["--tool-call-rate=1"]))
            for name in DIALECTS
        }


def call(server: SimulatorProcess, path: str, body: Json | None = None) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of a GET, or of a POST where there is a body."""
    with closing(http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)) as connection:
        data = None if body is None else json.dumps({"model": MODEL} | body)
        connection.request("GET" if body is None else "POST", path, data)
        reply = connection.getresponse()
        return reply.status, dict(reply.headers), reply.read().decode()


def answer(server: SimulatorProcess, text: str, **parts: Any) -> Json:
    body = {"messages": [{"role": "user", "content": text}], "max_tokens": 4} | parts
    status, _, told = call(server, "/v1/chat/completions", body)
    assert status == 200, told
    reply: Json = json.loads(told)
    return reply


def test_each_says_who_it_is(servers: dict[str, SimulatorProcess]) -> None:
    for name, server in servers.items():
        _, headers, told = call(server, "/v1/models")
        assert json.loads(told)["data"][0]["owned_by"] == DIALECTS[name].owned_by
        assert headers["Server"] == (DIALECTS[name].server or headers["Server"])
    assert call(servers["llamacpp"], "/v1/models")[1]["Server"] == "llama.cpp"
    for page, owner in {"/version": "vllm", "/get_model_info": "sglang", "/props": "llamacpp"}.items():
        assert {name for name, server in servers.items() if call(server, page)[0] == 200} == {owner}


def test_unknown_models_are_refused_where_names_are_checked(servers: dict[str, SimulatorProcess]) -> None:
    told = {
        name: call(server, "/v1/chat/completions", {"model": "other", "messages": [{"role": "user", "content": "hi"}]})[
            0
        ]
        for name, server in servers.items()
    }
    assert told == {"openai": 404, "deepseek": 400, "vllm": 404, "sglang": 200, "llamacpp": 200}


def test_cached_tokens_are_told_where_the_server_would(servers: dict[str, SimulatorProcess]) -> None:
    for name, server in servers.items():
        details = [answer(server, "word " * 100)["usage"]["prompt_tokens_details"] for _ in range(2)]
        told = [None, None] if name in ("vllm", "sglang") else [{"cached_tokens": 0}, {"cached_tokens": 96}]
        assert details == told, name


def test_plain_completions_are_streamed_and_whole(servers: dict[str, SimulatorProcess]) -> None:
    for name, server in servers.items():
        asked: Json = {"prompt": "Once upon a time", "max_tokens": 12}
        status, _, told = call(server, "/v1/completions", asked)
        whole = json.loads(told)
        assert status == 200, name
        assert whole["usage"]["completion_tokens"] == 12
        streamed = call(server, "/v1/completions", asked | {"stream": True})[2]
        events = [
            json.loads(line.removeprefix("data: ")) for line in streamed.split("\n\n") if line.startswith("data: {")
        ]
        assert "".join(event["choices"][0]["text"] for event in events) == whole["choices"][0]["text"]
        assert events[-1]["choices"][0]["finish_reason"] == "length"


def test_a_plain_prompt_that_grows_hits_what_was_said(servers: dict[str, SimulatorProcess]) -> None:
    prompt = "Tell me a long story." * 20
    first = json.loads(call(servers["openai"], "/v1/completions", {"prompt": prompt, "max_tokens": 64})[2])
    longer = prompt + first["choices"][0]["text"] + " And then?"
    second = json.loads(call(servers["openai"], "/v1/completions", {"prompt": longer, "max_tokens": 4})[2])
    assert second["usage"]["prompt_tokens_details"]["cached_tokens"] >= first["usage"]["total_tokens"] - 17


def test_tools_are_called_and_the_calls_can_be_read(servers: dict[str, SimulatorProcess]) -> None:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "read_file", "parameters": schema}}]
    for server in servers.values():
        choice = answer(server, "read it", tools=tools, max_tokens=200)["choices"][0]
        assert choice["finish_reason"] == "tool_calls"
        for made in choice["message"]["tool_calls"]:
            assert made["function"]["name"] == "read_file"
            assert json.loads(made["function"]["arguments"])["path"]


def test_metrics_add_up_to_what_was_answered() -> None:
    with SimulatorProcess(profile="fast", dialect="vllm", more=["--cached-tokens"]) as server:
        usages = [answer(server, "word " * 100, max_tokens=8)["usage"] for _ in range(3)]
        call(server, "/v1/chat/completions", {"messages": []})
        wait_for(lambda: at_rest(server), "an idle server")
        told = figures(server)
    assert told["vllm:prompt_tokens_total"] == sum(usage["prompt_tokens"] for usage in usages)
    assert told["vllm:generation_tokens_total"] == 24
    assert told["vllm:prefix_cache_queries_total"] == told["vllm:prompt_tokens_total"]
    assert told["vllm:prefix_cache_hits_total"] == sum(
        usage["prompt_tokens_details"]["cached_tokens"] for usage in usages
    )
    assert told["vllm:request_success_total"] == told["vllm:time_to_first_token_seconds_count"] == 3
    assert told["vllm:e2e_request_latency_seconds_count"] == 3
    assert told["vllm:inter_token_latency_seconds_count"] == 21
    assert told["http_requests_total"] == told["loadgen_simulator_requests_total"] == 4


def test_deepseek_hits_whole_prefixes_and_waits_with_comments() -> None:
    document = "The quick brown fox jumps over the lazy dog. " * 100
    off = {"thinking": {"type": "disabled"}}
    with SimulatorProcess(profile="deepseek", dialect="deepseek", faults=["keepalive:skip=4,count=2"]) as server:
        hits = []
        for question in ("What is it about?", "Who jumps?", "Over whom?"):
            reply = answer(server, document + question, **off)
            usage = reply["usage"]
            assert usage["prompt_cache_hit_tokens"] + usage["prompt_cache_miss_tokens"] == usage["prompt_tokens"]
            hits.append(usage["prompt_cache_hit_tokens"])
        assert hits[:2] == [0, 0]
        assert hits[2] > 0.9 * usage["prompt_tokens"]
        assert hits[2] % 64 == 0
        said = [{"role": "user", "content": document + "Over whom?"}, reply["choices"][0]["message"]]
        usage = answer(server, "", messages=[*said, {"role": "user", "content": "And why?"}], **off)["usage"]
        assert usage["prompt_cache_hit_tokens"] >= hits[2], "a conversation that goes on is a whole prefix of itself"
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2, "stream": True}
        assert call(server, "/v1/chat/completions", body)[2].startswith(": keep-alive\n\n: keep-alive\n\ndata: {")


def test_a_deepseek_stream_that_waits_gets_comments_by_itself() -> None:
    # 4,500 tokens of prompt at 2,000 a second: it waits longer than the 2 s between comments.
    body = {"messages": [{"role": "user", "content": "word " * 4_500}], "max_tokens": 1, "stream": True}
    with SimulatorProcess(profile="slow", dialect="deepseek") as server:
        assert call(server, "/v1/chat/completions", body)[2].startswith(": keep-alive\n\n")


@pytest.mark.parametrize(("dialect", "status"), [("deepseek", 429), ("openai", 503)])
def test_a_full_queue_is_told_as_each_does(dialect: str, status: int) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5000, "stream": True}
    with SimulatorProcess(profile="slow", dialect=dialect) as server, ExitStack() as stack:

        def send(count: int) -> None:
            for _ in range(count):
                connection = stack.enter_context(
                    closing(http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30))
                )
                connection.request("POST", "/v1/chat/completions", json.dumps({"model": MODEL} | body))

        # Those that fill the batch first: while the engine is in a step, all that come wait, and the queue has an end.
        send(8)
        wait_for(lambda: figures(server)["vllm:num_requests_running"] == 8, "a full batch")
        send(64)
        wait_for(lambda: figures(server)["vllm:num_requests_waiting"] == 64, "a full queue")
        assert figures(server)["vllm:kv_cache_usage_perc"] > 0.2
        refused, headers, _ = call(server, "/v1/chat/completions", body)
    assert (refused, headers["Retry-After"]) == (status, "1")
