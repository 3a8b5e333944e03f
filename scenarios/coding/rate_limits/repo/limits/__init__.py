"""Limits on how often somebody may do something, by sliding windows."""

from limits.decision import Decision
from limits.limiter import Limiter
from limits.rules import Rule, RuleError, parse_rule, parse_rules
from limits.window import Window

__all__ = ["Decision", "Limiter", "Rule", "RuleError", "Window", "parse_rule", "parse_rules"]
