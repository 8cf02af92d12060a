"""
The transactions of a stubbed connection, and their isolation.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import exc

from agent_perf.sim.services.db_dialect import AUTOCOMMIT, READ_COMMITTED, SNAPSHOTS
from agent_perf.sim.services.db_session import DbSession

if TYPE_CHECKING:
    from agent_perf.sim.stubs.database_connection import StubConnection

_LEVELS: Final = SNAPSHOTS | {AUTOCOMMIT, READ_COMMITTED, "READ UNCOMMITTED"}


class StubTransaction:
    """What stands for ``AsyncTransaction``."""

    def __init__(self, connection: StubConnection) -> None:
        self._connection = connection

    @property
    def is_active(self) -> bool:
        """Whether it is open."""
        return self._connection.is_open(self)

    def __await__(self) -> Generator[Any, None, StubTransaction]:
        """Begin."""
        return self.start().__await__()

    async def start(self, is_ctxmanager: bool = False) -> Self:
        """Begin."""
        self._connection.open_transaction(self)
        return self

    async def commit(self) -> None:
        """Commit."""
        await self._connection.commit()

    async def rollback(self) -> None:
        """Roll back, if it is open."""
        if self.is_active:
            await self._connection.rollback()

    async def close(self) -> None:
        """Roll back, if it is open."""
        await self.rollback()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            if self.is_active:
                await self.commit()
        else:
            await self.rollback()


def set_level(session: DbSession, options: Mapping[str, Any]) -> None:
    """
    Let *session* have the isolation level in *options*, or the default.

    Raises:
        sqlalchemy.exc.ArgumentError: If there is no such level.
    """
    level = options.get("isolation_level") or READ_COMMITTED
    if level not in _LEVELS:
        raise exc.ArgumentError(
            f"Invalid value {level!r} for isolation_level. Valid isolation levels for 'sqlite' are "
            + ", ".join(sorted(_LEVELS))
        )
    session.autocommit = level == AUTOCOMMIT
    session.snapshots = level in SNAPSHOTS
