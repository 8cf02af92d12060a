"""
Makes an experiment: asks, checks the steady state, breaks, and looks how all is afterwards.
"""

from __future__ import annotations

import asyncio
import math
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from agent_perf.config import NamedRequest
from agent_perf.errors import ConfigError
from agent_perf.live.asking import Asker
from agent_perf.live.chaos.drive import Driver
from agent_perf.live.chaos.early_end import EarlyEnd
from agent_perf.live.chaos.injection import Injection
from agent_perf.live.chaos.judging import (
    fault_checks,
    load_checks,
    require_steady,
    steady_checks,
)
from agent_perf.live.chaos.observations import Observations
from agent_perf.live.chaos.plan import Plan
from agent_perf.live.chaos.stage import Stage, Told, build_stage
from agent_perf.live.chaos.writes import Found, Ledger, NoWrites, read_back, writes_checks
from agent_perf.live.request import ReadyRequest, ready
from agent_perf.measure import LoadRecorder, current_environment
from agent_perf.records import CheckResult, FaultWindow, LoadRun, Tier
from agent_perf.repository import WORKTREE
from agent_perf.units import NS, format_value

_BUCKETS: Final = 120


def run_experiment(
    plan: Plan,
    requests: Mapping[str, NamedRequest],
    chosen: tuple[str, ...],
    *,
    logs: Path,
    told: Told,
    early: EarlyEnd | None = None,
) -> LoadRun:
    """
    Return what became of the requests, with a check for each promise.

    Args:
        plan: The experiment.
        requests: All named requests.
        chosen: Those that are asked; empty: all but the one that reads back.
        logs: Folder for what workers print.
        told: Is told what happens, as it happens.
        early: May end it before its time: faults are lifted, answers under way awaited, and what
            was measured until then is kept.

    Raises:
        BrokenError: If a worker is not ready, or the steady state does not hold to begin with.
        ConfigError: If a request is not there, or lacks something.
        UsageError: If a port is taken, or a worker cannot be started.
    """
    early = EarlyEnd() if early is None else early
    return asyncio.run(_Experiment(plan, requests, chosen, logs, told, early).run())


