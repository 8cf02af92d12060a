"""
The file of a disk cache: one SQLite database, used by one thread at a time.

Several processes may have it open: SQLite's write-ahead log lets them read while one writes.
What was committed outlives a killed process; a file that is damaged is set aside, and a new
one begun, because a cache can be filled again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from agent_perf.components.cache.forking import close_before_fork
from agent_perf.errors import ConfigError

logger = logging.getLogger(__name__)

# "apCc": says that the database is a cache of ours, and may be dropped.
_APPLICATION: Final = 0x61704363
_VERSION: Final = 1
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# Entries that one step of an eviction removes.
_EVICTION: Final = 64

# The total is kept by triggers: a sum over all entries at every write would be dear, and each
# process sees the others' writes in it.
_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE entries (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL, expires_s REAL, used INTEGER NOT NULL
);
CREATE INDEX entries_used ON entries (used);
CREATE INDEX entries_expires ON entries (expires_s) WHERE expires_s IS NOT NULL;
CREATE TABLE total (
    size_bytes INTEGER NOT NULL, entry_count INTEGER NOT NULL, tick INTEGER NOT NULL
);
INSERT INTO total VALUES (0, 0, 0);
CREATE TRIGGER entry_came AFTER INSERT ON entries BEGIN
    UPDATE total SET size_bytes = size_bytes + new.size_bytes, entry_count = entry_count + 1,
        tick = tick + 1;
END;
CREATE TRIGGER entry_changed AFTER UPDATE OF size_bytes ON entries BEGIN
    UPDATE total SET size_bytes = size_bytes + new.size_bytes - old.size_bytes, tick = tick + 1;
END;
CREATE TRIGGER entry_left AFTER DELETE ON entries BEGIN
    UPDATE total SET size_bytes = size_bytes - old.size_bytes, entry_count = entry_count - 1;
END;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
COMMIT;
"""  # noqa: S608 (two numbers of ours)

_STORE: Final = """
INSERT INTO entries VALUES (?, ?, ?, ?, ?, (SELECT tick FROM total))
ON CONFLICT (key) DO UPDATE SET value = excluded.value, checksum = excluded.checksum,
    size_bytes = excluded.size_bytes, expires_s = excluded.expires_s, used = excluded.used
"""


@dataclass(frozen=True, slots=True)
class Find:
    """Look *key* up: the answer is (bytes, expiry in seconds or None), or None."""

    key: str


@dataclass(frozen=True, slots=True)
class Store:
    """Store *data* until *expires_s*, or for ever: the answer is whether it fits."""

    key: str
    data: bytes
    expires_s: float | None


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove *key*: the answer is whether it was there."""

    key: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Remove everything."""


@dataclass(frozen=True, slots=True)
class Count:
    """Count: the answer is (entries, bytes)."""


Step: TypeAlias = Find | Store | Remove | Clear | Count
Answer: TypeAlias = "tuple[bytes, float | None] | tuple[int, int] | bool | Exception | None"


