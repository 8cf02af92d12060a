"""
What a scenario promises of its faults: how deep it falls, how soon it is back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from agent_perf.errors import ConfigError
from agent_perf.records import CheckResult, FaultWindow, StateChange, Timeline
from agent_perf.sim.faults import Fault
from agent_perf.stats import WindowEffect, steady_state
from agent_perf.units import NS, format_value

Kind = Literal["recovery", "goodput", "goodput_after", "opens", "closes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """
    One promise; `recovers_within` and its siblings make them.

    Attributes:
        kind: What is promised.
        fault: Name of the fault, as ``redis outage``; of its windows the worst counts.
        limit: Seconds, or for goodput a share; finite, > 0.
        breaker: The breaker's name, for its kinds.
    """

    kind: Kind
    fault: str
    limit: float
    breaker: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.limit, int | float) or not 0 < self.limit < math.inf:
            raise ConfigError(
                f"check {self.metric}: {self.limit!r}; want a finite number greater than 0"
            )
        if self.kind.startswith("goodput") and self.limit > 1:
            raise ConfigError(f"check {self.metric}: {self.limit}; want a share of at most 1")

    @property
    def metric(self) -> str:
        """What its result is called: ``check.recovery.redis_outage``."""
        names = ".".join(name.replace(" ", "_") for name in (self.breaker, self.fault) if name)
        return f"check.{self.kind}.{names}"


def recovers_within(fault: str, seconds: float) -> Check:
    """
    Promise: after each window of *fault*, goodput is back within *seconds*.

    Back is 95 % of the goodput before, over three buckets of the timeline.
    """
    return Check(kind="recovery", fault=fault, limit=seconds)


def goodput_at_least(ratio: float, *, during: str = "", after: str = "") -> Check:
    """
    Promise: in, or after, each window goodput is *ratio* of what it was before, in (0, 1].

    Raises:
        ConfigError: If not exactly one of *during* and *after* names a fault.
    """
    if bool(during) == bool(after):
        raise ConfigError(
            f"goodput_at_least({ratio}, during={during!r}, after={after!r}); want either"
        )
    return Check(kind="goodput" if during else "goodput_after", fault=during or after, limit=ratio)


def breaker_opens(name: str, *, within_s: float, of: str) -> Check:
    """Promise: the state ``breaker.NAME`` is open *within_s* after each window of *of* begins."""
    return Check(kind="opens", fault=of, limit=within_s, breaker=name)


def breaker_closes(name: str, *, within_s: float, of: str) -> Check:
    """Promise: the state ``breaker.NAME`` is closed *within_s* after each window of *of* ends."""
    return Check(kind="closes", fault=of, limit=within_s, breaker=name)


def check_checks(checks: Sequence[Check], faults: Sequence[Fault]) -> None:
    """
    Check that all of *checks* are about *faults*.

    Raises:
        ConfigError: If one is not, or is no check.
    """
    labels = [fault.label for fault in faults]
    for check in checks:
        if not isinstance(check, Check):
            raise ConfigError(f"checks hold {check!r}; want what recovers_within()... return")
        if check.fault not in labels:
            close = get_close_matches(check.fault, labels, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {labels}"
            raise ConfigError(f"{check.metric}: there is no fault {check.fault!r}; {hint}")


def judge_checks(
    checks: Sequence[Check],
    timeline: Timeline | None,
    windows: Sequence[FaultWindow],
    states: Sequence[StateChange],
    duration_ns: int,
) -> tuple[CheckResult, ...]:
    """Return whether a run keeps *checks*; the worst window of each fault decides."""
    effects = steady_state(timeline, windows).windows
    results = []
    for check in checks:
        found = [
            _judge(check, effect, states, duration_ns)
            for effect in effects
            if effect.window.name == check.fault
        ]
        worst = {False: 0, None: 1, True: 2}
        results.append(
            min(found, key=lambda result: worst[result.passed])
            if found
            else _result(check, None, None, "the run ended before the fault began")
        )
    return tuple(results)


def _judge(
    check: Check, effect: WindowEffect, states: Sequence[StateChange], duration_ns: int
) -> CheckResult:
    window = effect.window
    match check.kind:
        case "recovery":
            if effect.before_ratio is None:
                return _result(check, None, None, "nothing was asked before it")
            return _recovery(check, effect)
        case "goodput" | "goodput_after":
            ratio = effect.during_ratio if check.kind == "goodput" else effect.after_ratio
            if ratio is None:
                return _result(check, None, None, "nothing was asked before it, or then")
            words = f"{format_value(ratio, 'ratio')} of the goodput before"
            return _result(check, ratio >= check.limit, ratio, words)
        case "opens":
            at_ns = _reaches(states, check.breaker, "open", window.start_ns)
            watched_ns = duration_ns - window.start_ns
            silent = _silent(check.breaker, states)
            if at_ns is None and silent.endswith("?"):
                # Not known for sure to be closed: told of is one of another name.
                return _result(check, None, None, silent)
            return _timed(check, at_ns, watched_ns, "it was open")
        case "closes" if silent := _silent(check.breaker, states):
            return _result(check, None, None, silent)
        case "closes":
            at_ns = _reaches(states, check.breaker, "closed", window.end_ns)
            return _timed(check, at_ns, duration_ns - window.end_ns, "it was closed")


def _recovery(check: Check, effect: WindowEffect) -> CheckResult:
    took_ns, bucket_ns = effect.recovery_ns, effect.bucket_ns
    if took_ns is not None and took_ns - bucket_ns <= check.limit * NS < took_ns:
        words = (
            f"goodput was back within {format_value(took_ns / NS, 's')}, and a timeline in steps "
            f"of {format_value(bucket_ns / NS, 's')} does not tell more"
        )
        return _result(check, None, None, words)
    return _timed(check, took_ns, effect.watched_ns, "goodput was back")


def _silent(breaker: str, states: Sequence[StateChange]) -> str:
    """Return what is to be said if nobody told of *breaker*; empty if somebody did."""
    told = sorted({one.name.removeprefix("breaker.") for one in states})
    if breaker in told:
        return ""
    close = get_close_matches(breaker.removeprefix("breaker."), told, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"nobody told of breaker.{breaker}{hint}"


def _reaches(states: Sequence[StateChange], name: str, state: str, from_ns: int) -> int | None:
    """Return how long after *from_ns* the breaker is in *state*; 0 if it is then; None: never."""
    # A breaker that has told of nothing has never left its first state.
    now = "closed"
    for change in states:
        if change.name != f"breaker.{name}":
            continue
        if change.at_ns > from_ns:
            if now == state:
                break
            if change.state == state:
                return change.at_ns - from_ns
        now = change.state if change.at_ns <= from_ns else now
    return 0 if now == state else None


def _timed(check: Check, took_ns: int | None, watched_ns: int, what: str) -> CheckResult:
    if took_ns is not None:
        took_s = took_ns / NS
        return _result(
            check, took_s <= check.limit, took_s, f"{what} after {format_value(took_s, 's')}"
        )
    watched_s = watched_ns / NS
    if watched_s < check.limit:
        words = f"the run ended {format_value(max(watched_s, 0), 's')} later: too soon to tell"
        return _result(check, None, None, words)
    words = f"not in the {format_value(watched_s, 's')} until the run's end"
    return _result(check, False, watched_s, words)


def _result(check: Check, passed: bool | None, observed: float | None, text: str) -> CheckResult:
    unit = "ratio" if check.kind.startswith("goodput") else "s"
    return CheckResult(
        name=check.metric,
        passed=passed,
        observed=observed,
        limit=check.limit,
        unit=unit,
        text=f"{check.fault}: {text}",
    )
