"""Several scenarios against one target, one after the other, with one report and one verdict: a scenario with `parts`.

    spec        what a file with `parts` says             conclusion  what the parts come to: outcome, reason, exit code
    model       suite.json                                runner      from the first part to the last
    folder      the suite's folder                        command     the processes that its parts run in
    table, markdown, junit, html                          how it is shown

Called by `loadgen run`, `validate` and `report`.
"""
