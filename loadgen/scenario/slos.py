"""Service level objectives as people write them: `ttft{stage=steady} p99 < 2s`, `error_rate < 1%`.

A small language of its own, read by a parser whose every mistake points at its character. Used by the scenario model,
which holds stages and workloads against it, and by whoever judges a run. docs/slos.md is the reference.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from math import isfinite
from typing import Literal, cast, get_args

from loadgen.scenario.quantities import format_duration, parse_count, parse_duration

Operator = Literal["<", "<=", ">", ">="]
Kind = Literal["latency", "share", "rate", "cost", "quality"]
# What one turn has one of, so that a turn can be good or not.
TurnMetric = Literal["ttft", "ttfo", "tpot", "e2e", "service.ttft", "service.e2e"]

TURN_METRICS: tuple[TurnMetric, ...] = get_args(TurnMetric)
LATENCIES = ("ttft", "ttfo", "itl", "tpot", "e2e", "service.ttft", "service.e2e", "connect", "schedule_lag")
# Null in every turn where replies are not streamed.
STREAMED = ("ttft", "ttfo", "itl", "tpot", "service.ttft")
SHARES = ("error_rate", "goodput")
RATES = tuple(f"throughput.{what}" for what in ("requests", "input_tokens", "output_tokens", "chunks", "goodput"))
COSTS = ("cost.total", "cost.per_1k_requests", "cost.per_1m_output_tokens")
_QUALITY = "quality.WORKLOAD.METRIC"
METRICS = (*LATENCIES, *SHARES, *RATES, *COSTS)

# Of these only more is better; of all others but a quality, only less.
_MORE_IS_BETTER = ("goodput", *RATES)
_STATISTICS = "mean, max, or a percentile such as p50, p99 or p99.9"
_SELECTORS = ("stage", "workload")

_METRIC = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORD = re.compile(r"[^\s<>={},]+")
_PERCENTILE = re.compile(r"p([0-9]+(?:\.[0-9]+)?)")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_UNIT = re.compile(r"[A-Za-zµ%/$]+")
# Histograms end here: a quantile beyond is not seen, and a limit beyond would pass whatever the run.
_LONGEST_S = 86_400


class SloError(ValueError):
    """An expression that can't be read. Its text has the expression and a caret below the character."""

    def __init__(self, text: str, at: int, what: str) -> None:
        super().__init__(f"{what}\n    {text}\n    {' ' * at}^")
        self.at = at


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective. limit: seconds for a latency, 0 to 1 for a share, else a plain number.

    stat: `mean`, `max` or `pNN` for a latency, None for the others. stage, workload: what it is restricted to; None is
    all measured stages, all workloads. abort: whether the run ends as soon as it is known to have failed. text: as it
    was written.
    """

    metric: str
    stat: str | None
    op: Operator
    limit: float
    stage: str | None = None
    workload: str | None = None
    abort: bool = False
    text: str = field(default="", compare=False)

    @property
    def kind(self) -> Kind:
        """What family its metric is of."""
        if self.metric in LATENCIES:
            return "latency"
        if self.metric in SHARES:
            return "share"
        head = self.metric.partition(".")[0]
        return "rate" if head == "throughput" else "cost" if head == "cost" else "quality"

    @property
    def quantile(self) -> float | None:
        """The quantile (0..1) of a percentile; None for any other statistic."""
        # Through the text, for 99.9 / 100 is not the double nearest to 0.999.
        return None if self.stat is None or self.stat[0] != "p" else float(f"{self.stat[1:]}e-2")

    @property
    def is_upper(self) -> bool:
        """Whether the limit is one from above."""
        return self.op in ("<", "<=")

    @property
    def is_turn_limit(self) -> bool:
        """Whether a single turn can be held against it, so that it takes part in goodput."""
        return self.metric in TURN_METRICS

    @property
    def may_end_run(self) -> bool:
        """Whether it can be known to have failed while the run lasts: gaps are known by their bins until its end, a
        rate is known at its end, and a budget ends what costs."""
        return self.kind == "share" or (self.kind == "latency" and self.metric != "itl")

    @property
    def turn_limit_ns(self) -> int:
        """The longest time of a good turn, in ns."""
        return round(self.limit * 1e9) - (self.op == "<")

    @property
    def quality(self) -> tuple[str, str]:
        """Workload and metric of a quality."""
        _, workload, metric = self.metric.split(".", 2)
        return workload, metric

    def met_by(self, value: float) -> bool:
        """Whether a value is on the good side of the limit."""
        if self.op == "<":
            return value < self.limit
        if self.op == "<=":
            return value <= self.limit
        return value > self.limit if self.op == ">" else value >= self.limit

    def __str__(self) -> str:
        """The expression in its plainest form, which reads back as the same objective."""
        chosen = [f"{key}={value}" for key in _SELECTORS if (value := getattr(self, key)) is not None]
        where = f"{{{', '.join(chosen)}}}" if chosen else ""
        stat = "" if self.stat is None else f" {self.stat}"
        limit = format_duration(self.limit) if self.kind == "latency" else repr(self.limit).removesuffix(".0")
        return f"{self.metric}{where}{stat} {self.op} {limit}"


def parse_slo(text: str) -> Slo:
    """The objective that `text` states: METRIC[{stage=NAME, workload=NAME}] [STAT] OP VALUE[UNIT].

    Raises SloError.
    """
    return _Parser(text).slo()


class _Parser:
    """Reads one expression from left to right; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._at = 0

    def slo(self) -> Slo:
        metric = self._metric()
        chosen = self._selectors(metric)
        stat = self._stat(metric)
        op = self._operator(metric)
        draft = Slo(metric, stat, op, 0.0, chosen.get("stage"), chosen.get("workload"), text=self._text)
        slo = replace(draft, limit=self._limit(draft))
        self._skip()
        if self._at < len(self._text):
            raise self._error(f"{self._text[self._at :]!r} is left over; accepted: nothing after the value")
        return slo

    def _error(self, what: str, at: int | None = None) -> SloError:
        return SloError(self._text, self._at if at is None else at, what)

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        """What comes next, if it is that; the whitespace before it is gone in any case."""
        self._skip()
        found = pattern.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[0]

    def _metric(self) -> str:
        self._skip()
        start = self._at
        name = self._take(_METRIC)
        accepted = f"accepted: {', '.join((*METRICS, _QUALITY))}"
        if name is None:
            raise self._error(f"a metric is expected; {accepted}", start)
        if name.startswith("quality."):
            if len([part for part in name.split(".", 2) if part]) != 3:
                raise self._error(f"{name!r} names no quality; accepted: {_QUALITY}", start)
        elif name not in METRICS:
            raise self._error(f"{name!r} is no metric; {accepted}{_nearest(name, METRICS)}", start)
        return name

    def _selectors(self, metric: str) -> dict[str, str]:
        self._skip()
        if not self._text.startswith("{", self._at):
            return {}
        if metric.startswith("quality."):
            raise self._error("a quality names its workload already, over all measured stages; accepted: no braces")
        self._at += 1
        chosen: dict[str, str] = {}
        while True:
            self._skip()
            start = self._at
            key = self._take(_NAME)
            if key not in _SELECTORS:
                found = "a selector is expected" if key is None else f"{key!r} is no selector"
                raise self._error(f"{found}; accepted: stage=NAME, workload=NAME", start)
            if key in chosen:
                raise self._error(f"{key} is given twice; accepted: once", start)
            if self._take(re.compile("=")) is None:
                raise self._error(f"'=' and a name are expected after {key!r}")
            name = self._take(_NAME)
            if name is None:
                raise self._error(f"the name of a {key} is expected")
            chosen[key] = name
            ended = self._take(re.compile("[,}]"))
            if ended is None:
                raise self._error("',' or '}' is expected")
            if ended == "}":
                return chosen

    def _stat(self, metric: str) -> str | None:
        self._skip()
        start = self._at
        word = self._take(_WORD)
        if metric not in LATENCIES:
            if word is not None:
                raise self._error(f"{metric} is one figure and has no statistic; accepted: <, <=, >, >=", start)
            return None
        if word is None:
            raise self._error(f"a statistic of {metric} is expected; accepted: {_STATISTICS}", start)
        percentile = _PERCENTILE.fullmatch(word)
        if percentile is not None and 0 < float(percentile[1]) < 100:
            return f"p{float(percentile[1]):.12g}"
        if word in ("mean", "max"):
            return word
        raise self._error(f"{word!r} is no statistic; accepted: {_STATISTICS}", start)

    def _operator(self, metric: str) -> Operator:
        self._skip()
        start = self._at
        op = self._take(re.compile("[<>]=?"))
        wanted = "" if metric.startswith("quality.") else ">" if metric in _MORE_IS_BETTER else "<"
        accepted = f"{wanted}, {wanted}=" if wanted else "<, <=, >, >="
        if op is None:
            raise self._error(f"a comparison is expected; accepted: {accepted}", start)
        if wanted and op[0] != wanted:
            better = "more" if wanted == ">" else "less"
            raise self._error(f"{metric} is better the {better} it is, so the limit is {accepted}", start)
        return cast("Operator", op)

    def _limit(self, slo: Slo) -> float:
        self._skip()
        start = self._at
        number = self._take(_NUMBER)
        if number is None:
            raise self._error(f"a value is expected; accepted: {_accepted(slo)}", start)
        unit = self._take(_UNIT) or ""
        try:
            value = _value(slo, number, unit)
        except ValueError as error:
            raise self._error(str(error), start) from None
        if (what := _unreachable(slo, value)) is not None:
            raise self._error(what, start)
        return value


