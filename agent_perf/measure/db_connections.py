"""
How many connections to a database are in use: what pools and servers say of themselves.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import urlsplit

from agent_perf.errors import BrokenError, UsageError

if TYPE_CHECKING:
    import asyncpg

_TIMEOUT_S = 5.0

_ACTIVITY = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND datname = current_database()
  AND pid <> pg_backend_pid()
"""


class HasInUse(Protocol):
    """What a pool's ``stats()`` returns."""

    @property
    def in_use(self) -> int:
        """Connections with a caller."""


def pool_gauge(stats: Callable[[], HasInUse]) -> Callable[[], float]:
    """
    Return a gauge of a pool's connections in use, for the sampler's ``db_connections``.

    Args:
        stats: A pool's, as ``PostgresPool.stats``; it is called in the sampler's thread.
    """
    return lambda: float(stats().in_use)


def _is_address(url: str) -> bool:
    """Return whether *url* is one of PostgreSQL, with a port that can be if it is of one host."""
    if not url.startswith(("postgresql://", "postgres://")):
        return False
    try:
        parts = urlsplit(url)
        port = None if "," in parts.netloc else parts.port
    except ValueError:
        return False
    return port is None or port >= 0


class PostgresActivity:
    """
    Client connections to one PostgreSQL database, by ``pg_stat_activity``; our own aside.

    It counts everybody's connections to that database, idle ones too, whatever process of
    whatever machine holds them. Opened and asked in one thread: that of its first call.

    Args:
        url: ``postgresql://user@host:port/database``.

    Raises:
        UsageError: If *url* is none of PostgreSQL, or asyncpg is not installed.
    """

    def __init__(self, url: str) -> None:
        if not _is_address(url):
            # Without the user: a password may stand there.
            shown = url.rpartition("@")[2]
            raise UsageError(
                f"{shown!r} is no address of PostgreSQL; want postgresql://host:5432/name"
            )
        try:
            import asyncpg
        except ImportError:
            raise UsageError(
                "counting connections at PostgreSQL needs asyncpg; "
                "install it with `pip install 'agent-perf[postgres]'`"
            ) from None
        self._connect = asyncpg.connect
        self._url = url
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection | None = None

    def __enter__(self) -> Self:
        """Return itself; the connection is opened by the first call."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection; nobody may be calling."""
        # Whoever leaves may be in a loop of their own, and a thread runs one at a time.
        thread = threading.Thread(target=self._close)
        thread.start()
        thread.join()

    def __call__(self) -> float:
        """
        Return how many connections there are now.

        Raises:
            BrokenError: If the server cannot be reached, or does not answer in 5 s.
        """
        return float(self._runner.run(self._count()))

    def _close(self) -> None:
        if self._connection is not None:
            self._runner.run(self._hang_up(self._connection))
        self._runner.close()

    async def _hang_up(self, connection: asyncpg.Connection) -> None:
        connection.terminate()
        # Its transport closes in the loop's next turns.
        await asyncio.sleep(0)

    async def _count(self) -> int:
        import asyncpg

        try:
            async with asyncio.timeout(_TIMEOUT_S):
                if self._connection is None:
                    self._connection = await self._connect(self._url)
                count: int = await self._connection.fetchval(_ACTIVITY)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            # A time-out is an OSError, too; neither may show a password of the address.
            why = str(error) or type(error).__name__
            raise BrokenError(f"PostgreSQL does not tell its connections: {why}") from error
        return count
