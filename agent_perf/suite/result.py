"""
A run, made of what was taken down while it lasted.
"""

from __future__ import annotations

from agent_perf.measure import Recording, current_environment
from agent_perf.records import Run, Tier
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.incidents import Incidents


def run_of(
    scenario: Scenario,
    recording: Recording,
    incidents: Incidents,
    *,
    users: int,
    commit: str,
    tier: Tier,
    cpu: str,
) -> Run:
    """
    Return the run of *scenario* that *recording* and *incidents* tell of.

    Args:
        scenario: What was run.
        recording: Its requests and their work.
        incidents: What went wrong meanwhile.
        users: How many asked.
        commit: What the code under test is.
        tier: How much of the real code ran.
        cpu: Key of what CPU time was charged for.
    """
    return Run(
        scenario=scenario.name,
        users=users,
        seed=scenario.seed,
        commit=commit,
        environment=current_environment((scenario.source,), cpu=cpu),
        targets=dict(scenario.targets),
        latency_ns=recording.latency_ns,
        path=recording.path,
        errors=recording.errors,
        duration_ns=recording.duration_ns,
        counts=recording.counts,
        details=recording.details,
        operations=recording.operations,
        exemplar=recording.exemplar,
        trace_digest=recording.trace_digest,
        tier=tier,
        timeline=recording.timeline,
        levels=recording.levels,
        most=recording.most,
        fault_windows=incidents.fault_windows,
        states=incidents.states,
    )