def _accepted(slo: Slo) -> str:
    return {
        "latency": "a duration with its unit, such as 80ms or 2s",
        "share": "a percentage such as 1%, or a number from 0 to 1",
        "rate": "a number a second, such as 1000 or 1k",
        "cost": "an amount in the prices' currency, without a unit",
        "quality": "a number, or a percentage",
    }[slo.kind]


def _value(slo: Slo, number: str, unit: str) -> float:
    """The limit in the metric's unit. Raises ValueError."""
    shown, kind = f"{number}{unit}", slo.kind
    if kind == "latency":
        if not unit:
            raise ValueError(f"{shown} has no unit, and may mean seconds or milliseconds; accepted: {_accepted(slo)}")
        return parse_duration(shown)
    if kind == "rate" and unit in ("k", "M", "G"):
        return float(parse_count(shown))
    if unit == "%" and kind in ("share", "quality"):
        return float(f"{number}e-2") if "e" not in number.lower() else float(number) / 100
    if unit:
        raise ValueError(f"{shown} has the unit {unit!r}; accepted: {_accepted(slo)}")
    return float(number)


def _unreachable(slo: Slo, value: float) -> str | None:
    """Why no run could ever be shown to meet (or to miss) this limit; None where one can."""
    if not isfinite(value):
        return f"the limit is not finite; accepted: {_accepted(slo)}"
    if slo.kind == "latency" and value > _LONGEST_S:
        return f"{format_duration(value)} is longer than any time that is measured; accepted: at most 24h"
    if slo.kind == "share" and not 0 <= value <= 1:
        hint = f"; did you mean {value:g}%?" if 1 < value <= 100 else ""
        return f"a share is between 0 and 1; accepted: {_accepted(slo)}{hint}"
    if slo.metric == "error_rate" and value == 0:
        return "no number of turns shows a rate of 0: one more may fail; accepted: above 0, such as 0.1%"
    if slo.metric == "goodput" and value == 1:
        return "no number of turns shows a share of 1: one more may miss; accepted: below 100%, such as 99.9%"
    if slo.kind != "quality" and value <= 0:
        return f"{value:g} is no limit for {slo.metric}; accepted: above 0"
    return None


