"""A project with two commits, and how it is measured by a cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent_perf import codec
from agent_perf.config import Config
from agent_perf.fleet import Cluster, open_cluster, parse_cluster
from agent_perf.records import Tier
from agent_perf.repository import Repository
from agent_perf.suite import Event, lay_out, measure_tree
from tests.shop import APP, commit, make_shop, write


@dataclass(kw_only=True)
class Shop:
    """The project; *said* is what people were told."""

    root: Path
    commits: tuple[str, ...]
    config: Config = field(default_factory=Config)
    said: list[str] = field(default_factory=list)

    @property
    def repository(self) -> Repository:
        return Repository(root=self.root)

    @contextmanager
    def open(self, address: str, jobs: int | None = None) -> Iterator[Cluster]:
        place = parse_cluster(address)
        with open_cluster(
            place, self.repository, self.commits, self.config, jobs=jobs, tell=self.said.append
        ) as cluster:
            yield cluster

    def here(self, index: int, folder: Path) -> dict[str, bytes]:
        """Return what this machine comes to at commit *index*."""
        tree = lay_out(self.repository, self.commits[index], self.config, folder)
        return runs_of(list(measure_tree(tree, package="benchmarks", time_limit_s=60)))


def events_of(cluster: Cluster, commit_id: str, **changes) -> list[Event]:
    """Return all events of a commit that *cluster* measures."""
    asked = {"stored": (), "only": (), "cpu": None, "tier": Tier.CLIENT}
    return list(cluster.measure(commit_id, **{**asked, **changes}, stop=threading.Event()))


def runs_of(events: list[Event]) -> dict[str, bytes]:
    """Return the runs among *events* as they are stored."""
    return {event.run.benchmark: codec.dump_run(event.run) for event in events if event.run}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    root = make_shop(tmp_path / "shop")
    first = commit_of(root)
    write(root, "shop_app.py", APP.replace("LOOKUPS = 1", "LOOKUPS = 3"))
    return Shop(root=root, commits=(first, commit(root, "Look up three times")))


def commit_of(root: Path) -> str:
    """Return the commit that is checked out in *root*."""
    return Repository(root=root).resolve("HEAD")
