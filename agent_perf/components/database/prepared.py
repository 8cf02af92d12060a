"""
Statements that are prepared once and run many times, whichever database it is.

What costs is not the statement: it is looking for a connection, asking whether it lives,
opening a transaction to read one row, putting the session back.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

from agent_perf.components.database.connection import ConnectionStats
from agent_perf.components.database.placeholders import Template
from agent_perf.components.database.queries import QueryCell, QueryLog, QueryStats
from agent_perf.components.errors import QueryError
from agent_perf.components.health import Health
from agent_perf.errors import AgentPerfError

Kinds = tuple[type | str, ...]

_TEMPLATES_MAX: Final = 1024
_NO_VALUES: Final[Mapping[str, object]] = {}


class Record(Protocol):
    """
    A row: its columns by place and by attribute.

    A column that is called like one of the row's own methods is there by place only.
    """

    def __getitem__(self, index: int, /) -> Any: ...
    def __getattr__(self, name: str, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...


class Statement:
    """
    A statement as the database gets it.

    Attributes:
        sql: Its text, with the driver's placeholders.
        cell: Where it is counted.
        uses: How often it was run.
        prepares: On how many connections it was prepared, again included.
        columns: Of its rows, as the driver tells them, if it tells them with each.
        make_row: Makes a row of them.
    """

    __slots__ = ("cell", "columns", "make_row", "prepares", "sql", "uses")

    def __init__(self, sql: str, cell: QueryCell) -> None:
        self.sql = sql
        self.cell = cell
        self.uses = self.prepares = 0
        self.columns: object = None
        self.make_row: Callable[[tuple[Any, ...]], Any] = tuple


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementStats:
    """
    How a prepared statement was used.

    Attributes:
        uses: Executions.
        prepares: How often a connection prepared it; the fewer for its uses, the better.
    """

    uses: int = 0
    prepares: int = 0


class Variants:
    """A template, and the statements that were made of it: one for each kind of values."""

    __slots__ = ("statements", "template")

    def __init__(self, template: Template) -> None:
        self.template = template
        self.statements: dict[Kinds, Statement] = {}


class PreparedStatements(ABC):
    """
    What PostgresPool and SqlitePool have in common: statements, and what they cost.

    Args:
        slow_s: A statement that takes this long is logged, > 0.
        clock: Monotonic seconds; ``time.monotonic`` if not given.
    """

    def __init__(self, *, slow_s: float, clock: Callable[[], float] | None) -> None:
        self._queries = QueryLog(slow_s=slow_s)
        self._now_s = time.monotonic if clock is None else clock
        self._variants: dict[str, Variants] = {}

    @abstractmethod
    async def read(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> Sequence[Record]:
        """
        Return all rows of a statement that changes nothing.

        If its connection turns out to be lost, it is run once more on another.

        Args:
            sql: One statement, with ``:name`` for values.
            parameters: Name to value.

        Raises:
            QueryError: If the database refuses it, or a value is missing.
            QueryTimeoutError: If it takes too long.
            DatabaseUnavailableError: If there is no connection.
        """

    async def read_one(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> Record | None:
        """Return the first row of a statement that changes nothing, or None; as read."""
        rows = await self.read(sql, parameters)
        return rows[0] if rows else None

    @abstractmethod
    async def write(self, sql: str, parameters: Mapping[str, object] | None = None) -> int:
        """
        Run one statement as a transaction of its own; return how many rows it touched.

        It is never repeated: nobody can tell whether a lost connection lost the write.

        Raises:
            QueryError: If the database refuses it, or a value is missing.
            QueryTimeoutError: If it takes too long; it may have been done.
            ConnectionLostError: If the connection is lost; it may have been done.
            DatabaseUnavailableError: If there is no connection; it was not done.
        """

    async def health(self, *, timeout_s: float = 1.0) -> Health:
        """Return whether the database answers ``SELECT 1`` within *timeout_s*, > 0."""
        start_s, detail = self._now_s(), ""
        try:
            async with asyncio.timeout(timeout_s):
                await self.read("SELECT 1")
        except TimeoutError:
            detail = f"no answer within {timeout_s} s"
        except AgentPerfError as error:
            detail = str(error)
        return Health(is_up=not detail, latency_s=self._now_s() - start_s, detail=detail)

    def query_stats(self) -> dict[str, QueryStats]:
        """Return fingerprint to what its statements have cost, the dearest in total first."""
        return self._queries.stats()

    def statement_stats(self) -> dict[str, StatementStats]:
        """Return the statements that were prepared, the most used first."""
        found = [s for v in self._variants.values() for s in v.statements.values()]
        found.sort(key=lambda statement: -statement.uses)
        return {s.sql: StatementStats(uses=s.uses, prepares=s.prepares) for s in found}

    @abstractmethod
    def stats(self) -> ConnectionStats:
        """Return the numbers of the pool of connections."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connections; those in use when they come back."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @abstractmethod
    def _kinds(self, values: tuple[object, ...]) -> Kinds:
        """Return what *values* need a statement of their own for."""

    @abstractmethod
    def _render(self, template: Template, kinds: Kinds) -> str:
        """Return the statement for values of *kinds*."""

    def _bound(
        self, sql: str, parameters: Mapping[str, object] | None
    ) -> tuple[Statement, tuple[object, ...]]:
        """Return the statement that *sql* is for the values in *parameters*, and these."""
        variants = self._variants.get(sql) or self._variants_of(sql)
        given = _NO_VALUES if parameters is None else parameters
        try:
            values = tuple([given[name] for name in variants.template.names])
        except KeyError as error:
            raise QueryError(f"no value for {error.args[0]!r} in {sql!r}") from None
        kinds = self._kinds(values)
        statement = variants.statements.get(kinds)
        if statement is None:
            text = self._render(variants.template, kinds)
            statement = variants.statements[kinds] = Statement(text, self._queries.cell(text))
        return statement, values

    def _variants_of(self, sql: str) -> Variants:
        # A program that puts values into its statements must not fill the memory.
        if len(self._variants) >= _TEMPLATES_MAX:
            self._variants.clear()
        variants = self._variants[sql] = Variants(Template(sql))
        return variants
