"""
What the demo repository's history is: its commits, and which of them are culprits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCommit:
    """
    One commit of the demo repository.

    Attributes:
        id: 40 hex digits, the same on every machine.
        subject: First line of its message; it does not give the culprits away.
        cause: Kind of the cause that the suite must name, as in records.Cause; None for
            a commit that must change no measurement.
    """

    id: str
    subject: str
    cause: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoHistory:
    """
    The demo repository as it was built.

    Attributes:
        root: Its top folder, on branch ``main``.
        commits: All of them, the oldest first.
    """

    root: Path
    commits: tuple[DemoCommit, ...]

    @property
    def culprits(self) -> tuple[DemoCommit, ...]:
        """The commits that make the backend worse, the oldest first."""
        return tuple(commit for commit in self.commits if commit.cause is not None)
