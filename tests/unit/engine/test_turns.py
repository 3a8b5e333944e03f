"""From a workload's turn to the request a server gets, and from its reply to what the session sees."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from loadgen.client.dialects import DIALECTS
from loadgen.client.exchange import Exchange, Limits
from loadgen.client.interpret import Interpreted
from loadgen.client.reply import Reply, ToolCall
from loadgen.engine.turns import TurnMaker, request_template, sends_reasoning
from loadgen.scenario.model import ReplaySpec
from loadgen.scenario.request import RequestOptions
from loadgen.workloads.replay import ReplayWorkload

SMALL = Path(__file__).parents[2] / "data" / "agentic_small.jsonl"
THOUGHT = Reply(ok=True, text="Look", reasoning="Hm", tool_calls=(ToolCall("c9", "bash", "{}"),))


def _maker(dialect: str, **options: Any) -> TurnMaker:
    request = RequestOptions(**options)
    found = DIALECTS[dialect]
    return TurnMaker(
        request_template(request, model="m", dialect=found),
        Limits(),
        stream=request.stream,
        sends_reasoning=sends_reasoning(request, found),
    )


def _messages(exchange: Exchange) -> list[dict[str, Any]]:
    assert exchange.body is not None
    messages: list[dict[str, Any]] = json.loads(b"".join(exchange.body))["messages"]
    return messages


def _second_request(maker: TurnMaker, assistant: str) -> list[dict[str, Any]]:
    """The messages of a recorded conversation's second turn, after a reply that thought and called a tool."""
    spec = ReplaySpec(name="agents", format="agentic", path=str(SMALL), assistant=assistant)  # type: ignore[arg-type]
    session = ReplayWorkload(spec, seed=1).session(0, Random(1))
    assert session is not None
    session.next_turn(None)
    turn = session.next_turn(maker.reply(Interpreted("ok", None, THOUGHT)))
    assert turn is not None
    return _messages(maker.exchange(turn))


def _calling(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return next(message for message in messages if message.get("tool_calls"))


@pytest.mark.parametrize(
    ("dialect", "send", "reasoning"),
    [
        ("deepseek", "auto", "Hm"),
        ("deepseek", "never", ""),
        ("openai", "auto", None),
        ("vllm", "auto", None),
        ("vllm", "always", "Hm"),
    ],
)
def test_a_live_answers_reasoning_goes_back_where_the_server_wants_it(
    dialect: str, send: str, reasoning: str | None
) -> None:
    message = _calling(_second_request(_maker(dialect, send_reasoning=send), "live"))
    assert message.get("reasoning_content") == reasoning
    assert message["tool_calls"][0]["id"] == "c9"


@pytest.mark.parametrize(("dialect", "reasoning"), [("deepseek", ""), ("openai", None), ("sglang", None)])
def test_recorded_tool_calls_get_the_empty_reasoning_that_deepseek_demands(dialect: str, reasoning: str | None) -> None:
    assert _calling(_second_request(_maker(dialect), "recorded")).get("reasoning_content") == reasoning


def test_the_scenarios_request_block_is_what_is_said() -> None:
    maker = _maker("sglang", stream=False, max_tokens=12, temperature=0.5, force_output_tokens=True, strict_tools=True)
    spec = ReplaySpec(name="agents", format="agentic", path=str(SMALL))
    session = ReplayWorkload(spec, seed=1).session(0, Random(1))
    assert session is not None
    turn = session.next_turn(None)
    assert turn is not None
    assert turn.tools is not None
    exchange = maker.exchange(turn)
    assert exchange.body is not None
    said = json.loads(b"".join(exchange.body))
    assert exchange.path == "/chat/completions"
    assert all(tool["function"]["strict"] for tool in said.pop("tools"))
    assert len(said.pop("messages")) == len(turn.messages)
    assert said == {
        "model": "m",
        "stream": False,
        "temperature": 0.5,
        "max_tokens": 12,
        "ignore_eos": True,
        "min_tokens": 12,
    }
