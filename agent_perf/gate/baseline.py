"""
Named baselines: runs kept in a file, which nothing changes unless it is told to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_perf import codec
from agent_perf.codec import BaselineFile
from agent_perf.errors import StoreError, UsageError

_NAME: Final = re.compile(r"[a-z0-9_-][a-z0-9._-]{0,99}")
_SUFFIX: Final = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """
    The baselines of a project: ``<root>/<name>.json``.

    Attributes:
        root: Their folder, made when first written to; meant to be committed.
    """

    root: Path

    def names(self) -> tuple[str, ...]:
        """Return the names of all baselines, in alphabetical order."""
        found = (path.name.removesuffix(_SUFFIX) for path in self.root.glob(f"*{_SUFFIX}"))
        return tuple(sorted(name for name in found if _NAME.fullmatch(name)))

    def load(self, name: str) -> BaselineFile:
        """
        Return baseline *name*.

        Raises:
            UsageError: If there is none of that name, or it is no name.
            StoreError: If its file cannot be read, is cut, or holds another baseline.
        """
        path = self._path(name)
        if not path.is_file():
            known = ", ".join(self.names()) or "none"
            raise UsageError(
                f"no baseline {name!r} in {self.root} (known: {known}); "
                f"make it with `agent-perf baseline create {name}`"
            )
        baseline = codec.load_baseline(codec.read_file(path), str(path))
        if baseline.name != name:
            raise StoreError(
                f"{path} holds baseline {baseline.name!r}; it was renamed by hand: "
                f"rename it back, and use `agent-perf baseline promote {baseline.name} {name}`"
            )
        return baseline

    def save(self, baseline: BaselineFile, *, replace: bool) -> Path:
        """
        Keep *baseline* whole or not at all, and return its file.

        Args:
            baseline: With its name.
            replace: Whether one of that name may be overwritten.

        Raises:
            UsageError: If the name is taken and *replace* is false, or it is no name.
            StoreError: If it cannot be written.
        """
        self.check_free(baseline.name, replace=replace)
        path = self._path(baseline.name)
        codec.write_atomic(path, codec.dump_baseline(baseline))
        return path

    def promote(self, source: str, name: str, *, replace: bool) -> Path:
        """
        Keep baseline *source* as *name* too, and return the new file.

        Raises:
            UsageError: If there is no *source*, or *name* is taken and *replace* is false.
            StoreError: If one cannot be read, or the other not be written.
        """
        self.check_free(name, replace=replace)
        return self.save(_renamed(self.load(source), name), replace=replace)

    def check_free(self, name: str, *, replace: bool) -> None:
        """
        Return if *name* may be written: before a long measurement rather than after.

        Raises:
            UsageError: If it is taken and *replace* is false, or it is no name.
        """
        path = self._path(name)
        if path.exists() and not replace:
            raise UsageError(
                f"there is a baseline {name!r} already ({path}); give it another name, "
                "or say --replace to overwrite it"
            )

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"baseline name {name!r}; want at most 100 of a-z, 0-9, '.', '_' and '-', "
                "not beginning with '.'"
            )
        return self.root / f"{name}{_SUFFIX}"


def _renamed(baseline: BaselineFile, name: str) -> BaselineFile:
    return BaselineFile(name=name, commit=baseline.commit, runs=baseline.runs)
