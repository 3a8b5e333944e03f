"""What Prometheus reads in a text: parsed by its own client library, looked up by name and labels."""

from collections.abc import Iterable
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

Labels = dict[str, str]


class Series:
    """A text's samples, by name and by labels."""

    def __init__(self, samples: Iterable[tuple[str, Labels, float]]) -> None:
        self.all = list(samples)

    def named(self, name: str, **labels: str) -> list[tuple[Labels, float]]:
        """Those of this name (without `loadgen_`) that have these labels."""
        return [
            (found, value)
            for this, found, value in self.all
            if this == f"loadgen_{name}" and labels.items() <= found.items()
        ]

    def value(self, name: str, **labels: str) -> float:
        """The value of the only one."""
        ((_, value),) = self.named(name, **labels)
        return value

    def total(self, name: str, **labels: str) -> float:
        """The sum of them all."""
        return sum(value for _, value in self.named(name, **labels))


def scraped(text: bytes) -> Series:
    """What a scraper reads in it."""
    families = list(read_text(text.decode()))
    assert len({family.name for family in families}) == len(families), "a family in two places"
    return Series((sample.name, sample.labels, sample.value) for family in families for sample in family.samples)


def imported(text: bytes) -> Any:
    """The families of an OpenMetrics text."""
    return list(read_openmetrics(text.decode()))  # type: ignore[no-untyped-call]