class _Experiment:
    def __init__(
        self,
        plan: Plan,
        requests: Mapping[str, NamedRequest],
        chosen: tuple[str, ...],
        logs: Path,
        told: Told,
        early: EarlyEnd,
    ) -> None:
        self._plan = plan
        self._logs = logs
        self._told = told
        self._early = early
        self._ended_s = math.inf
        writes = plan.writes
        read = writes.read if writes else ""
        names = chosen or tuple(name for name in requests if name != read)
        if writes and writes.request not in names:
            names = (*names, writes.request)
        self._mix = [_ready(name, requests, f"chaos.{plan.name}") for name in names]
        if not self._mix:
            raise ConfigError(f"chaos.{plan.name} asks nothing; want a request, as [requests.chat]")
        self._read = _ready(read, requests, f"chaos.{plan.name}.writes") if read else None
        self._memory: Ledger | NoWrites = NoWrites()
        if writes:
            if bool(writes.read) == bool(writes.command):
                raise ConfigError(
                    f"chaos.{plan.name}.writes: read = {writes.read!r} and command = "
                    f"{writes.command!r}; want one of them"
                )
            write = next(one for one in self._mix if one.name == writes.request)
            run = f"ap{secrets.token_hex(4)}"
            self._memory = Ledger(writes, write, run, plan.request_count)
        self._observations = Observations(plan.rate_hz, plan.request_count)
        self._recorder = LoadRecorder(
            time.perf_counter_ns,
            lambda: -1,
            bucket_ns=max(NS // 20, round(plan.length_s / _BUCKETS * NS)),
        )
        self._windows: dict[str, tuple[float, float]] = {}
        self._active: list[Injection] = []
        self._untouched: dict[str, str] = {}

    async def run(self) -> LoadRun:
        """Return what it came to."""
        async with AsyncExitStack() as stack:
            stage = await build_stage(self._plan, stack, self._logs, self._told)
            asker = await stack.enter_async_context(
                Asker(stage.url, connections_max=self._plan.in_flight_max, keep_content=False)
            )
            driver = Driver(
                asker,
                self._mix,
                observations=self._observations,
                recorder=self._recorder,
                memory=self._memory,
                in_flight_max=self._plan.in_flight_max,
                seed=self._plan.seed,
            )
            self._early.begin()
            load = asyncio.get_running_loop().create_task(driver.run())
            whole = asyncio.get_running_loop().create_task(self._inject(driver, stage, load))
            early = asyncio.get_running_loop().create_task(self._early.wait())
            try:
                await asyncio.wait((whole, early), return_when=asyncio.FIRST_COMPLETED)
                if whole.done():
                    whole.result()
                else:
                    whole.cancel()
                    await asyncio.gather(whole, return_exceptions=True)
                    await self._cut_short(driver, stage, load)
            finally:
                for task in (whole, early, load):
                    task.cancel()
                await asyncio.gather(whole, early, load, return_exceptions=True)
            return self._result(driver, stage, await self._checks(driver, stage))

    async def _cut_short(self, driver: Driver, stage: Stage, load: asyncio.Task[None]) -> None:
        """Send no more, lift the faults, and await what is under way."""
        driver.stop()
        self._ended_s = driver.now_s()
        self._observations.cut(driver.sent_count)
        why = f"the experiment was ended after {format_value(self._ended_s, 's')}"
        for one in self._plan.injections:
            if one.until_s > self._ended_s:
                self._untouched[one.name] = why
        for one in tuple(self._active):
            await self._end(one, stage)
            self._windows[one.name] = self._windows[one.name][0], driver.now_s()
        await load

    async def _checks(self, driver: Driver, stage: Stage) -> tuple[CheckResult, ...]:
        plan, observations = self._plan, self._observations
        is_steady_told = self._ended_s >= plan.injections[0].begin_s
        return (
            *(steady_checks(plan, observations) if is_steady_told else ()),
            *fault_checks(plan, observations, self._untouched),
            *await self._read_back(stage),
            *load_checks(driver.late_count, max(1, driver.sent_count)),
        )

    async def _inject(self, driver: Driver, stage: Stage, load: asyncio.Task[None]) -> None:
        """
        Switch faults on and off at their times, until *load* is over.

        Before the first, check the steady state.
        """
        await asyncio.sleep(0)
        events = sorted(
            [(one.begin_s, 1, one) for one in self._plan.injections]
            + [(one.end_s, 2, one) for one in self._plan.injections],
            key=lambda event: event[:2],
        )
        for number, (at_s, what, one) in enumerate(events):
            await asyncio.sleep(max(0.0, at_s - driver.now_s()))
            if number == 0:
                require_steady(self._plan, self._observations, driver.first_failure)
            now_s = driver.now_s()
            if what == 1:
                self._told(f"{now_s:8.2f} s  {one.name}: {one.kind} of {one.target}")
                self._begin(one, stage)
                self._windows[one.name] = now_s, now_s
            else:
                await self._end(one, stage)
                self._windows[one.name] = self._windows[one.name][0], driver.now_s()
                self._told(f"{now_s:8.2f} s  {one.name}: over")
        # Whoever wants an end of this wants the answers that are under way all the same.
        await asyncio.shield(load)

    def _begin(self, one: Injection, stage: Stage) -> None:
        self._active.append(one)
        if one.toxic is not None:
            proxy = stage.proxies[one.target]
            if not proxy.accepted:
                self._untouched[one.name] = (
                    f"no connection has ever come through proxy {one.target}; is the service told "
                    f"to use {proxy.address}?"
                )
            proxy.add(one.toxic)
        elif one.kind == "kill":
            stage.workers[one.target].kill(one.end_s - one.begin_s)
        else:
            stage.workers[one.target].stop()

    async def _end(self, one: Injection, stage: Stage) -> None:
        if one.toxic is not None:
            await stage.proxies[one.target].remove(one.toxic)
        elif one.kind == "stop":
            stage.workers[one.target].go_on()
        self._active.remove(one)

    async def _read_back(self, stage: Stage) -> tuple[CheckResult, ...]:
        writes, ledger = self._plan.writes, self._memory
        if writes is None or isinstance(ledger, NoWrites):
            return ()
        if self._ended_s < math.inf:
            # Right after a fault the service may be away, and what is written with it.
            return writes_checks(ledger, writes, Found(times={}, problem="nothing was read back"))
        self._told("reading back what was acknowledged")
        async with Asker(stage.url, keep_content=True) as asker:
            found = await read_back(ledger, writes, asker, self._read, stage.addresses)
        return writes_checks(ledger, writes, found)

    def _result(self, driver: Driver, stage: Stage, checks: tuple[CheckResult, ...]) -> LoadRun:
        plan, recording = self._plan, self._recorder.summary()
        return LoadRun(
            scenarios={f"chaos.{plan.name}": 1},
            shape=f"constant {plan.rate_hz:g}/s for {plan.length_s:g} s",
            users=1,
            seed=plan.seed,
            tier=Tier.LIVE,
            commit=WORKTREE,
            environment=current_environment(()),
            offered=driver.sent_count,
            stopped=self._stopped(),
            good_within_ns=None,
            fault_windows=self._fault_windows(),
            states=stage.states(driver.start_s, recording.duration_ns),
            checks=checks,
            first_failure=driver.first_failure,
            duration_ns=recording.duration_ns,
            dropped=recording.dropped,
            good=recording.good,
            errors=recording.errors,
            latency=recording.latency,
            paths=recording.paths,
            counts=recording.counts,
            operations=recording.operations,
            timeline=recording.timeline,
            # Of a request that ran elsewhere nothing is known but how long it took.
            exemplars=(),
            trace_digest=recording.trace_digest,
            levels=recording.levels,
        )

    def _fault_windows(self) -> tuple[FaultWindow, ...]:
        return tuple(
            FaultWindow(
                name=one.name,
                service=one.target,
                kind=one.kind,
                start_ns=round(self._windows[one.name][0] * NS),
                end_ns=round(self._windows[one.name][1] * NS),
            )
            for one in self._plan.injections
            if one.name in self._windows
        )

    def _stopped(self) -> str:
        if self._ended_s == math.inf:
            return ""
        ended, length = (format_value(one, "s") for one in (self._ended_s, self._plan.length_s))
        return f"interrupted after {ended} of {length}"


def _ready(name: str, requests: Mapping[str, NamedRequest], where: str) -> ReadyRequest:
    if name not in requests:
        known = ", ".join(requests) or "none"
        raise ConfigError(f"{where}: no request {name!r}; there are {known}: [requests.{name}]")
    return ready(name, requests[name], os.environ)
