"""
Asks a scenario named questions, one after the other, and sees how each ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent_perf.errors import UsageError
from agent_perf.load import Ask
from agent_perf.load.data import Case
from agent_perf.measure import Recorder
from agent_perf.records import Tier
from agent_perf.sim import SimLoop, running_request, simulate
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.runner import opened


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """
    How one case ended.

    Attributes:
        case: What was asked.
        path: How it was answered, in the scenario's word; empty if it failed.
        error: Category that it failed with; empty if it was answered.
        latency_ns: From the question to the end.
    """

    case: Case
    path: str
    error: str
    latency_ns: int

    @property
    def passed(self) -> bool:
        """Whether it ended as it should."""
        return self.error == self.case.expect

    def describe(self) -> str:
        """Return in one line how it ended, and what was wanted if that is something else."""
        ended = f"failed with {self.error}" if self.error else f"answered ({self.path or 'ok'})"
        wanted = f"want {self.case.expect}" if self.case.expect else "want an answer"
        verdict = "ok" if self.passed else f"NOT OK, {wanted}"
        return f"{self.case.name}: {ended}: {verdict}"


def run_cases(
    scenario: Scenario, cases: Sequence[Case], *, tier: Tier = Tier.CLIENT
) -> tuple[CaseResult, ...]:
    """
    Return how each of *cases* ends: the scenario's request gets its text as ``ask.text``.

    They share one world and follow each other, each by a user of its own, so that none
    finds another's state by its user. A scenario with faults shows what its errors are.

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

    async def main(loop: SimLoop) -> tuple[CaseResult, ...]:
        recorder = Recorder(lambda: loop.now_ns, lambda: running_request().request_id)
        async with opened(loop, ((scenario, 1),), recorder, tier=tier) as (_, desk):
            for number, case in enumerate(cases):
                ask = Ask(request_id=number, user=number, index=0, text=case.text)
                await desk.serve_at(ask, loop.now_ns)
        recording = recorder.finish()
        return tuple(
            CaseResult(
                case=case,
                path=recording.path[number],
                error=recording.errors.get(number, ""),
                latency_ns=recording.latency_ns[number],
            )
            for number, case in enumerate(cases)
        )

    return simulate(
        main,
        seed=scenario.seed,
        virtual_limit_s=scenario.virtual_limit_s,
        executor=scenario.executor,
    )
