"""
Keyed draws: common random numbers for base and head.

A draw is a function of (seed, request, operation, ordinal) and of nothing else, so
that one more draw in one place moves no number elsewhere. With a generator shared by
all, one extra draw moved a P95 by 50 ms; keyed, a change that does nothing changes
nothing. Source: common random numbers, Law, *Simulation Modeling and Analysis*, 11.2.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from typing import Final

from agent_perf.errors import ConfigError
from agent_perf.sim.latency import U53, LatencyTable, default_tables
from agent_perf.sim.request import running_request

_MASK: Final = (1 << 64) - 1
# Odd constants spread the request id and the ordinal over 64 bits before they are mixed.
# Along either the draws are a SplitMix64 sequence, whose quality that mixing was made for.
_REQUEST_STEP: Final = 0x9E3779B97F4A7C15
_ORDINAL_STEP: Final = 0xD1B54A32D192ED03
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB
_LANE: Final = 128


class Draws:
    """
    All randomness of one simulation.

    Args:
        seed: Any integer; equal seeds draw equal numbers.
        tables: Operation to its latency table; added to, and overriding, the defaults.
    """

    def __init__(self, seed: int, tables: Mapping[str, LatencyTable] | None = None) -> None:
        self.seed = seed
        self.tables = {**default_tables(), **(tables or {})}
        self._origins = _Origins(_mix(seed & _MASK))

    def u53(self, operation: str) -> int:
        """Return the running request's next draw for *operation*, uniform on [0, U53)."""
        state = running_request()
        ordinals = state.ordinals
        ordinal = ordinals.get(operation, 0)
        ordinals[operation] = ordinal + 1
        point = self._origins[operation] + state.request_id * _REQUEST_STEP
        # As in _mix, whose call would cost a tenth more.
        value = (point + ordinal * _ORDINAL_STEP) & _MASK
        value = ((value ^ (value >> 30)) * _FIRST) & _MASK
        value = ((value ^ (value >> 27)) * _SECOND) & _MASK
        return (value ^ (value >> 31)) >> 11

    def u53_for(self, operation: str, request_id: int) -> int:
        """Return the first draw of request *request_id* for *operation*, without taking it."""
        return _mix((self._origins[operation] + request_id * _REQUEST_STEP) & _MASK) >> 11

    def ns(self, operation: str, table: str | None = None) -> int:
        """
        Return the running request's next latency of *operation* in ns.

        Args:
            operation: What is drawn for; the key.
            table: Name of the latency table; *operation* if not given.

        Raises:
            ConfigError: If there is no such table.
        """
        return self._table(table or operation).at(self.u53(operation))

    def ns_of_runs(self, operation: str, counts: Sequence[int]) -> list[int]:
        """
        Return for each of *counts* the sum in ns of as many next latencies of *operation*.

        The same numbers as `ns` gives one by one, for a fifth of what they cost there: a
        streamed answer draws one for each of its tokens.

        Raises:
            ConfigError: If there is no such table.
        """
        state = running_request()
        ends = list(accumulate(counts))
        ordinal = state.ordinals.get(operation, 0)
        point = self._origins[operation] + state.request_id * _REQUEST_STEP
        latencies_ns = self._table(operation).at_each(
            _sequence(point + ordinal * _ORDINAL_STEP, ends[-1] if ends else 0)
        )
        state.ordinals[operation] = ordinal + len(latencies_ns)
        until_ns = [0, *accumulate(latencies_ns)]
        return [
            until_ns[end] - until_ns[end - count] for end, count in zip(ends, counts, strict=True)
        ]

    def ns_for(self, operation: str, request_id: int, table: str) -> int:
        """
        Return the first draw from *table* of request *request_id* for *operation*, untaken.

        Raises:
            ConfigError: If there is no such table.
        """
        return self._table(table).at(self.u53_for(operation, request_id))

    def integer(self, operation: str, low: int, high: int) -> int:
        """Return the next draw for *operation*, uniform on *low* to *high*, both included."""
        return low + self.u53(operation) * (high - low + 1) // U53

    def chance(self, operation: str, ratio: float) -> bool:
        """Return True for a share *ratio* in [0, 1] of the draws for *operation*."""
        return self.u53(operation) < ratio * U53

    def _table(self, name: str) -> LatencyTable:
        try:
            return self.tables[name]
        except KeyError:
            raise ConfigError(
                f"no latency table {name!r}; there are {sorted(self.tables)}"
            ) from None


class _Origins(dict[str, int]):
    """Operation to where its draws begin, for one seed."""

    def __init__(self, key: int) -> None:
        super().__init__()
        self._key = key

    def __missing__(self, name: str) -> int:
        name_key = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")
        origin = self[name] = (name_key + self._key) & _MASK
        return origin


@lru_cache(maxsize=1024)
def _lanes(count: int) -> tuple[int, int, int]:
    """Return *count* lanes of 128 bits, with 1, the steps and 64 set bits in each."""
    ones = sum(1 << (_LANE * index) for index in range(count))
    steps = sum((index * _ORDINAL_STEP & _MASK) << (_LANE * index) for index in range(count))
    return ones, steps, ones * _MASK


def _sequence(point: int, count: int) -> list[int]:
    """Return *count* draws of one operation, the first of them at *point*."""
    # All at once, in the lanes of one long integer: a product of 64 bits with 64 stays within
    # its lane, and what a shift brings in from the next one is masked. A fifth of the time.
    ones, steps, mask = _lanes(count)
    value = ((point & _MASK) * ones + steps) & mask
    # As in _mix.
    value = (((value ^ (value >> 30)) & mask) * _FIRST) & mask
    value = (((value ^ (value >> 27)) & mask) * _SECOND) & mask
    value ^= value >> 31
    words = memoryview(value.to_bytes(_LANE // 8 * count, sys.byteorder)).cast("Q")
    # The lower word of each lane; the highest lane comes first where the highest byte does.
    lower = words[::2] if sys.byteorder == "little" else words[::-2]
    return [word >> 11 for word in lower.tolist()]


def _mix(value: int) -> int:
    """Finalizer of SplitMix64: Steele, Lea & Flood, OOPSLA 2014, figure 16."""
    value = ((value ^ (value >> 30)) * _FIRST) & _MASK
    value = ((value ^ (value >> 27)) * _SECOND) & _MASK
    return value ^ (value >> 31)
