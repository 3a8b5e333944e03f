"""The shipped tools, one module a family: definitions and what calls do to a session's world."""

from loadgen.workloads.tools.backends import arithmetic, calendar, files, orders, search, tickets

SHIPPED = (*files.TOOLS, *calendar.TOOLS, *orders.TOOLS, *tickets.TOOLS, *search.TOOLS, *arithmetic.TOOLS)

__all__ = ["SHIPPED"]
