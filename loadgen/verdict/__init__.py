"""From what a run measured to a decision: pass, fail, inconclusive or invalid. Called by the master at a run's end.

Pure functions of the aggregate, the record log as columns and the objectives; docs/slos.md has the rules, and
docs/statistics.md what they rest on. Knows nothing of HTTP, Locust or files.
"""
