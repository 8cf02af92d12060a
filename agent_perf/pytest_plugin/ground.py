"""
What a project says of its tests' runs: limits, targets, waivers, and what they compare with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent_perf.config import Config, load_config
from agent_perf.errors import RepositoryError, UsageError
from agent_perf.gate import Baselines, Policy, Waivers, make_policy
from agent_perf.history import ResultStore, machine_name
from agent_perf.measure import utc_today
from agent_perf.records import Run
from agent_perf.repository import Repository, find_repository
from agent_perf.waivers import load_accepted

_BASELINE = "baseline:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """
    What the runs of a test session are judged on.

    Attributes:
        root: The project's top folder.
        config: Its configuration.
        policy: Its limits and targets, and what it accepts today.
        repository: Its git work tree; None if it is in none.
        base_label: What runs are compared with, a commit or ``baseline:NAME``; empty: with
            nothing, and only targets are judged.
        base: Its runs, in any order.
    """

    root: Path
    config: Config
    policy: Policy
    repository: Repository | None = None
    base_label: str = ""
    base: tuple[Run, ...] = ()
    _by_name: dict[str, list[Run]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for run in self.base:
            self._by_name.setdefault(run.benchmark, []).append(run)

    @property
    def path(self) -> tuple[Path, ...]:
        """The folders that the project's own code is imported from."""
        sources = (self.root / name for name in self.config.source)
        return tuple(dict.fromkeys((self.root, *(place for place in sources if place.is_dir()))))

    @property
    def baselines(self) -> Baselines:
        """The project's named baselines."""
        return Baselines(root=self.root / self.config.baselines)

    def base_of(self, head: Run) -> Run | None:
        """Return the run that *head* is compared with: one of the same environment if there is."""
        found = self._by_name.get(head.benchmark, [])
        alike = [run for run in found if run.environment.comparable_with(head.environment)]
        return next(iter(alike or found), None)

    def with_targets(self, targets: Mapping[str, Mapping[str, float]]) -> Policy:
        """Return the policy with *targets*, benchmark to metric to value, over its own."""
        own = self.policy.targets
        merged = {name: {**own.get(name, {}), **table} for name, table in targets.items()}
        return replace(self.policy, targets={**own, **merged})


def find_ground(start: Path, compare: str = "") -> Ground:
    """
    Return what runs in the project around *start* are judged on.

    Args:
        start: A folder; the project is the git work tree around it, or the folder itself.
        compare: A ref whose runs are stored, or ``baseline:NAME``; empty: nothing.

    Raises:
        ConfigError: If the project's configuration or file of waivers is not valid.
        UsageError: If there is nothing of what *compare* names.
        StoreError: If a stored file cannot be read.
    """
    repository: Repository | None
    try:
        repository = find_repository(start)
    except RepositoryError:
        if compare and not compare.startswith(_BASELINE):
            raise
        repository = None
    root = start if repository is None else repository.root
    config = load_config(root)
    waivers = Waivers(
        entries=load_accepted(root / config.waivers).waivers,
        today=utc_today(),
        complete=False,
        source=config.waivers,
    )
    policy = replace(make_policy(config.limit_texts, config.targets), waivers=waivers)
    ground = Ground(root=root, config=config, policy=policy, repository=repository)
    if not compare:
        return ground
    if compare.startswith(_BASELINE):
        runs = ground.baselines.load(compare.removeprefix(_BASELINE)).runs
        return replace(ground, base_label=compare, base=runs)
    assert repository is not None
    return _with_commit(ground, repository, compare)


def _with_commit(ground: Ground, repository: Repository, ref: str) -> Ground:
    commit = repository.resolve(ref)
    store = ResultStore(root=ground.root / ground.config.results, machine=machine_name())
    runs = tuple(store.load(commit).runs.values())
    if not runs:
        raise UsageError(
            f"nothing is stored of {ref} ({commit[:8]}); measure it with `agent-perf run {ref}`, "
            "or keep what tests measure with `pytest --agent-perf-save=NAME` and compare with "
            "baseline:NAME"
        )
    return replace(ground, base_label=commit, base=runs)
