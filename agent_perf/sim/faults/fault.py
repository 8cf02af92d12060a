"""
What may go wrong, and when, in virtual time.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from agent_perf.errors import ConfigError
from agent_perf.units import NS


class FaultKind(enum.Enum):
    """What goes wrong."""

    OUTAGE = "outage"
    SLOW = "slow"
    ERRORS = "errors"
    RESET = "reset"
    HANG = "hang"
    PARTITION = "partition"
    CRASH = "crash"
    DROP_FIRST = "drop_first"


BREAKING: Final = frozenset({FaultKind.OUTAGE, FaultKind.RESET})
"""Kinds at whose begin the open connections break."""

_TO_ALL: Final = frozenset({FaultKind.OUTAGE, FaultKind.SLOW, FaultKind.RESET, FaultKind.PARTITION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    One thing that goes wrong; `outage` and its siblings make them.

    Attributes:
        kind: What.
        service: ``redis``, ``database``, ``llm``, ``pusher``, a mounted host's name, or for
            a crash a worker's.
        other: The far side of a partition; else empty.
        operation: Pattern of the operations it strikes, as ``redis.*``; empty: those that
            the kind strikes by itself.
        detail: Pattern of their details, as ``GET``.
        probability: Share of those that it strikes, in (0, 1].
        at_s: Begin of its window, from the begin of what is measured, >= 0.
        for_s: Length of the window, > 0; None: to the end of the run.
        every_s: The window comes again after as long, >= *for_s*; None: once.
        factor: Of a slow-down, > 0.
        added_s: Added by a slow-down, >= 0.
        status: Of an HTTP reply, 400 to 599.
        message: Of an error, for people.
        retry_after_s: What an HTTP error asks the client to wait, >= 0; None: it does not say.
        first: How many operations are dropped, >= 1.
        name: What a report and a check call it; by default service and kind.
    """

    kind: FaultKind
    service: str
    other: str = ""
    operation: str = ""
    detail: str = "*"
    probability: float = 1.0
    at_s: float = 0.0
    for_s: float | None = None
    every_s: float | None = None
    factor: float = 1.0
    added_s: float = 0.0
    status: int = 503
    message: str = ""
    retry_after_s: float | None = None
    first: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        what = f"fault {self.label}"
        if not self.service:
            raise ConfigError(f"{what}: service=''; want a service's name, such as 'redis'")
        for field in ("at_s", "added_s", "retry_after_s"):
            _check(what, field, getattr(self, field), positive=False)
        for field in ("for_s", "every_s", "factor"):
            _check(what, field, getattr(self, field), positive=True)
        for field in ("at_s", "for_s", "every_s", "factor", "added_s", "retry_after_s"):
            value = getattr(self, field)
            if value is not None and not value < math.inf:
                raise ConfigError(f"{what}: {field}={value}; want a finite number")
        if not 0 < self.probability <= 1:
            raise ConfigError(f"{what}: probability={self.probability}; want a share in (0, 1]")
        if not 400 <= self.status <= 599:
            raise ConfigError(f"{what}: status={self.status}; want 400 to 599")
        self._check_window(what)

    def _check_window(self, what: str) -> None:
        if self.for_s is not None and round(self.for_s * NS) < 1:
            raise ConfigError(f"{what}: for_s={self.for_s}; want 1 ns or more")
        if self.every_s is None:
            return
        if self.for_s is None:
            raise ConfigError(f"{what}: every_s={self.every_s} without for_s; how long each time?")
        if self.every_s < self.for_s:
            raise ConfigError(
                f"{what}: every_s={self.every_s} and for_s={self.for_s}; the windows would overlap"
            )

    @property
    def label(self) -> str:
        """Its name; without one, ``redis outage``."""
        between = f"{self.service}-{self.other}" if self.other else self.service
        return self.name or f"{between} {self.kind.value}"

    @property
    def begin_ns(self) -> int:
        """Begin of its first window, from the begin of what is measured."""
        return round(self.at_s * NS)

    @property
    def length_ns(self) -> int | None:
        """Length of its windows; None: to the end."""
        return None if self.for_s is None else round(self.for_s * NS)

    @property
    def period_ns(self) -> int | None:
        """From one window's begin to the next one's; None: there is one."""
        return None if self.every_s is None else round(self.every_s * NS)

    def strikes(self, operation: str) -> bool:
        """Return whether it may strike *operation*, as ``redis.trip``."""
        if self.operation:
            return fnmatchcase(operation, self.operation)
        if self.kind in _TO_ALL:
            # Nor does a connection break once more for each chunk that it carries.
            return self.kind is FaultKind.SLOW or not operation.endswith((".token", ".chunk"))
        # A connect has no reply that could be an error, and the kernel answers it even
        # while the process behind hangs; a token is part of a reply that has begun.
        return not operation.endswith((".connect", ".token", ".chunk"))


def _check(what: str, field: str, value: float | None, *, positive: bool) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{what}: {field}={value!r}; want a number")
    # NaN compares as false, and so fails either.
    if not (value > 0 if positive else value >= 0):
        raise ConfigError(f"{what}: {field}={value}; want a number {'> 0' if positive else '>= 0'}")
