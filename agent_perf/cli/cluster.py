"""
``agent-perf run --cluster``: commits measured by the workers of a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent_perf.cli.measuring import Measured, Wish, measure_commits
from agent_perf.cli.progress import BarProgress, LineProgress
from agent_perf.cli.project import Project
from agent_perf.errors import UsageError


def measure_on_cluster(
    project: Project,
    commits: Sequence[str],
    wish: Wish,
    progress: LineProgress | BarProgress,
    cluster: str,
    jobs: int | None,
) -> dict[str, Measured]:
    """
    Return what measure_commits would, measured on *cluster*.

    Args:
        project: Whose commits they are; results go into its store.
        commits: Resolved.
        wish: How to measure.
        progress: Told of everything.
        cluster: As --cluster has it.
        jobs: Parts at once; None: as many as the cluster takes.

    Raises:
        UsageError: If there is no such cluster, or it cannot measure what is asked for.
        BrokenError: If it is gone before the end.
    """
    from dataclasses import replace

    from agent_perf.fleet import open_cluster, parse_cluster

    address = parse_cluster(cluster)
    if wish.resources_interval_s is not None:
        raise UsageError(
            "--resources is what processes take on one machine, and would differ from worker to "
            "worker: leave --cluster or --resources out"
        )
    with open_cluster(
        address, project.repository, commits, project.config, jobs=jobs, tell=progress.say
    ) as workers:
        progress.say(f"cluster {address}: {workers.seat_count} at once")
        measured = measure_commits(project, commits, replace(wish, elsewhere=workers), progress)
    if any(one.specs for one in measured.values()):
        progress.say("commands were executed here, not on the cluster: what they take is sampled")
    return measured
