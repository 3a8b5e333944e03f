"""The history of soaks: what was measured of a target over days and weeks, kept so that nothing of it is lost.

    model    what a soak and a probe are        store    the SQLite file that holds them

Written by the soak, read by whoever shows or judges a week. Knows neither HTTP nor Locust.
"""
