"""`python -m loadgen.simulator`: the simulator without the rest of the command line, as tests and benchmarks start it.

`loadgen simulate` is the same server for users.
"""

import argparse
import os
import sys

from loadgen.errors import LoadgenError, UsageError
from loadgen.simulator.server import serve


def _listening(host: str, port: int) -> None:
    sys.stdout.write(f"listening on http://{host}:{port}\n")
    sys.stdout.flush()


def _key_in(variable: str) -> str:
    if key := os.environ.get(variable):
        return key
    raise UsageError(f"The environment variable {variable} is empty or not set: put the API key to ask for into it.")


def main() -> int:
    """Serve until told to stop; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadgen.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--profile", default="default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="simulated-model")
    parser.add_argument("--api-key-env", help="the environment variable with the key to ask for")
    parser.add_argument("--cpu", type=int, help="run on this CPU only")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when stdin closes")
    options = parser.parse_args()
    try:
        if options.cpu is not None:
            os.sched_setaffinity(0, {options.cpu})
        serve(
            host=options.host,
            port=options.port,
            profile=options.profile,
            seed=options.seed,
            model=options.model,
            api_key=_key_in(options.api_key_env) if options.api_key_env else None,
            on_ready=lambda port: _listening(options.host, port),
            exit_with_stdin=options.exit_with_stdin,
        )
    except LoadgenError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
