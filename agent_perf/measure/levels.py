"""
What a run holds along its time, in integers: as exact as the clock.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent_perf.records import LevelTotal


class Levels:
    """
    How many of each name are held, and were.

    Args:
        start_ns: When counting begins, on the loop's clock.
    """

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._now: dict[str, int] = {}
        self._peak: dict[str, int] = {}
        self._held_ns: dict[str, int] = {}
        self._since_ns: dict[str, int] = {}
        self._bounds: dict[str, list[int | None]] = {}

    def move(self, name: str, change: int, at_ns: int) -> None:
        """Hold *change* more of *name* from *at_ns* on; never before the last move."""
        level = self._now.get(name, 0)
        since_ns = self._since_ns.get(name, self._start_ns)
        self._held_ns[name] = self._held_ns.get(name, 0) + level * (at_ns - since_ns)
        self._since_ns[name] = at_ns
        self._now[name] = level = level + change
        self._peak[name] = max(self._peak.get(name, 0), level)

    def bound(self, name: str, most: int | None) -> None:
        """Let *most* more of *name* be held at a time: each pool has its own; None: any number."""
        self._bounds.setdefault(name, []).append(most)

    @property
    def now(self) -> Mapping[str, int]:
        """What is held at this instant, by name."""
        return self._now

    def restarted(self, at_ns: int) -> Levels:
        """Return the same levels, counted from *at_ns* on."""
        fresh = Levels(at_ns)
        for name, level in self._now.items():
            fresh.move(name, level, at_ns)
        fresh._bounds = self._bounds
        return fresh

    def totals(self, end_ns: int) -> dict[str, LevelTotal]:
        """Return what was held until *end_ns*, or the last move if that came later, by name."""
        found = {}
        for name in sorted(self._now):
            since_ns = self._since_ns[name]
            last_ns = max(end_ns, since_ns)
            found[name] = LevelTotal(
                peak=self._peak[name],
                held_ns=self._held_ns[name] + self._now[name] * (last_ns - since_ns),
                length_ns=last_ns - self._start_ns,
                most=self._most(name),
            )
        return found

    def _most(self, name: str) -> int | None:
        known = [most for most in self._bounds.get(name, ()) if most is not None]
        # One pool without a bound leaves all of them together without one.
        return sum(known) if known and len(known) == len(self._bounds[name]) else None
