"""A price list as typed, frozen data, and the one question it answers: what do a model's tokens cost at this instant?

Pure functions of (model, time). Prices are per million tokens of the list's currency. Two spellings: a list of dated
prices for several models, as files have it, or one price that always holds, as a scenario may write it in place.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Annotated, Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY_MINUTES = 24 * 60
_PATTERN_S = 8 * 86_400


class Rates(NamedTuple):
    """Per million tokens. Where a list names no price for cached input or reasoning, they cost as input and output."""

    cached_input: float
    input: float
    output: float
    reasoning: float

    def scaled(self, factor: float) -> "Rates":
        """Each times `factor`."""
        return Rates(*(price * factor for price in self))


def _minutes(value: Any) -> Any:
    """Minutes since midnight. YAML reads a bare 10:00 as 600, which is just that."""
    accepted = 'accepted: "HH:MM" from "00:00" to "24:00"'
    if isinstance(value, str):
        hours, colon, minutes = value.partition(":")
        if not (colon and hours.isdecimal() and len(minutes) == 2 and minutes.isdecimal() and int(minutes) < 60):
            raise ValueError(f"{value!r} is no time of day; {accepted}")
        value = int(hours) * 60 + int(minutes)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _DAY_MINUTES:
        raise ValueError(f"{value!r} is no time of day; {accepted}")
    return value


def _zone(name: str) -> str:
    zone_of(name)
    return name


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name. Raises ValueError for none, or where this system has no zone data."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is no time zone known here; accepted: UTC, or an IANA name such as Asia/Shanghai "
            "(a system without zone data needs the package tzdata)"
        ) from None


def _not_empty(value: Any) -> Any:
    if isinstance(value, list | tuple | Mapping) and not value:
        raise ValueError("is empty; accepted: at least one")
    return value


Price = Annotated[float, Field(ge=0)]
Minutes = Annotated[int, BeforeValidator(_minutes)]
ZoneName = Annotated[str, AfterValidator(_zone)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Peak(_Data):
    """Hours of some weekdays at which every price is multiplied, by the clock of the list's time zone.

    From `from` up to, not including, `to`. One that crosses midnight (22:00 to 06:00) belongs to the weekday on which
    it begins.
    """

    from_minutes: Minutes = Field(alias="from")
    to_minutes: Minutes = Field(alias="to")
    weekdays: Annotated[tuple[Weekday, ...], BeforeValidator(_not_empty)] = WEEKDAYS
    multiplier: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _not_nothing(self) -> Self:
        if self.from_minutes == self.to_minutes:
            raise ValueError('from and to are the same; accepted: two times, such as "00:00" and "24:00" for all day')
        return self

    def holds_at(self, weekday: int, minute: int) -> bool:
        """Whether a local time lies within; weekday 0 is Monday, minute counts from midnight."""
        today, yesterday = WEEKDAYS[weekday], WEEKDAYS[weekday - 1]
        if self.from_minutes < self.to_minutes:
            return today in self.weekdays and self.from_minutes <= minute < self.to_minutes
        return (today in self.weekdays and minute >= self.from_minutes) or (
            yesterday in self.weekdays and minute < self.to_minutes
        )


class Tariff(_Data):
    """Prices per million tokens. Without cached_input or reasoning, those tokens cost as input and output do."""

    input: Price
    output: Price
    cached_input: Price | None = None
    reasoning: Price | None = None
    peaks: tuple[Peak, ...] = ()

    @property
    def rates(self) -> Rates:
        """The prices outside of every peak."""
        cached = self.input if self.cached_input is None else self.cached_input
        return Rates(cached, self.input, self.output, self.output if self.reasoning is None else self.reasoning)

    def rates_at(self, local: datetime) -> Rates:
        """The prices at a local time of the list's zone; of overlapping peaks the dearest counts."""
        minute = local.hour * 60 + local.minute
        factors = [peak.multiplier for peak in self.peaks if peak.holds_at(local.weekday(), minute)]
        return self.rates.scaled(max(factors)) if factors else self.rates


class DatedTariff(Tariff):
    """A tariff from midnight of `valid_from` on, in the list's time zone, until the next one's."""

    valid_from: date


class ModelPrices(NamedTuple):
    """The prices of one model over time. tariffs: in the order of their dates; one without a date always held."""

    currency: str
    time_zone: str
    tariffs: tuple[Tariff, ...]

    def at(self, unix_s: float) -> Rates | None:
        """The prices at an instant; None before the first that is known."""
        local = datetime.fromtimestamp(unix_s, zone_of(self.time_zone))
        valid = None
        for tariff in self.tariffs:
            if not isinstance(tariff, DatedTariff) or tariff.valid_from <= local.date():
                valid = tariff
        return None if valid is None else valid.rates_at(local)

    def between(self, from_unix_s: float, to_unix_s: float) -> tuple[Rates, Rates] | None:
        """The lowest and the highest of each price in a span of time; None where there is a time without a price.

        Looks at every quarter of an hour of the first eight days, by which a week's pattern has come round, then at
        every day.
        """
        fine_to = min(to_unix_s, from_unix_s + _PATTERN_S)
        fine, coarse = range(int(from_unix_s), int(fine_to), 900), range(int(fine_to), int(to_unix_s), 86_400)
        found = [self.at(instant) for instant in (*fine, *coarse, to_unix_s)]
        known = [rates for rates in found if rates is not None]
        if len(known) < len(found):
            return None
        prices = list(zip(*known, strict=True))
        return Rates(*map(min, prices)), Rates(*map(max, prices))


class FlatPrices(Tariff):
    """One price for whatever model is run, as a scenario may write it in place."""

    currency: Annotated[str, Field(min_length=1)] = "USD"
    time_zone: ZoneName = "UTC"

    def of(self, model: str) -> ModelPrices:  # noqa: ARG002 - one face for both spellings
        """The prices of any model."""
        return ModelPrices(self.currency, self.time_zone, (self,))


def _in_order(tariffs: tuple[DatedTariff, ...]) -> tuple[DatedTariff, ...]:
    dates = [tariff.valid_from for tariff in tariffs]
    if len(set(dates)) < len(dates):
        raise ValueError("two prices are valid from the same day; accepted: a date of its own for each")
    return tuple(sorted(tariffs, key=lambda tariff: tariff.valid_from))


class PriceList(_Data):
    """Dated prices of one or more models, as a file has them. source: where they were published."""

    currency: Annotated[str, Field(min_length=1)] = "USD"
    time_zone: ZoneName = "UTC"
    source: str | None = None
    models: Annotated[
        dict[
            str,
            Annotated[tuple[DatedTariff, ...], BeforeValidator(_not_empty), AfterValidator(_in_order)],
        ],
        BeforeValidator(_not_empty),
    ]

    def of(self, model: str) -> ModelPrices | None:
        """The prices of this model; those of the only model in the list whatever the name is; else None."""
        tariffs = self.models.get(model) or (next(iter(self.models.values())) if len(self.models) == 1 else None)
        return None if tariffs is None else ModelPrices(self.currency, self.time_zone, tariffs)


def _spelling(value: Any) -> str:
    """The union's tag; `@` tells it from a key of the file."""
    dated = isinstance(value, PriceList) or (isinstance(value, Mapping) and "models" in value)
    return "@dated" if dated else "@flat"


Prices = Annotated[
    Annotated[FlatPrices, Tag("@flat")] | Annotated[PriceList, Tag("@dated")],
    Discriminator(_spelling),
]
"""A price list in either spelling."""
