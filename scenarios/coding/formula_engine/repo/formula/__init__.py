"""A small formula language: numbers, variables, arithmetic and function calls."""

from formula.errors import FormulaError
from formula.evaluator import evaluate, names
from formula.parser import parse
from formula.printer import show

__all__ = ["FormulaError", "evaluate", "names", "parse", "show"]
