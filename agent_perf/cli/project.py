"""
The project a command works on: its repository, configuration and stored results.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from agent_perf.config import Config, load_config
from agent_perf.errors import RepositoryError, UsageError
from agent_perf.gate import Baselines, Policy, Waivers, make_policy
from agent_perf.history import ResultStore, machine_name
from agent_perf.measure import utc_today
from agent_perf.repository import Repository, find_repository
from agent_perf.waivers import Accepted, load_accepted

_COMMIT: Final = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """
    What every command needs.

    Attributes:
        repository: Its git work tree.
        config: Its configuration.
        store: Its stored runs.
        baselines: Its named baselines.
        policy: Its limits and targets, without waivers.
        accepted: Its waivers, and the changes it knows of.
    """

    repository: Repository
    config: Config
    store: ResultStore
    baselines: Baselines
    policy: Policy
    accepted: Accepted

    @property
    def root(self) -> Path:
        """The top folder."""
        return self.repository.root


def short_name(commit: str) -> str:
    """Return how *commit* is named to people: eight digits; ``worktree`` and others in full."""
    return commit[:8] if _COMMIT.fullmatch(commit) else commit


def open_project(start: Path, *, needs_benchmarks: bool = True) -> Project:
    """
    Return the project that *start* lies in.

    Args:
        start: A folder.
        needs_benchmarks: Whether it must have a package of them.

    Raises:
        RepositoryError: If it lies in no git repository.
        ConfigError: If its configuration, or its file of waivers, is not valid.
        UsageError: If it has no benchmark package, and needs one.
    """
    repository = find_repository(start)
    config = load_config(repository.root)
    if needs_benchmarks and not (repository.root / config.benchmarks).is_dir():
        raise UsageError(
            f"no benchmark package {config.benchmarks!r} in {repository.root}; `agent-perf "
            "init` writes one, or name another as `benchmarks` in the configuration"
        )
    return Project(
        repository=repository,
        config=config,
        store=ResultStore(root=repository.root / config.results, machine=machine_name()),
        baselines=Baselines(root=repository.root / config.baselines),
        policy=make_policy(config.limit_texts, config.targets),
        accepted=load_accepted(repository.root / config.waivers),
    )


def policy_today(project: Project, *, complete: bool) -> Policy:
    """
    Return the limits and targets of *project*, and what it accepts today.

    Args:
        project: The project.
        complete: Whether all of its benchmarks are measured.
    """
    waivers = Waivers(
        entries=project.accepted.waivers,
        today=utc_today(),
        complete=complete,
        source=project.config.waivers,
    )
    return replace(project.policy, waivers=waivers)


def resolve_pair(project: Project, base: str | None, head: str) -> tuple[str, str]:
    """
    Return base and head as commits; without *base*, what *head* is best compared with.

    Raises:
        RepositoryError: If one does not exist, or both are the same.
    """
    head_id = project.repository.resolve(head)
    base_id = (
        project.repository.default_base(head_id)
        if base is None
        else project.repository.resolve(base)
    )
    if base_id == head_id:
        raise RepositoryError(f"base and head are both {short_name(head_id)}; name two commits")
    return base_id, head_id
