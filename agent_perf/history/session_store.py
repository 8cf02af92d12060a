"""
Where it is kept which commands were run: a folder for each.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from agent_perf import codec
from agent_perf.errors import StoreError
from agent_perf.records import Decision, DuetRun, Session

_FILE: Final = "session.json"
_DECISION: Final = "decision.json"
_DUETS: Final = "duets.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStore:
    """
    Sessions of all machines: ``<root>/<id>/session.json``, and what they came to beside it.

    Several processes may write at once: each has folders of its own.

    Attributes:
        root: The folder; made when first written to, and left out by git.
    """

    root: Path

    def save(self, session: Session) -> Path:
        """
        Write *session*, so that it is there whole or not at all; return its folder.

        Raises:
            StoreError: If it cannot be written.
        """
        ignored = self.root / ".gitignore"
        if not ignored.exists():
            codec.write_atomic(ignored, b"*\n")
        codec.write_atomic(self.root / session.id / _FILE, codec.dump_session(session))
        return self.root / session.id

    def save_evidence(self, session_id: str, decision: Decision, duets: Sequence[DuetRun]) -> None:
        """
        Keep what a session decided, and the rounds that it decided by.

        Raises:
            StoreError: If it cannot be written.
        """
        codec.write_atomic(self.root / session_id / _DECISION, codec.dump_decision(decision))
        codec.write_atomic(self.root / session_id / _DUETS, codec.dump_duets(duets))

    def all(self) -> tuple[tuple[Session, ...], tuple[str, ...]]:
        """Return all sessions, newest first, and a message for each that cannot be read."""
        found, damaged = [], []
        for name in reversed(self.names()):
            try:
                found.append(self.load(name))
            except StoreError as error:
                damaged.append(str(error))
        return tuple(found), tuple(damaged)

    def names(self) -> tuple[str, ...]:
        """Return the ids of all sessions, oldest first."""
        if not self.root.is_dir():
            return ()
        return tuple(sorted(path.parent.name for path in self.root.glob(f"*/{_FILE}")))

    def load(self, session_id: str) -> Session:
        """
        Return the session *session_id*.

        Raises:
            StoreError: If it cannot be read.
        """
        path = self.root / session_id / _FILE
        return codec.load_session(codec.read_file(path), str(path))

    def evidence(self, session_id: str) -> tuple[Decision, tuple[DuetRun, ...]] | None:
        """
        Return what the session decided, and by which rounds; None if it decided nothing.

        Raises:
            StoreError: If it cannot be read.
        """
        decision, duets = (self.root / session_id / name for name in (_DECISION, _DUETS))
        if not decision.exists():
            return None
        return (
            codec.load_decision(codec.read_file(decision), str(decision)),
            codec.load_duets(codec.read_file(duets), str(duets)),
        )

    def prune(self, kept_count: int, *, is_running: Callable[[Session], bool]) -> None:
        """
        Remove the oldest sessions beyond *kept_count* >= 0, but none that still runs.

        Raises:
            StoreError: If one cannot be removed.
        """
        names = self.names()
        for name in names[: max(0, len(names) - kept_count)]:
            try:
                running = is_running(self.load(name))
            except StoreError:
                # What cannot be read is of no use to anybody.
                running = False
            if not running:
                self._remove(name)

    def _remove(self, session_id: str) -> None:
        folder = self.root / session_id
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            # Another process is pruning, too.
            return
        except OSError as error:
            raise StoreError(f"cannot remove {folder}: {error.strerror}; remove it") from error


def new_session_id(now: datetime) -> str:
    """Return an id for a session that starts at *now*: names sort by age, and never collide."""
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}{secrets.token_hex(2)}"


def named_like(word: str, names: Iterable[str]) -> tuple[str, ...]:
    """
    Return those of *names*, oldest first, that *word* may mean.

    It is ``last``, ``last~2`` for the second before, or the beginning or end of an id.
    """
    every = list(names)
    stem, _, back = word.partition("~")
    if stem == "last" and (not back or back.isdecimal()):
        place = len(every) - 1 - int(back or 0)
        return (every[place],) if 0 <= place < len(every) else ()
    if word in every:
        return (word,)
    return tuple(name for name in every if name.startswith(word) or name.endswith(word))
