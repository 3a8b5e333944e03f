"""Routes through a map of places and roads."""

from planner.errors import NoRoute, PlannerError, UnknownPlace
from planner.network import Network, Road
from planner.plan import Plan
from planner.reading import network_from_text
from planner.search import plan_route, plan_tour

__all__ = [
    "Network",
    "NoRoute",
    "Plan",
    "PlannerError",
    "Road",
    "UnknownPlace",
    "network_from_text",
    "plan_route",
    "plan_tour",
]
