"""`python -m loadgen.simulator`: the simulator alone, as tests and `loadgen run` start it.

`loadgen simulate` is the same server for users.
"""

import sys

import click

from loadgen.errors import ExitCode, LoadgenError
from loadgen.simulator.command import simulate


def main() -> int:
    """Serve until told to stop; the exit code."""
    try:
        simulate.main(standalone_mode=False, prog_name="python -m loadgen.simulator")
    except click.ClickException as error:
        error.show()
        return int(ExitCode.BAD_INPUT)
    except LoadgenError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
