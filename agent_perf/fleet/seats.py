"""
Who may measure now: the seats of the workers that are there and alike.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final

from agent_perf.errors import AgentPerfError

_TICK_S: Final = 0.25
"""How soon a request to stop is noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """
    A place for one part on one worker.

    Attributes:
        address: The worker's.
        worker: What it is called.
    """

    address: str
    worker: str


class Seats:
    """
    Seats of workers that come and go; used by many threads.

    Args:
        most: Seats that are taken at once, >= 1; None: all there are.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._names: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._taken: Counter[str] = Counter()
        self._error: AgentPerfError | None = None

    def welcome(self, address: str, worker: str, size: int) -> None:
        """A worker that runs *size* >= 1 tasks at once may have work from now on."""
        with self._changed:
            self._names[address] = worker
            self._sizes[address] = size
            self._changed.notify_all()

    def dismiss(self, address: str) -> bool:
        """A worker is gone, or of no use; return whether it was there."""
        with self._changed:
            self._taken.pop(address, None)
            return self._sizes.pop(address, None) is not None

    def fail(self, error: AgentPerfError) -> None:
        """Whoever waits for a seat, or holds one, gets *error*."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def is_there(self, seat: Seat) -> bool:
        """
        Return whether the worker of *seat* is still there.

        Raises:
            AgentPerfError: What fail was given.
        """
        with self._changed:
            self._check()
            return seat.address in self._sizes

    def count(self) -> int:
        """Return how many seats there are."""
        with self._changed:
            return sum(self._sizes.values())

    def take(self, stop: threading.Event) -> Seat | None:
        """
        Return a free seat, on the worker with the fewest taken, once there is one.

        Args:
            stop: When set, nobody waits any more: None is returned.

        Raises:
            AgentPerfError: What fail was given.
        """
        with self._changed:
            while not stop.is_set():
                self._check()
                if seat := self._free():
                    self._taken[seat.address] += 1
                    return seat
                self._changed.wait(_TICK_S)
        return None

    def give_back(self, seat: Seat) -> None:
        """Free *seat*."""
        with self._changed:
            if self._taken[seat.address] > 0:
                self._taken[seat.address] -= 1
            self._changed.notify()

    def _free(self) -> Seat | None:
        if self._most is not None and self._taken.total() >= self._most:
            return None
        free = [one for one, size in self._sizes.items() if self._taken[one] < size]
        if not free:
            return None
        address = min(free, key=lambda one: (self._taken[one] / self._sizes[one], one))
        return Seat(address=address, worker=self._names[address])

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