def _nearest(name: str, accepted: Sequence[str]) -> str:
    """`; did you mean 'x'?`, or nothing; a name without its first part (`output_tokens`) is found too."""
    ends = [known for known in accepted if known.partition(".")[2] == name]
    close = ends or get_close_matches(name.lower(), accepted, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


# p99 limits of TTFT and TPOT in ms, of MLPerf Inference's server and interactive scenarios
# (https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc).
MLPERF: dict[str, tuple[int, int]] = {
    "llama2-70b": (2000, 200),
    "llama2-70b-interactive": (450, 40),
    "llama3.1-405b": (6000, 175),
    "llama3.1-405b-interactive": (4500, 80),
    "llama3.1-8b": (2000, 100),
    "llama3.1-8b-interactive": (500, 30),
    "deepseek-r1": (2000, 80),
    "deepseek-r1-interactive": (1500, 15),
}
MLPERF_PREFIX = "mlperf-"


def mlperf_slos(name: str) -> tuple[str, str]:
    """The two expressions of one of MLPerf's limits. Raises ValueError for a name that is none of `MLPERF`."""
    if name not in MLPERF:
        raise ValueError(f"{name!r} is none of MLPerf's; accepted: {', '.join(MLPERF)}{_nearest(name, tuple(MLPERF))}")
    ttft_ms, tpot_ms = MLPERF[name]
    return f"ttft p99 <= {ttft_ms}ms", f"tpot p99 <= {tpot_ms}ms"
