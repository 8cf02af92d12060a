"""
Which statements a connection has prepared: as asyncpg's cache, and SQLAlchemy's of it.
"""

from __future__ import annotations

from typing import Final

PREPARED_MAX: Final = 100
"""Texts kept for each connection. Source: SQLAlchemy, PostgreSQL dialect, asyncpg,
"Prepared Statement Cache"; asyncpg's own, ``statement_cache_size``, has as many."""


class Prepared:
    """The statement texts that one connection has used last."""

    __slots__ = ("_texts",)

    def __init__(self) -> None:
        # In order of use, oldest first.
        self._texts: dict[str, None] = {}

    def must_prepare(self, sql: str) -> bool:
        """Take note that *sql* is executed; return whether it is prepared for that."""
        texts = self._texts
        if sql in texts:
            del texts[sql]
            texts[sql] = None
            return False
        texts[sql] = None
        if len(texts) > PREPARED_MAX:
            del texts[next(iter(texts))]
        return True
