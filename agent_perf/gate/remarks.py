"""
What is worth knowing of a run beside what it came to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent_perf.gate.lines import harmless
from agent_perf.gate.pairing import lost_paths
from agent_perf.gate.policy import Policy
from agent_perf.gate.target import missed_targets
from agent_perf.records import Breach, Run
from agent_perf.stats import PATH_REQUESTS_MIN, rare_paths


def differences(base: Run, head: Run) -> list[str]:
    """Return what is worth knowing of two runs that are compared all the same."""
    told = [
        f"{harmless(head.benchmark)}: no request takes the path {harmless(path)} any more"
        for path in lost_paths(base, head)
    ]
    told += [
        f"{harmless(head.benchmark)}: {count} of {len(head.latency_ns)} requests "
        f"{'takes' if count == 1 else 'take'} the path {harmless(path)}, too few for its median; "
        f"want {PATH_REQUESTS_MIN}"
        for path, count in rare_paths(head)
    ]
    before, after = base.environment.packages, head.environment.packages
    moved = [
        f"{name} {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    if moved:
        told.append(f"base and head ran with other packages: {', '.join(moved)}")
    return told


def old_misses(
    base: Run | None, head: Run, breaches: Sequence[Breach], policy: Policy
) -> list[str]:
    """Return a word for each missed target that the base misses as well."""
    if base is None or not breaches:
        return []
    before, _ = missed_targets(replace(base, targets=head.targets), policy)
    names = {breach.metric for breach in before}
    return [
        f"{harmless(head.benchmark)} {harmless(breach.metric)}: the base misses this target too"
        for breach in breaches
        if breach.metric in names
    ]
