"""
A PostgreSQL database for one run: created, filled, and dropped, also after a run that was killed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from agent_perf.errors import BrokenError, UsageError
from agent_perf.live.services import shown_url
from agent_perf.live.world.aside import Aside
from agent_perf.live.world.sql import for_postgres, tables_made

PREFIX: Final = "agent_perf_"
_TIMEOUT_S: Final = 10.0
# A run's keeper bears its database's name, as long as it lives. What nobody bears was left behind.
_STALE: Final = """
SELECT datname FROM pg_database
WHERE datname LIKE 'agent\\_perf\\_%'
AND datname NOT IN (SELECT application_name FROM pg_stat_activity WHERE application_name <> '')
AND pg_get_userbyid(datdba) = current_user
"""
# Rows that brought their own numbers have not moved the sequence, as they would in SQLite.
_RENUMBER: Final = """
SELECT format('SELECT setval(%L, GREATEST(1, (SELECT max(%I) FROM %I)))',
    pg_get_serial_sequence(quote_ident(table_name), column_name), column_name, table_name)
FROM information_schema.columns
WHERE table_schema = 'public' AND is_identity = 'YES' AND table_name = ANY($1)
"""


class DatabaseKeeper:
    """
    Owns one database, and does what is outside of the run's time.

    Args:
        url: ``postgresql://user@host:port/database``: where to begin; the run gets its own.

    Attributes:
        url: Of the run's database.

    Raises:
        BrokenError: If nobody answers there, or lets the user in.
        UsageError: If the URL cannot be, or the user may not create databases.
    """

    def __init__(self, url: str) -> None:
        self.name = f"{PREFIX}{secrets.token_hex(6)}"
        self.url = urlunsplit(urlsplit(url)._replace(path=f"/{self.name}"))
        self._first_url = url
        self._aside = Aside()
        try:
            self._keeper: Any = self._aside.do(self._create())
        except BaseException:
            self._aside.close()
            raise
        self._filler: Any = None

    def run_script(self, script: str) -> None:
        """
        Run *script*, in SQLite's words.

        Raises:
            BrokenError: If PostgreSQL does not take it.
        """
        self._aside.do(self._fill(for_postgres(script), tables_made(script)))

    def close(self) -> None:
        """Drop the database."""
        try:
            self._aside.do(self._drop())
        finally:
            self._aside.close()

    async def _create(self) -> Any:
        shown = shown_url(self._first_url)
        try:
            # The name first, then the database: a sweeper never sees one without the other.
            keeper = await asyncpg.connect(
                self._first_url,
                timeout=_TIMEOUT_S,
                server_settings={"application_name": self.name},
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            # An address that asyncpg does not understand is whose who wrote it.
            is_odd = isinstance(error, asyncpg.ClientConfigurationError)
            raise (UsageError if is_odd else BrokenError)(
                f"PostgreSQL at {shown}: {type(error).__name__}: {error}; start one, or say where "
                "it is: --database-url postgresql://user@host:5432/postgres"
            ) from None
        try:
            for row in await keeper.fetch(_STALE):
                await keeper.execute(f'DROP DATABASE IF EXISTS "{row["datname"]}" WITH (FORCE)')
            await keeper.execute(f'CREATE DATABASE "{self.name}"')
        except asyncpg.PostgresError as error:
            await keeper.close()
            raise UsageError(
                f"PostgreSQL at {shown}: {error}; a run works in a database of its own, so name a "
                "user who may create one"
            ) from error
        return keeper

    async def _fill(self, statements: Sequence[str], tables: Sequence[str]) -> None:
        if self._filler is None:
            self._filler = await asyncpg.connect(self.url, timeout=_TIMEOUT_S)
        for statement in statements:
            try:
                await self._filler.execute(statement)
            except asyncpg.PostgresError as error:
                raise BrokenError(
                    f"world.database.prepare(): PostgreSQL does not take {statement[:200]!r}: "
                    f"{error}; write it in words that both databases know"
                ) from error
        if tables:
            for (renumber,) in await self._filler.fetch(_RENUMBER, list(tables)):
                await self._filler.execute(renumber)

    async def _drop(self) -> None:
        drop = f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)'
        try:
            if self._filler is not None and not self._filler.is_closed():
                await self._filler.close()
            if self._keeper.is_closed():
                # The server was started again meanwhile, say.
                self._keeper = await asyncpg.connect(self._first_url, timeout=_TIMEOUT_S)
            await self._keeper.execute(drop)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise BrokenError(
                f"PostgreSQL at {shown_url(self._first_url)} went away during the run: "
                f"{type(error).__name__}: {error}; the next run there drops {self.name}"
            ) from error
        finally:
            if not self._keeper.is_closed():
                await self._keeper.close()
