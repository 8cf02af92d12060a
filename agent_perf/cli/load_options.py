"""
What ``agent-perf load`` is asked for: its options, and the load and the promise they name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_perf.errors import UsageError
from agent_perf.load import (
    Burst,
    Closed,
    Constant,
    Gamma,
    Poisson,
    Ramp,
    Shape,
    Soak,
    Spike,
    Stress,
    read_access_log,
    read_trace,
)
from agent_perf.suite import CpuMode, Scenario

_RATE_HZ: Final = 20.0
FOR_S: Final = 60.0
_SOAK_S: Final = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """
    What the command line says; None where it says nothing.

    Attributes:
        shape: ``poisson``, ``constant`` and so on.
        rate_hz: Requests per second.
        to_hz: Rate at the end of a ramp, or of the stairs.
        for_s: How long requests arrive.
        trace: File of JSON lines to replay.
        access_log: Access log to replay.
        speed: How many times as fast.
        users: With *closed* users who wait; else among how many requests are dealt.
        closed: Users wait for their answers.
        tier: How much of the real code runs.
        cpu: What CPU time is charged for; as the scenarios say if None.
        seed: Of all draws.
        within_s: What counts as a good answer.
        bucket_s: First length of the timeline's buckets.
        in_flight_max: As in load.Limits.
        rate_max_hz: As in load.Limits.
        find_knee: Search for the highest rate that keeps *targets*.
        targets: ``p95=0.15``, ``error_ratio<0.1%``.
        own_targets: Whether what the scenario and the configuration promise counts, too.
        time_budget_s: Real seconds after which no more requests are sent.
        undecided: What is no answer ends with, ``fail`` or ``pass``; None: as configured.
        reports: Folder for the result.
        form: ``text`` or ``json``.
        max_cost_usd: Dollars of model calls after which no more requests are sent; None: as
            configured.
        named: Name of a load in the configuration, for what is not said otherwise.
        url: Of a running service, which the load is put on; None: scenarios are.
        workers: Processes that send a real load; None: one.
        watch: Process whose resources are sampled meanwhile; None: who listens at *url*.
        think_s: Pause of a user of a closed, real load after each answer.
        allow_host: Hosts other than this machine that a load may be put on.
    """

    shape: str | None
    rate_hz: float | None
    to_hz: float | None
    for_s: float | None
    trace: Path | None
    access_log: Path | None
    speed: float
    users: int | None
    closed: bool
    tier: str
    cpu: str | None
    seed: int | None
    within_s: float | None
    bucket_s: float | None
    in_flight_max: int | None
    rate_max_hz: float | None
    find_knee: bool
    targets: tuple[str, ...]
    own_targets: bool
    time_budget_s: float | None
    undecided: str | None
    reports: Path | None
    form: str
    named: str | None = None
    max_cost_usd: float | None = None
    url: str | None = None
    workers: int | None = None
    watch: str | None = None
    think_s: float | None = None
    allow_host: tuple[str, ...] = ()

    @property
    def cpu_mode(self) -> CpuMode | None:
        """*cpu*; None if it is for the scenarios to say."""
        return None if self.cpu is None else CpuMode(self.cpu)


def shape_of(options: LoadOptions, scenario: Scenario | None) -> Shape | Closed:
    """
    Return the load that *options* ask for; the scenario's own if they ask for none.

    Args:
        options: The command line's.
        scenario: What it is put on; None: a running service, which has no load of its own.

    Raises:
        UsageError: If they ask for two, or for one that cannot be.
    """
    asked = [
        name
        for name, given in (
            ("--shape", options.shape is not None),
            ("--trace", options.trace is not None),
            ("--access-log", options.access_log is not None),
            ("--closed", options.closed),
        )
        if given
    ]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} are different loads; want one of them")
    own = None if scenario is None else scenario.load
    _refuse_unused(options, asked, own=own is not None)
    if options.trace is not None:
        return read_trace(options.trace, speed=options.speed)
    if options.access_log is not None:
        return read_access_log(options.access_log, speed=options.speed)
    for_s = options.for_s if options.for_s is not None else FOR_S
    if options.closed:
        return Closed(users=50 if options.users is None else options.users, for_s=for_s)
    if options.shape is None and options.rate_hz is None and own is not None:
        return own
    return _arriving(options, for_s)


def _refuse_unused(options: LoadOptions, asked: list[str], *, own: bool) -> None:
    """Refuse what the load would not heed: who gave it means something else to be measured."""
    rising = options.shape in ("ramp", "stress")
    replayed = options.trace is not None or options.access_log is not None
    as_declared = own and not asked and options.rate_hz is None
    load = asked[0] if asked else "the scenario's own load" if as_declared else "--shape poisson"
    if options.shape is not None:
        load = f"--shape {options.shape}"
    for name, given, heeded in (
        ("--rate", options.rate_hz is not None, not (replayed or options.closed)),
        ("--to", options.to_hz is not None, rising),
        ("--for", options.for_s is not None, not (replayed or as_declared)),
        ("--speed", options.speed != 1, replayed),
        ("--max-in-flight", options.in_flight_max is not None, not options.closed),
        ("--max-rate", options.rate_max_hz is not None, not options.closed),
    ):
        if given and not heeded:
            raise UsageError(f"{name} has no meaning for {load}; leave it out, or choose a shape")


def _arriving(options: LoadOptions, for_s: float) -> Shape:
    rate_hz = options.rate_hz if options.rate_hz is not None else _RATE_HZ
    last_hz = options.to_hz if options.to_hz is not None else 10 * rate_hz
    match options.shape or "poisson":
        case "constant":
            return Constant(rate_hz=rate_hz, for_s=for_s)
        case "gamma":
            return Gamma(rate_hz=rate_hz, for_s=for_s)
        case "ramp":
            return Ramp(from_hz=rate_hz, to_hz=last_hz, for_s=for_s)
        case "spike":
            return Spike(rate_hz=rate_hz, for_s=for_s, at_s=for_s / 3, spike_s=for_s / 12)
        case "burst":
            # As many requests as at that rate, ten seconds' worth at a time.
            return Burst(size=max(1, round(10 * rate_hz)), every_s=10.0, for_s=for_s)
        case "stress":
            if last_hz <= rate_hz:
                raise UsageError(f"--to {last_hz:g} from --rate {rate_hz:g}; stairs want to go up")
            step_hz = (last_hz - rate_hz) / 9
            return Stress(from_hz=rate_hz, to_hz=last_hz, step_hz=step_hz, step_s=for_s / 10)
        case "soak":
            return Soak(rate_hz=rate_hz, for_s=_SOAK_S if options.for_s is None else for_s)
    return Poisson(rate_hz=rate_hz, for_s=for_s)