class DiskFile:
    """
    A database of keys and bytes.

    Args:
        path: Where it is, or is to be; its folder is made if need be.
        bytes_max: Bytes of keys and values held at most, >= 1.
        busy_s: Longest wait for other processes, >= 0.

    Attributes:
        evictions: Entries that made room for others, since it was opened.
        expired: Entries found expired and removed.
        damaged: Entries found whose bytes were not those that were stored: misses.
        set_aside: Times that the file was found damaged and a new one begun.
    """

    def __init__(self, path: Path, *, bytes_max: int, busy_s: float) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._busy_s = busy_s
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        # Taken twice where a damaged file is closed.
        self._turn = threading.RLock()
        close_before_fork(self)
        # Uses that are not yet written: reading would otherwise mean writing.
        self._touched: dict[str, None] = {}
        self.evictions = self.expired = self.damaged = self.set_aside = 0

    def apply(self, steps: Sequence[Step], now_s: float) -> list[Answer]:
        """
        Return the answers to *steps*, done in their order and committed together.

        An answer may be an error, of that step alone.

        Raises:
            sqlite3.Error: If the file cannot be read or written.
            OSError: If it cannot be opened.
        """
        with self._turn:
            try:
                return self._apply(steps, now_s)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._set_aside(error)
                return self._apply(steps, now_s)

    def close(self) -> None:
        """Close the file; the next step would open it again."""
        with self._turn:
            if self._connection is not None:
                connection, self._connection = self._connection, None
                connection.close()

    def hold(self) -> None:
        """Let the step under way end, close the file, and begin no other until let_go."""
        self._turn.acquire()
        self.close()

    def let_go(self) -> None:
        """Go on."""
        self._turn.release()

    def _apply(self, steps: Sequence[Step], now_s: float) -> list[Answer]:
        if self._connection is not None and not self._is_current():
            # Set aside by another process, or deleted: nobody else would see what we write.
            self.close()
        connection = self._connection or self._open()
        if all(isinstance(step, Find | Count) for step in steps):
            return [self._do(connection, step, now_s) for step in steps]
        connection.execute("BEGIN IMMEDIATE")
        try:
            answers = [self._do(connection, step, now_s) for step in steps]
            self._make_room(connection, now_s)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return answers

    def _do(self, connection: sqlite3.Connection, step: Step, now_s: float) -> Answer:
        try:
            match step:
                case Find(key):
                    return self._find(connection, key, now_s)
                case Store(key, data, expires_s):
                    return self._store(connection, key, data, expires_s)
                case Remove(key):
                    done = connection.execute("DELETE FROM entries WHERE key = ?", (key,))
                    return done.rowcount > 0
                case Clear():
                    connection.execute("DELETE FROM entries")
                    return None
                case Count():
                    row: tuple[int, int] = connection.execute(
                        "SELECT entry_count, size_bytes FROM total"
                    ).fetchone()
                    return row
        except (UnicodeEncodeError, sqlite3.DataError, sqlite3.ProgrammingError) as error:
            # A key or a value that no database takes: the others of the batch go on.
            return error

    def _find(
        self, connection: sqlite3.Connection, key: str, now_s: float
    ) -> tuple[bytes, float | None] | None:
        row = connection.execute(
            "SELECT value, checksum, expires_s FROM entries WHERE key = ?", (key,)
        ).fetchone()
        if row is None:
            return None
        data, checksum, expires_s = row
        if expires_s is not None and expires_s <= now_s:
            return None
        if not isinstance(data, bytes) or zlib.crc32(data) != checksum:
            self.damaged += 1
            logger.warning("cache: entry %r of %s is damaged; it counts as a miss", key, self._path)
            return None
        self._touched[key] = None
        if len(self._touched) > 4096:
            del self._touched[next(iter(self._touched))]
        return data, expires_s

    def _store(
        self, connection: sqlite3.Connection, key: str, data: bytes, expires_s: float | None
    ) -> bool:
        size_bytes = len(data) + len(key.encode())
        if size_bytes > self._bytes_max:
            # What the key held until now is out of date, so it goes all the same.
            connection.execute("DELETE FROM entries WHERE key = ?", (key,))
            return False
        connection.execute(_STORE, (key, data, zlib.crc32(data), size_bytes, expires_s))
        return True

    def _make_room(self, connection: sqlite3.Connection, now_s: float) -> None:
        if self._held_bytes(connection) <= self._bytes_max:
            return
        # The latest used get the latest tick, in the order of their use.
        connection.executemany(
            "UPDATE entries SET used = (SELECT tick FROM total) WHERE key = ?",
            [(key,) for key in self._touched],
        )
        self._touched.clear()
        expired = connection.execute("DELETE FROM entries WHERE expires_s <= ?", (now_s,))
        self.expired += expired.rowcount
        while self._held_bytes(connection) > self._bytes_max:
            evicted = connection.execute(
                "DELETE FROM entries WHERE rowid IN "
                "(SELECT rowid FROM entries ORDER BY used, rowid LIMIT ?)",
                (self._eviction_count(connection),),
            )
            self.evictions += evicted.rowcount

    def _eviction_count(self, connection: sqlite3.Connection) -> int:
        # No more than an eighth at once, so that large values are not all gone for one.
        row: tuple[int] = connection.execute("SELECT entry_count FROM total").fetchone()
        return max(1, min(_EVICTION, row[0] // 8))

    def _held_bytes(self, connection: sqlite3.Connection) -> int:
        row: tuple[int] = connection.execute("SELECT size_bytes FROM total").fetchone()
        return row[0]

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # One thread uses it at a time, but not the same one for ever.
        connection = sqlite3.connect(
            self._path, timeout=self._busy_s, isolation_level=None, check_same_thread=False
        )
        try:
            with _locked(self._path):
                self._inode = self._path.stat().st_ino
                # A kill of the process loses nothing so; a loss of power the last few writes.
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA journal_size_limit = 16777216")
                self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if (application, version) == (_APPLICATION, _VERSION):
            return
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables:
            raise ConfigError(
                f"{self._path} is a database, but no cache of this version; give another path"
            )
        connection.executescript(_SCHEMA)

    def _is_current(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        self.close()
        self._touched.clear()
        with _locked(self._path):
            # Another process may have done it before us: its new file is not to blame.
            if not self._is_current():
                return
            aside = self._path.with_name(f"{self._path.name}.damaged")
            for suffix in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    Path(f"{self._path}{suffix}").replace(f"{aside}{suffix}")
        self.set_aside += 1
        logger.warning("cache: %s is damaged (%s); set aside as %s", self._path, error, aside.name)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    # Extended codes hold the plain one in their low byte.
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGED


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from opening or setting aside the file meanwhile."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
