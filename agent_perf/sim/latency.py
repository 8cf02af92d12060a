"""
Latency distributions as committed tables of integer nanoseconds.

No ``exp`` and no ``log`` at run time: libm's last bits differ between machines,
and with them every percentile behind the point.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

import msgspec

from agent_perf.errors import ConfigError

U53: Final = 1 << 53
"""Draws are integers in [0, U53): what a double's mantissa holds."""

_GUIDE_SIZE: Final = 256
_GUIDE_SHIFT: Final = 53 - 8

_Segment = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyTable:
    """
    A quantile function, interpolated in integers.

    Attributes:
        name: What it is the latency of, ``redis.trip``.
        grid: Ascending cumulative probabilities times U53; first 0, last U53.
        value_ns: One latency per grid point, ascending, >= 0.
    """

    name: str
    grid: tuple[int, ...]
    value_ns: tuple[int, ...]
    _segments: tuple[_Segment, ...] = field(init=False, repr=False, compare=False)
    _guide: tuple[_Segment | None, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        grid, value_ns = self.grid, self.value_ns
        if len(grid) != len(value_ns) or len(grid) < 2 or (grid[0], grid[-1]) != (0, U53):
            raise ConfigError(
                f"latency table {self.name!r}: {len(grid)} grid points from {grid[:1]} to "
                f"{grid[-1:]}, {len(value_ns)} values; want equally many, from 0 to {U53}"
            )
        if list(grid) != sorted(set(grid)) or list(value_ns) != sorted(value_ns):
            raise ConfigError(f"latency table {self.name!r}: points must ascend")
        if value_ns[0] < 0:
            raise ConfigError(f"latency table {self.name!r}: {value_ns[0]} ns; want >= 0")
        # Begin, value there, rise and width of each, because `at` is called for every token.
        segments = tuple(
            (low, a, b - a, high - low)
            for low, high, a, b in zip(grid, grid[1:], value_ns, value_ns[1:], strict=False)
        )
        object.__setattr__(self, "_segments", segments)
        # Nearly all draws have their segment from their first bits, without a search.
        edges = [bisect_right(grid, low << _GUIDE_SHIFT) - 1 for low in range(_GUIDE_SIZE)]
        ends = [bisect_left(grid, high << _GUIDE_SHIFT) - 1 for high in range(1, _GUIDE_SIZE + 1)]
        guide = tuple(
            segments[first] if first == last else None
            for first, last in zip(edges, ends, strict=True)
        )
        object.__setattr__(self, "_guide", guide)

    def at(self, u53: int) -> int:
        """Return the latency in ns at cumulative probability *u53* / U53, 0 <= u53 < U53."""
        low, value_ns, rise_ns, width = self._guide[u53 >> _GUIDE_SHIFT] or self._found(u53)
        return value_ns + rise_ns * (u53 - low) // width

    def at_each(self, drawn: Iterable[int]) -> list[int]:
        """Return `at` of each of *drawn*."""
        guide, found = self._guide, self._found
        return [
            value_ns + rise_ns * (u53 - low) // width
            for u53 in drawn
            for low, value_ns, rise_ns, width in (guide[u53 >> _GUIDE_SHIFT] or found(u53),)
        ]

    def _found(self, u53: int) -> _Segment:
        return self._segments[bisect_right(self.grid, u53) - 1]


def constant_table(name: str, seconds: float) -> LatencyTable:
    """Return the table of a latency that is always *seconds*, finite and >= 0."""
    if not 0 <= seconds < float("inf"):
        raise ConfigError(f"latency of {name!r} is {seconds} s; want a finite number >= 0")
    value_ns = round(seconds * 1e9)
    return LatencyTable(name=name, grid=(0, U53), value_ns=(value_ns, value_ns))


@cache
def default_tables() -> Mapping[str, LatencyTable]:
    """Return the tables that ship with agent-perf, by name."""
    data = files("agent_perf.sim").joinpath("tables.json").read_bytes()
    rows: dict[str, list[int]] = msgspec.json.decode(data, type=dict[str, list[int]])
    grid = tuple(rows.pop("grid"))
    return {
        name: LatencyTable(name=name, grid=grid, value_ns=tuple(value_ns))
        for name, value_ns in rows.items()
    }


def tables_digest(tables: Mapping[str, LatencyTable]) -> str:
    """Return a hash of the tables, equal if and only if every latency is."""
    digest = sha256()
    for name in sorted(tables):
        digest.update(f"{name}:{tables[name].grid}:{tables[name].value_ns};".encode())
    return digest.hexdigest()
