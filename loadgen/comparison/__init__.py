"""Two sides of runs held against each other: `loadgen compare`. Reads run folders; sends nothing, writes nothing.

`runs` reads a run, `alike` says whether two may be compared, `figures` what is compared, `by_runs` and `by_session`
how far it has moved, `judge` what that means, `show` tells it. docs/comparison.md has the rules.
"""
