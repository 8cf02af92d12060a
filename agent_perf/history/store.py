"""
Where runs are kept: one file each, by machine and commit.
"""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from glob import escape
from operator import itemgetter
from pathlib import Path
from urllib.parse import quote

from agent_perf import codec
from agent_perf.errors import StoreError
from agent_perf.records import CommandRun, Run
from agent_perf.repository import WORKTREE

_COMMANDS = "commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """
    What is stored of one commit.

    Attributes:
        runs: By Run.key.
        damaged: One message for each file that cannot be read.
    """

    runs: dict[str, Run]
    damaged: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultStore:
    """
    A folder of runs: ``<root>/<machine>/<commit>/<benchmark>-<environment>.json``, those of
    commands in a folder ``commands`` beside them.

    Attributes:
        root: The folder; made when first written to.
        machine: Name of the machine that measures.
    """

    root: Path
    machine: str

    def save(self, run: Run) -> Path:
        """
        Write *run*, so that it is there whole or not at all; return its file.

        Raises:
            StoreError: If it cannot be written, as when the disk is full.
        """
        path = self._folder(run.commit) / f"{quote(run.key, safe='@')}.json"
        codec.write_atomic(path, codec.dump_run(run))
        return path

    def load(self, commit: str) -> Shelf:
        """
        Return what is stored of *commit*; uncommitted files are never taken from the store.

        A damaged file is told, and hides none of the others.
        """
        runs: dict[str, Run] = {}
        damaged = []
        if commit != WORKTREE:
            for path in sorted(self._folder(commit).glob("*.json")):
                try:
                    run = codec.load_run(codec.read_file(path), str(path))
                except StoreError as error:
                    damaged.append(str(error))
                else:
                    runs[run.key] = run
        return Shelf(runs=runs, damaged=tuple(damaged))

    def load_like(self, commit: str, run: Run) -> Shelf:
        """
        Return the stored run of *commit* that compares with *run*, if there is one.

        Of several, which differ by the versions of libraries, the one with *run*'s is taken,
        or else the one that was stored last.
        """
        damaged = []
        found: list[tuple[bool, float, Run]] = []
        for path in self._folder(commit).glob(f"{escape(quote(run.benchmark, safe='@'))}-*.json"):
            try:
                other = codec.load_run(codec.read_file(path), str(path))
            except StoreError as error:
                damaged.append(str(error))
                continue
            same = (other.benchmark, other.seed) == (run.benchmark, run.seed)
            if same and other.environment.comparable_with(run.environment):
                alike = other.environment.packages == run.environment.packages
                found.append((alike, path.stat().st_mtime, other))
        best = [max(found, key=itemgetter(0, 1))[2]] if found else []
        return Shelf(runs={one.key: one for one in best}, damaged=tuple(damaged))

    def save_command(self, run: CommandRun) -> Path:
        """
        Write the run of a command; return its file.

        Raises:
            StoreError: If it cannot be written.
        """
        path = self._folder(run.commit) / _COMMANDS / f"{quote(run.key)}.json"
        codec.write_atomic(path, codec.dump_command_run(run))
        return path

    def load_commands(self, commit: str) -> dict[str, CommandRun]:
        """
        Return the runs of commands that are stored of *commit*, by key.

        Raises:
            StoreError: If one cannot be read; it says which.
        """
        if commit == WORKTREE:
            return {}
        paths = sorted((self._folder(commit) / _COMMANDS).glob("*.json"))
        runs = [codec.load_command_run(codec.read_file(path), str(path)) for path in paths]
        return {run.key: run for run in runs}

    def commits(self) -> tuple[str, ...]:
        """Return the commits that have stored runs, in alphabetical order."""
        folder = self.root / self.machine
        return tuple(sorted(path.name for path in folder.glob("*") if any(path.glob("*.json"))))

    def _folder(self, commit: str) -> Path:
        return self.root / self.machine / commit


def machine_name() -> str:
    """Return this machine's name, as a folder can carry it."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", platform.node()) or "machine"
