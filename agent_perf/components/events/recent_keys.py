"""
Keys seen lately: of a window in time, and of bounded number.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable

from agent_perf.errors import ConfigError


class RecentKeys:
    """
    Remembers keys for *window_s* seconds, and no more than *keys_max* of them.

    Args:
        window_s: > 0.
        keys_max: >= 1; beyond it the oldest are forgotten early.

    Example::

        if keys.add("answer-17", now_s):
            ...  # it is new
    """

    def __init__(self, *, window_s: float = 300.0, keys_max: int = 100_000) -> None:
        if not 0 < window_s < math.inf or keys_max < 1:
            raise ConfigError(
                f"window_s={window_s}, keys_max={keys_max}; want a finite window_s > 0 and "
                "keys_max >= 1"
            )
        self._window_s = window_s
        self._keys_max = keys_max
        # In the order of their seconds. A dict's first key is found in O(n) when many went
        # before it; an OrderedDict's is at hand.
        self._seen_s: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen_s)

    def add(self, key: Hashable, now_s: float) -> bool:
        """Remember *key* from *now_s* on; return whether it was not remembered yet."""
        seen_s = self._seen_s
        before_s = seen_s.get(key)
        if before_s is not None:
            if now_s < before_s + self._window_s:
                return False
            del seen_s[key]
        seen_s[key] = now_s
        # One in, at most two out: what has expired goes without a sweep.
        for _ in range(2):
            oldest = next(iter(seen_s))
            if len(seen_s) <= self._keys_max and now_s < seen_s[oldest] + self._window_s:
                break
            del seen_s[oldest]
        return True

    def forget(self, key: Hashable) -> None:
        """Take *key* for new when it comes again."""
        self._seen_s.pop(key, None)
