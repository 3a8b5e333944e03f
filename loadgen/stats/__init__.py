"""Statistics on what was measured: intervals, early stopping, steady state, comparison. Pure functions of arrays.

Knows nothing of HTTP, Locust or files. The unit of independence is the session, never the turn: turns of one session
are correlated (docs/statistics.md).
"""
