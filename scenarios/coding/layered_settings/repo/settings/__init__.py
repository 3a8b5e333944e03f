"""Layered settings: defaults, then a file, then the environment, then overrides."""

from settings.errors import SettingsError
from settings.loader import Settings, load
from settings.schema import Field, Schema

__all__ = ["Field", "Schema", "Settings", "SettingsError", "load"]
