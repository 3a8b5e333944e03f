"""All that the master finds out before the load: the preflight, token sizes, prices that apply, and a forecast.

Called once a run, in a thread of the master, on event loops of its own. What can't be run within its budget is
refused here, before a prompt of the load is sent.
"""

import time

import msgspec

from loadgen.arrivals import Schedule
from loadgen.client.dialects import DIALECTS
from loadgen.engine.calibration import Calibration, run_calibration
from loadgen.engine.forecast import Forecast, forecast
from loadgen.engine.order import Learnt
from loadgen.engine.preflight import PreflightFindings, run_preflight
from loadgen.errors import UsageError
from loadgen.metrics.cost import CostBasis, cost_of
from loadgen.metrics.spending import Spending
from loadgen.prices import ModelPrices, Rates
from loadgen.scenario.model import Scenario, prices_of
from loadgen.workloads.build import build_workload
from loadgen.workloads.sizing import resize_all

_HOUR_S = 3600.0


class Ahead(msgspec.Struct, frozen=True):
    """What was found.

    rates: the lowest and the highest of the run's time. forecast and budget: None where the scenario has no budget.
    spent: what the calibration itself cost, at most.
    """

    findings: PreflightFindings
    calibration: Calibration
    prices: ModelPrices | None
    rates: tuple[Rates, Rates] | None
    forecast: Forecast | None
    budget: float | None
    spent: float
    usd_per_hour: float | None
    notes: tuple[str, ...]

    @property
    def learnt(self) -> Learnt:
        """What the workers must know of it."""
        if self.budget is None or self.rates is None:
            return Learnt(self.calibration.sizers)
        return Learnt(self.calibration.sizers, self.rates[1], self.budget - self.spent)

    @property
    def basis(self) -> CostBasis:
        """What the summary's cost is reckoned from."""
        return CostBasis(None if self.prices is None else self.prices.currency, self.usd_per_hour)

    def spending(self) -> Spending | None:
        """What holds the run to its budget, where it has one."""
        if self.budget is None:
            return None
        return Spending(self.budget, before=self.spent, usd_per_hour=self.usd_per_hour if self.prices is None else None)

    def lines(self) -> list[str]:
        """For the console, beside the preflight's own line."""
        lines = [found.line() for found in self.calibration.found]
        if self.forecast is not None and self.budget is not None:
            lines.append(self.forecast.line(self.budget))
        return lines


def look_ahead(scenario: Scenario, schedule: Schedule, base_url: str) -> Ahead:
    """Find it all out. Raises what the preflight raises; UsageError where prices or budget don't go with the run."""
    findings = run_preflight(scenario, base_url)
    prices = prices_of(scenario, findings.model)
    now_s = time.time()
    rates = None if prices is None else prices.between(now_s, now_s + schedule.total_s + scenario.load.grace_s)
    notes = []
    if prices is not None and rates is None:
        notes.append(
            f"the price list has no price for some of the time of this run: cost is unknown then ({findings.model})"
        )
    _refuse_unwatchable(scenario, findings, prices, rates)
    calibration = run_calibration(scenario, base_url, findings)
    planned = _forecast(scenario, schedule, findings, calibration, rates)
    return Ahead(
        findings=findings,
        calibration=calibration,
        prices=prices,
        rates=rates,
        forecast=planned,
        budget=None if scenario.budget is None else scenario.budget.usd,
        spent=_spent(calibration, rates),
        usd_per_hour=None if scenario.hardware is None else scenario.hardware.usd_per_hour,
        notes=tuple(notes),
    )


def _refuse_unwatchable(
    scenario: Scenario, findings: PreflightFindings, prices: ModelPrices | None, rates: tuple[Rates, Rates] | None
) -> None:
    if scenario.budget is None or prices is None:
        return
    if rates is None:
        raise UsageError(
            f"budget: the price list has no price of {findings.model!r} for all of the time of this run; "
            "add one to the list, or run without a budget (--set budget=null)"
        )
    if findings.usage is False:
        raise UsageError(
            f"budget: {findings.base_url} reports no token counts, so nobody can tell what is spent; "
            "run without a budget (--set budget=null)"
        )


def _forecast(
    scenario: Scenario,
    schedule: Schedule,
    findings: PreflightFindings,
    calibration: Calibration,
    rates: tuple[Rates, Rates] | None,
) -> Forecast | None:
    """Raises UsageError where even the least that the run can take is above the budget."""
    if scenario.budget is None:
        return None
    if rates is None:
        assert scenario.hardware is not None
        spent = scenario.hardware.usd_per_hour * schedule.total_s / _HOUR_S
        grace = scenario.hardware.usd_per_hour * scenario.load.grace_s / _HOUR_S
        planned = Forecast(None, None, None, None, spent, spent + grace)
    else:
        workloads = [build_workload(spec, seed=scenario.seed) for spec in scenario.workloads]
        resize_all(workloads, calibration.sizers)
        forced = scenario.request.force_output_tokens and DIALECTS[findings.dialect].forces_length
        planned = forecast(scenario, schedule, workloads, rates, forced=forced)
    if planned.low > scenario.budget.usd:
        raise UsageError(
            f"budget: the run does not fit: {planned.line(scenario.budget.usd)}. Shorten it (--duration, --rate), "
            f"raise the budget (--set budget.usd={planned.low:.2g} or more), or drop it (--set budget=null)"
        )
    return planned


def _spent(calibration: Calibration, rates: tuple[Rates, Rates] | None) -> float:
    if rates is None:
        return 0.0
    cost = cost_of(
        rates[1],
        sum(found.input_tokens for found in calibration.found),
        sum(found.requests for found in calibration.found),
    )
    return 0.0 if cost is None else cost.high


def look_ahead_or_error(scenario: Scenario, schedule: Schedule, base_url: str) -> Ahead | Exception:
    """`look_ahead` for gevent's threads, which print the traceback of whatever is raised in them."""
    try:
        return look_ahead(scenario, schedule, base_url)
    except Exception as error:
        return error
