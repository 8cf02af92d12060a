"""What stays on this machine though a cluster measures, and is said to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent_perf import command, fleet
from agent_perf.cli.cluster import measure_on_cluster
from agent_perf.cli.measuring import Wish
from agent_perf.cli.progress import LineProgress
from agent_perf.cli.project import Project, open_project
from agent_perf.errors import UsageError
from agent_perf.suite import Event
from tests.shop import make_shop

SPEC = command(
    "batch.nightly", [sys.executable, "-I", "-S", "-c", "pass"], warmup=0, executions=2
).spec()


class Workers:
    """A cluster whose workers find no scenario, but a command."""

    at_once = 1
    seat_count = 1

    def measure(self, commit: str, **_: object) -> Iterator[Event]:
        yield Event(kind="found")
        yield Event(kind="commands", names=(SPEC.name,), commands=(SPEC,))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[Workers]:
        yield Workers()

    monkeypatch.setattr(fleet, "open_cluster", opened)
    return open_project(make_shop(tmp_path / "shop"))


def measure(project: Project, wish: Wish) -> list[str]:
    """Return the commands that were executed."""
    head = project.repository.resolve("HEAD")
    measured = measure_on_cluster(
        project, [head], wish, LineProgress(), cluster="dask://127.0.0.1:8786", jobs=None
    )
    return list(measured[head].commands)


def test_commands_are_executed_here_and_it_is_said(project, capsys) -> None:
    """What they take is sampled: it is compared with what this machine has stored."""
    assert ["batch.nightly"] == measure(project, Wish(commands=True))
    assert "commands were executed here, not on the cluster" in capsys.readouterr().err


def test_resources_are_refused_by_name(project) -> None:
    """They would be those of whichever worker was free."""
    with pytest.raises(UsageError, match="leave --cluster or --resources out"):
        measure(project, Wish(resources_interval_s=0.5))
