"""
Where commits are measured: on files laid out here, or elsewhere.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent_perf.cli.project import Project
from agent_perf.records import Tier
from agent_perf.suite import CpuMode, Event, Tree, lay_out


class Elsewhere(Protocol):
    """Other machines, which measure as this one would."""

    @property
    def at_once(self) -> int:
        """How many commits may be begun at once, >= 1."""
        ...

    def measure(
        self,
        commit: str,
        *,
        stored: Sequence[str],
        only: Sequence[str],
        cpu: CpuMode | None,
        tier: Tier,
        stop: threading.Event,
    ) -> Generator[Event, None, None]:
        """Yield what happens while *commit* is measured, as measure_tree does."""
        ...


@dataclass(slots=True, kw_only=True)
class Ground:
    """Where a commit is laid out once it is measured here."""

    project: Project
    commit: str
    folder: Path
    laid: Tree | None = None

    def tree(self) -> Tree:
        """Return the commit's files; the first time they are laid out."""
        if self.laid is None:
            project = self.project
            self.laid = lay_out(
                project.repository, self.commit, project.config, self.folder / "tree"
            )
        return self.laid
