"""
Runs scenarios under a shape of load, for as long as it takes, in bounded memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing

from agent_perf.errors import UsageError
from agent_perf.load import (
    NO_LIMITS,
    Closed,
    Course,
    Limits,
    Shape,
    drive_for,
    drive_open,
    warm_up,
)
from agent_perf.measure import LoadRecorder, LoadRecording, current_environment
from agent_perf.records import LoadRun, Tier
from agent_perf.repository import WORKTREE
from agent_perf.scrubbing import harmless
from agent_perf.sim import CpuCharging, CpuCosts, CpuMode, ExecutorPolicy, SimLoop, running_request
from agent_perf.sim.cpu import REQUESTS
from agent_perf.suite.building import kept_running
from agent_perf.suite.checks import judge_checks
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.incidents import Incidents, stuck_explained
from agent_perf.suite.pace import cpu_at, run_in_time
from agent_perf.suite.runner import FAULT_BUCKET_NS, bucket_ns_of, opened
from agent_perf.suite.watch import Watch, charging_of
from agent_perf.units import NS, format_value

USERS = 50

_TIMELINE_COUNTS = frozenset({"db_statements", "http_requests", "llm_calls", "redis_trips"})


def run_load(  # noqa: PLR0913 (each is optional, and named where it is given)
    scenarios: Scenario | Sequence[tuple[Scenario, int]],
    shape: Shape | Closed,
    *,
    users: int = USERS,
    tier: Tier = Tier.CLIENT,
    seed: int | None = None,
    limits: Limits = NO_LIMITS,
    good_within_s: float | None = None,
    bucket_s: float | None = None,
    cpu: CpuMode | None = None,
    costs: CpuCosts | None = None,
    targets: Mapping[str, float] | None = None,
    course: Course | None = None,
    max_cost_usd: float | None = None,
) -> LoadRun:
    """
    Return what *scenarios* come to under *shape*.

    Requests that fail are results, even if all of them do.

    Args:
        scenarios: One, or several in one world, each with its weight >= 1.
        shape: When requests arrive; or users in a closed loop.
        users: Among how many requests are dealt, >= 1; a closed loop says it itself.
        tier: How much of the real code runs.
        seed: Of all draws; the first scenario's if None.
        limits: What the load keeps within.
        good_within_s: Longest latency of a good answer; None: any answer is good.
        bucket_s: First length of the timeline's buckets; a sixtieth of the load if None.
        cpu: What CPU time is charged for; None: as the scenarios say, which must agree.
        costs: How much; None: as the project's file says.
        targets: Metric to the worst value allowed; None: none are judged.
        course: Told how far it is; may end it early. What was measured until then is kept.
        max_cost_usd: Dollars of model calls after which no more requests are sent; those under
            way are awaited. None: no limit.

    Raises:
        BrokenError: If a scenario itself raised.
        UsageError: If a number is out of range, or the scenarios do not agree.
    """
    mix = ((scenarios, 1),) if isinstance(scenarios, Scenario) else tuple(scenarios)
    _check(mix, users, good_within_s, bucket_s)
    if isinstance(shape, Closed):
        users = shape.users
    offered = 0
    first_failure: Exception | None = None

    first = mix[0][0]
    seed = first.seed if seed is None else seed
    charging = charging_of(first, cpu_at(tier, _cpu_of(mix) if cpu is None else cpu), costs)
    held = Course() if course is None else course

    async def main(loop: SimLoop) -> tuple[LoadRecording, Incidents]:
        nonlocal offered, first_failure
        kind = LoadRecorder if charging.mode is CpuMode.NONE else _ChargedRecorder
        recorder = kind(
            lambda: loop.now_ns,
            lambda: running_request().request_id,
            bucket_ns=_bucket_ns(mix, shape) if bucket_s is None else round(bucket_s * NS),
            good_within_ns=None if good_within_s is None else round(good_within_s * NS),
            timeline_counts=_TIMELINE_COUNTS,
        )
        if max_cost_usd is not None:
            most_nanousd = max_cost_usd * NS
            held.is_enough = lambda: recorder.total("llm_cost_nanousd") > most_nanousd
        if isinstance(recorder, _ChargedRecorder):
            recorder.charging = charging
        charging.begin(loop.charge, lambda: loop.now_ns)
        async with opened(loop, mix, recorder, tier=tier, seed=seed, charging=charging) as (
            world,
            desk,
        ):
            await warm_up(desk, users=users, per_user=first.warmup)
            if isinstance(shape, Closed):
                offered = await drive_for(desk, shape, held)
            else:
                arrivals = shape.arrivals(world.draws)
                offered = await drive_open(desk, arrivals, users=users, limits=limits, course=held)
            if held.at_end is not None:
                held.at_end()
            first_failure = desk.first_failure
        recording = recorder.summary()
        return recording, world.incidents.told(recording.duration_ns)

    faults = tuple(fault for one, _ in mix for fault in one.faults)
    names = ", ".join(scenario.name for scenario, _ in mix)
    with closing(Watch(charging)) as watch, stuck_explained(faults), kept_running(names):
        recording, incidents = run_in_time(
            main,
            tier=tier,
            whose=names,
            seed=seed,
            # The limit is for what never ends; a load of a month ends after a month.
            limit_s=max(one.virtual_limit_s for one, _ in mix) + shape.length_s,
            executor=_executor_of(mix),
            meter=watch.meter,
        )
    return LoadRun(
        scenarios={scenario.name: weight for scenario, weight in mix},
        shape=shape.describe(),
        users=users,
        seed=seed,
        tier=tier,
        commit=WORKTREE,
        environment=current_environment(
            tuple(dict.fromkeys(scenario.source for scenario, _ in mix)), cpu=charging.key
        ),
        duration_ns=recording.duration_ns,
        offered=offered,
        dropped=recording.dropped,
        good=recording.good,
        good_within_ns=None if good_within_s is None else round(good_within_s * NS),
        errors=recording.errors,
        latency=recording.latency,
        paths=recording.paths,
        counts=recording.counts,
        operations=recording.operations,
        timeline=recording.timeline,
        levels=recording.levels,
        fault_windows=incidents.fault_windows,
        states=incidents.states,
        checks=judge_checks(
            tuple(check for scenario, _ in mix for check in scenario.checks),
            recording.timeline,
            incidents.fault_windows,
            incidents.states,
            recording.duration_ns,
        ),
        exemplars=recording.exemplars,
        trace_digest=recording.trace_digest,
        first_failure=""
        if first_failure is None
        else harmless(f"{type(first_failure).__name__}: {first_failure}"),
        targets=dict(targets or {}),
        stopped=_stopped(held, shape),
    )


def _stopped(course: Course, shape: Shape | Closed) -> str:
    if course.stopped_at_ns is None:
        return ""
    return (
        f"no more requests were sent after {format_value(course.stopped_at_ns / NS, 's')} of "
        f"{format_value(shape.length_s, 's')}"
    )


class _ChargedRecorder(LoadRecorder):
    """A load recorder that charges CPU time for what it counts, as a scenario asks for it."""

    charging: CpuCharging | None = None

    def restart(self) -> None:
        """Forget the warm-up, and charge for calls from here on."""
        super().restart()
        # The first restart is the constructor's.
        if self.charging is not None:
            self.charging.warmed_up()

    def begin(self, request_id: int, intended_ns: int) -> None:
        """Charge for a request, if costs tell what its own code takes, and open it."""
        super().begin(request_id, intended_ns)
        assert self.charging is not None
        self.charging.work(REQUESTS, 1)

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        """Charge for *amount* units of work *name*, then take note of them."""
        assert self.charging is not None
        self.charging.work(name, amount)
        super().count(name, amount, detail)


def _bucket_ns(mix: Sequence[tuple[Scenario, int]], shape: Shape | Closed) -> int:
    return FAULT_BUCKET_NS if any(one.faults for one, _ in mix) else bucket_ns_of(shape)


def _cpu_of(mix: Sequence[tuple[Scenario, int]]) -> CpuMode:
    modes = {one.name: one.cpu for one, _ in mix}
    if len(set(modes.values())) > 1:
        told = ", ".join(f"{name} {mode.value!r}" for name, mode in modes.items())
        raise UsageError(f"the scenarios charge for CPU time differently ({told}); choose by --cpu")
    return mix[0][0].cpu


def _executor_of(mix: Sequence[tuple[Scenario, int]]) -> ExecutorPolicy:
    # Who refuses threads hands none over, so that workers for the others change nothing for it.
    return "inline" if any(one.executor == "inline" for one, _ in mix) else "refuse"


def _check(
    mix: tuple[tuple[Scenario, int], ...],
    users: int,
    good_within_s: float | None,
    bucket_s: float | None,
) -> None:
    if not mix or any(type(weight) is not int or weight < 1 for _, weight in mix):
        weights = {scenario.name: weight for scenario, weight in mix}
        raise UsageError(f"scenarios with weights {weights}; want at least one, each >= 1")
    if users < 1:
        raise UsageError(f"users={users}; want at least 1")
    for name, value in (("good_within_s", good_within_s), ("bucket_s", bucket_s)):
        if value is not None and not 0.001 <= value < float("inf"):
            raise UsageError(f"{name}={value}; want at least 0.001 seconds")
