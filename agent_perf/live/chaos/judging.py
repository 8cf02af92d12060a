"""
Whether a system bore its faults as was promised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agent_perf.errors import BrokenError
from agent_perf.live.chaos.condition import Condition, broken
from agent_perf.live.chaos.injection import Injection
from agent_perf.live.chaos.observations import Observations
from agent_perf.live.chaos.plan import Plan
from agent_perf.live.chaos.recovery import recovered_after
from agent_perf.records import CheckResult
from agent_perf.units import format_value

LATE_S: Final = 0.1
LATE_RATIO_MAX: Final = 0.05
"""Of more that leave later than that, latencies tell of us."""


def require_steady(plan: Plan, observations: Observations, first_failure: str) -> None:
    """
    Return if the steady state holds before the first fault.

    Raises:
        BrokenError: If it does not; *first_failure* is told with it, if it is not empty.
    """
    sample = observations.sample(0, observations.first_from(plan.steady_s))
    wrong = broken(plan.steady, sample)
    if not wrong:
        return
    seen = ", ".join(
        f"{one.metric} {format_value(value, one.unit)} (want {one.sign} "
        f"{format_value(one.limit, one.unit)})"
        if value < float("inf")
        else f"{one.metric}: no answer"
        for one, value in wrong
    )
    first = f"; the first failure: {first_failure}" if first_failure else ""
    raise BrokenError(
        f"chaos.{plan.name}: the steady state does not hold before any fault: {seen}{first}. "
        "An experiment on a sick system tells nothing, and none was made"
    )


def steady_checks(plan: Plan, observations: Observations) -> tuple[CheckResult, ...]:
    """Return whether the steady state holds before the first fault, a result a condition."""
    sample = observations.sample(0, observations.first_from(plan.steady_s))
    return tuple(
        _compared(f"check.steady.{one.metric}", one, one.value_of(sample), "before the first fault")
        for one in plan.steady
    )


def fault_checks(
    plan: Plan, observations: Observations, untouched: Mapping[str, str]
) -> tuple[CheckResult, ...]:
    """
    Return whether the faults were borne as promised.

    Args:
        plan: What was done.
        observations: What became of the requests.
        untouched: Name of a fault that struck nothing, to why.
    """
    return tuple(
        result
        for one in plan.injections
        for result in _of_fault(plan, one, observations, untouched.get(one.name, ""))
    )


def load_checks(late_count: int, asked_count: int) -> tuple[CheckResult, ...]:
    """Return what is to be said if too many requests left late: nothing, if they did not."""
    ratio = late_count / asked_count
    if ratio <= LATE_RATIO_MAX:
        return ()
    return (
        CheckResult(
            name="check.load.on_time",
            passed=None,
            observed=None,
            limit=LATE_RATIO_MAX,
            unit="ratio",
            text=f"{late_count:,} of {asked_count:,} requests left over {LATE_S:g} s late: this "
            "machine cannot ask so often, and what it measured is itself; want a lower rate_hz",
        ),
    )


def _of_fault(
    plan: Plan, one: Injection, observations: Observations, untouched: str
) -> Iterator[CheckResult]:
    label = one.name.replace(" ", "_")
    low, high = observations.first_from(one.begin_s), observations.first_from(one.end_s)
    for condition in one.during:
        name = f"check.during.{label}.{condition.metric}"
        if untouched or low == high:
            yield _untold(name, condition, f"{one.name}: {untouched or 'nothing was asked then'}")
        else:
            value = condition.value_of(observations.sample(low, high))
            yield _compared(name, condition, value, f"{one.name}: meanwhile")
    took_s = recovered_after(
        observations,
        plan.steady,
        end_s=one.over_s,
        until_s=one.until_s,
        window_s=plan.window_s,
    )
    passed: bool | None = took_s is not None and took_s <= one.recovery_s
    observed = took_s
    if untouched:
        passed, observed, words = None, None, untouched
    elif took_s is None:
        words = f"not well in the {format_value(one.until_s - one.over_s, 's')} after it"
    elif took_s == 0:
        words = "well again as soon as it was over"
    else:
        words = f"well again after {format_value(took_s, 's')}"
    yield CheckResult(
        name=f"check.recovery.{label}",
        passed=passed,
        observed=observed,
        limit=one.recovery_s,
        unit="s",
        text=f"{one.name}: {words}",
    )


def _compared(name: str, condition: Condition, value: float, when: str) -> CheckResult:
    # Whoever never got an answer has no latency that could be written down.
    observed = None if value == float("inf") else value
    told = "no answer" if observed is None else format_value(observed, condition.unit)
    return CheckResult(
        name=name,
        passed=condition.holds(value),
        observed=observed,
        limit=condition.limit,
        unit=condition.unit,
        text=f"{when} {condition.metric} {told}, want {condition.sign} "
        f"{format_value(condition.limit, condition.unit)}",
    )


def _untold(name: str, condition: Condition, why: str) -> CheckResult:
    return CheckResult(
        name=name,
        passed=None,
        observed=None,
        limit=condition.limit,
        unit=condition.unit,
        text=why,
    )
