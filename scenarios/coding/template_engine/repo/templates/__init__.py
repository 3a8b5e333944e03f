"""Small templates: values, conditions and loops."""

from templates.environment import Environment, render
from templates.errors import TemplateError

__all__ = ["Environment", "TemplateError", "render"]
