"""`python -m loadgen`: the same command line as `loadgen`; the supervisor starts its children this way."""

from loadgen.cli import main

if __name__ == "__main__":
    main()
