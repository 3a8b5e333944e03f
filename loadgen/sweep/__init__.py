"""Sweeps: the same scenario at one load after another, each step a run of its own, until the capacity is known.

Knows runs from outside only: it starts them through the supervisor and reads their summary.json.
"""
