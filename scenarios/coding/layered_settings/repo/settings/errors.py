"""What can go wrong, always with the name of the key or the line."""


class SettingsError(Exception):
    """Something in a source cannot be used."""


class UnknownKey(SettingsError):
    """A source names a key that the schema does not have."""

    def __init__(self, key: str) -> None:
        super().__init__(f"unknown setting {key!r}")
        self.key = key


class BadValue(SettingsError):
    """A value does not fit the type of its field."""

    def __init__(self, key: str, value: object, wanted: str) -> None:
        super().__init__(f"{key}: {value!r} is no {wanted}")
        self.key = key
        self.value = value


class BadLine(SettingsError):
    """A line of a settings file is neither a section, a comment nor a value."""

    def __init__(self, number: int, line: str) -> None:
        super().__init__(f"line {number}: cannot read {line!r}")
        self.number = number
