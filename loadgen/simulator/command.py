"""The options of the simulator: of `loadgen simulate`, and of `python -m loadgen.simulator`, which others start.

Imports stay light until the command runs: the command line is parsed by processes that never serve.
"""

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loadgen.errors import UsageError
from loadgen.simulator.ageing_options import ageing_of, ageing_options
from loadgen.simulator.quality import quality_of, quality_options

if TYPE_CHECKING:
    from loadgen.simulator.timing import Profile

_FAULTS = """\b
Faults: NAME or NAME:key=value,key=value; repeatable, the first that applies strikes.
  429, 500, 503, 402     that status (429 and 503 with Retry-After; key retry_after)
  error_event            an error inside the stream, then [DONE]
  truncate               a clean end without a finish reason
  cut, reset             the connection closed, or reset, in mid-body
  stall                  no bytes for `seconds`, for ever without
  slow_first_byte        nothing at all for `seconds` (2s)
  malformed              an event that is not JSON
  keepalive              `count` (3) comments over `seconds` (1s) before any output
  die                    the process is gone, in the middle of a reply
  engine_dead            from then on 500 for everything, 503 from /health
Keys: rate=0.01 (share of requests, 1), after=30s and for=10s (since the start), skip=20 and
times=1 (requests), at=3 (after so many tokens of output).
For one request: header X-Loadgen-Fault, or loadgen_fault in its body, with the same words.

\b
Profiles are models, not measurements: default, fast, slow, laptop, h100, deepseek (docs/simulator.md).
Dialects: openai, deepseek, vllm, sglang, llamacpp."""


@click.command(epilog=_FAULTS)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--profile", default="default", show_default=True, help="How fast and how large: a timing profile.")
@click.option(
    "--kv-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="Room in the KV cache, running sequences and kept prefixes together, in tokens. Default: the profile's.",
)
@click.option("--dialect", default="openai", show_default=True, help="Which kind of server it looks like.")
@click.option("--seed", default=1, show_default=True, help="Same seed: same answers, jitter and faults.")
@click.option("--model", default="simulated-model", show_default=True, help="Model name to serve.")
@click.option("--api-key-env", metavar="NAME", help="Ask for the key in this environment variable; 401 without it.")
@click.option("--fault", "faults", multiple=True, metavar="FAULT", help="What is to go wrong; see below. Repeatable.")
@click.option(
    "--reasoning-share",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Share of an answer's tokens that are thought. Default: 0.5 as deepseek, else 0.",
)
@click.option(
    "--tool-call-rate",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    metavar="SHARE",
    help="Share of requests with tools that are answered by a tool call.",
)
@click.option(
    "--early-stop",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    metavar="SHARE",
    help="Share of answers that stop before max_tokens, unless ignore_eos or min_tokens forces them.",
)
@click.option(
    "--cached-tokens/--no-cached-tokens",
    default=None,
    help="Whether usage tells cached tokens. Default: not as vllm and sglang, which have to be told to.",
)
@quality_options
@click.option(
    "--coding-solutions",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    metavar="DIR",
    help="A folder of coding tasks with their solutions, which it plays by. Repeatable.",
)
@click.option(
    "--answers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="Answers to reasoning tasks (JSON lines), which it plays by. Repeatable.",
)
@ageing_options
@click.option("--cpu", type=int, hidden=True)
@click.option("--exit-with-stdin", is_flag=True, hidden=True)
def simulate(
    host: str, port: int, model: str, seed: int, cpu: int | None, exit_with_stdin: bool, **options: Any
) -> None:
    """Serve the simulator: an OpenAI-compatible endpoint with a model of batching, queueing and a prefix cache.

    It has /v1/chat/completions, /v1/completions, /v1/models, /health, and /metrics under vLLM's names.
    """
    from loadgen.simulator.answers import Dials
    from loadgen.simulator.coding import load_solutions
    from loadgen.simulator.dialects import dialect_named
    from loadgen.simulator.faults import parse_fault
    from loadgen.simulator.reasoning import load_answers
    from loadgen.simulator.serving import profile_named, serve
    from loadgen.simulator.settings import Settings

    profile, dialect = options["profile"], options["dialect"]
    timing = profile_named(profile)
    if options["kv_tokens"] is not None:
        timing = _with_room(timing, options["kv_tokens"])
    key_variable = options["api_key_env"]
    settings = Settings(
        profile=timing,
        dialect=dialect_named(dialect),
        dials=Dials(
            reasoning_share=options["reasoning_share"],
            tool_call_rate=options["tool_call_rate"],
            early_stop=options["early_stop"],
            cached_tokens=options["cached_tokens"],
            quality=quality_of(options),
            solutions=load_solutions(options["coding_solutions"]),
            answers=load_answers(options["answers"]),
            natural_lengths=options["natural_lengths"],
        ),
        faults=tuple(parse_fault(text) for text in options["faults"]),
        ageing=ageing_of(options),
        seed=seed,
        model=model,
        api_key=_key_in(key_variable) if key_variable else None,
    )
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})

    def ready(bound: int) -> None:
        if exit_with_stdin:  # a parent reads the address
            click.echo(f"listening on http://{host}:{bound}")
            return
        what = f"profile {profile}, dialect {dialect}"
        click.echo(f"simulator ({what}) on http://{host}:{bound}/v1, model {model}; Ctrl-C stops it")

    serve(settings, host=host, port=port, on_ready=ready, exit_with_stdin=exit_with_stdin)


def simulator_arguments(given: str) -> list[str]:
    """The options of `loadgen simulate` in one text, as a shell would take it apart, checked as far as their form goes.

    Raises UsageError for what they can't be.
    """
    try:
        arguments = shlex.split(given)
        simulate.make_context("loadgen simulate", list(arguments))
    except ValueError as error:
        raise UsageError(f"--simulator {given!r}: {error}") from None
    except click.ClickException as error:
        raise UsageError(f"--simulator {given!r}: {error.format_message()}") from None
    return arguments


def _key_in(variable: str) -> str:
    if key := os.environ.get(variable):
        return key
    raise UsageError(f"The environment variable {variable} is empty or not set: put the API key to ask for into it.")


def _with_room(profile: "Profile", kv_tokens: int) -> "Profile":
    try:
        return replace(profile, kv_tokens=kv_tokens)
    except ValueError as error:
        text = f"--kv-tokens {kv_tokens}: {error} ({profile.context_length} in this profile)"
        raise UsageError(text) from None
