"""
What one command did: asked for what, on what, and what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRun:
    """
    A run that a session measured, or found in the store.

    Attributes:
        commit: 40 hex digits, or ``worktree``, whose runs are not stored.
        benchmark: Its name.
        key: As in Run.key.
        was_stored: Whether it was there already.
    """

    commit: str
    benchmark: str
    key: str
    was_stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """
    One command line, from its start to its end.

    Attributes:
        id: Its start, and four hex digits; names sort by age.
        verb: ``run``, ``compare``, ``ci``, ``load``.
        arguments: The whole command line, without the program.
        folder: Where it was given, absolute.
        profile: Of the configuration; empty if none.
        process_id: Of the command.
        machine: As results are stored by.
        python: Version.
        version: Of agent-perf.
        checked_out: The commit at HEAD then; empty if there is none.
        is_dirty: Whether there were uncommitted changes.
        started_at: ISO 8601, UTC.
        ended_at: Likewise; None while it runs, or if it was killed.
        duration_s: Real seconds; None likewise.
        exit_code: Of the process; None likewise.
        base: What was compared with; empty if nothing was.
        head: What was judged; likewise.
        outcome: Of the gate; empty if nothing was judged.
        headline: The first line on what failed, or an error; empty if nothing did.
        runs: What it measured or found.
        packages: Library to version, of the runs.
        reports: Files that it wrote, for people first.
    """

    id: str
    verb: str
    arguments: tuple[str, ...]
    folder: str
    profile: str
    process_id: int
    machine: str
    python: str
    version: str
    checked_out: str
    is_dirty: bool
    started_at: str
    ended_at: str | None = None
    duration_s: float | None = None
    exit_code: int | None = None
    base: str = ""
    head: str = ""
    outcome: str = ""
    headline: str = ""
    runs: tuple[SessionRun, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    reports: tuple[str, ...] = ()
