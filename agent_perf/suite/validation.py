"""
Asks a scenario named questions, one after the other, and sees how each ends.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from agent_perf.errors import UsageError
from agent_perf.load import SETTLE_S, Ask
from agent_perf.load.data import Case
from agent_perf.measure import Recorder, Recording
from agent_perf.records import Tier
from agent_perf.sim import SimLoop, running_request
from agent_perf.suite.building import kept_running
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.error_cases import ErrorCase
from agent_perf.suite.pace import run_in_time
from agent_perf.suite.runner import opened

R = TypeVar("R")

_FIRST: Final = "How do refunds work?"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """
    How one case ended.

    Attributes:
        case: What was asked.
        path: How it was answered, in the scenario's word; empty if it failed.
        error: Category that it failed with; empty if it was answered.
        latency_ns: From the question to the end.
        concerned: False if the scenario does not use what the case breaks.
    """

    case: Case
    path: str
    error: str
    latency_ns: int
    concerned: bool = True

    @property
    def passed(self) -> bool:
        """Whether it ended as it should, or has nothing to say of the scenario."""
        return not self.concerned or self.error == self.case.expect

    def describe(self) -> str:
        """Return in one line how it ended, and what was wanted if that is something else."""
        if not self.concerned:
            return f"{self.case.name}: nothing of the scenario's is concerned: passed over"
        ended = f"failed with {self.error}" if self.error else f"answered ({self.path or 'ok'})"
        wanted = f"want {self.case.expect}" if self.case.expect else "want an answer"
        verdict = "ok" if self.passed else f"NOT OK, {wanted}"
        return f"{self.case.name}: {ended}: {verdict}"


def run_cases(
    scenario: Scenario, cases: Sequence[Case], *, tier: Tier = Tier.CLIENT
) -> tuple[CaseResult, ...]:
    """
    Return how each of *cases* ends: the scenario's request gets its text as ``ask.text``.

    A scenario of one function that takes no `ask` asks whatever it asks: plain cases do not
    concern it. They share one world and follow each other, each by a user of its own, so that none
    finds another's state by its user. An ErrorCase has a world of its own, with its own
    faults and script, in which a first question was answered before.

    Args:
        scenario: Whose request is made; its load, users and think time do not count.
        cases: At least one, with different names.
        tier: How much of the real code runs.

    Raises:
        UsageError: If there is no case, or two have one name.
        BrokenError: If the scenario itself raised.
    """
    names = [case.name for case in cases]
    if not names or len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UsageError(f"{len(names)} cases, more than once {twice}; want one or more, once each")
    plain = [case for case in cases if not isinstance(case, ErrorCase)]
    found = dict(zip(plain, _ask_together(scenario, plain, tier), strict=True)) if plain else {}
    return tuple(
        _ask_alone(scenario, case, tier) if isinstance(case, ErrorCase) else found[case]
        for case in cases
    )


def _ask_together(scenario: Scenario, cases: Sequence[Case], tier: Tier) -> tuple[CaseResult, ...]:
    if not _listens(scenario):
        return tuple(
            CaseResult(case=case, path="", error="", latency_ns=0, concerned=False)
            for case in cases
        )

    async def main(loop: SimLoop) -> tuple[CaseResult, ...]:
        recorder = _recorder(loop)
        async with opened(loop, ((scenario, 1),), recorder, tier=tier) as (_, desk):
            # The faults of the scenario begin, if it has any.
            desk.ledger.restart()
            for number, case in enumerate(cases):
                ask = Ask(request_id=number, user=number, index=0, text=case.text)
                await desk.serve_at(ask, loop.now_ns)
        recording = recorder.finish()
        return tuple(_result(case, recording, number) for number, case in enumerate(cases))

    return _in_time(scenario, tier, main)


def _listens(scenario: Scenario) -> bool:
    """Return whether the scenario's request can know what it is to ask."""
    function: Any = inspect.unwrap(scenario.build)
    return (
        not inspect.iscoroutinefunction(function) or "ask" in inspect.signature(function).parameters
    )


def _ask_alone(scenario: Scenario, case: ErrorCase, tier: Tier) -> CaseResult:
    struck = replace(scenario, faults=case.faults, checks=())

    async def main(loop: SimLoop) -> CaseResult:
        recorder = _recorder(loop)
        async with opened(loop, ((struck, 1),), recorder, tier=tier) as (world, desk):
            # Opens connections, which then break; of another user, so that nothing is kept.
            first = Ask(request_id=1, user=1, index=-1, text=_FIRST)
            await desk.serve_at(first, loop.now_ns)
            await asyncio.sleep(SETTLE_S)
            if case.turns:
                world.llm.script(*case.turns)
            desk.ledger.restart()
            ask = Ask(request_id=0, user=0, index=0, text=case.text)
            await desk.serve_at(ask, loop.now_ns)
        recording = recorder.finish()
        concerned = recording.counts.get("faults" if case.faults else "llm_calls", 0) > 0
        return replace(_result(case, recording, 0), concerned=concerned)

    return _in_time(struck, tier, main)


def _in_time(
    scenario: Scenario, tier: Tier, main: Callable[[SimLoop], Coroutine[Any, Any, R]]
) -> R:
    with kept_running(scenario.name):
        return run_in_time(
            main,
            tier=tier,
            whose=scenario.name,
            seed=scenario.seed,
            limit_s=scenario.virtual_limit_s,
            executor=scenario.executor,
        )


def _recorder(loop: SimLoop) -> Recorder:
    return Recorder(lambda: loop.now_ns, lambda: running_request().request_id)


def _result(case: Case, recording: Recording, number: int) -> CaseResult:
    return CaseResult(
        case=case,
        path=recording.path[number],
        error=recording.errors.get(number, ""),
        latency_ns=recording.latency_ns[number],
    )
