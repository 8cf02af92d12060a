"""
What a scenario declares to go wrong: one function for each kind.

Times are virtual, and counted from the begin of what is measured: the warm-up is spared.
"""

from __future__ import annotations

from typing import TypedDict, Unpack

from agent_perf.errors import ConfigError
from agent_perf.sim.faults.fault import Fault, FaultKind


class When(TypedDict, total=False):
    """
    When a fault is on, and what it is called; the keys are attributes of Fault.
    """

    at_s: float
    for_s: float | None
    every_s: float | None
    name: str


class Which(When, total=False):
    """Likewise, and which operations it strikes."""

    operation: str
    detail: str


def outage(service: str, **when: Unpack[When]) -> Fault:
    """
    Return: *service* is down. Its connections break, and connects are refused.

    Example::

        @scenario("shop.search", faults=(outage("redis", at_s=10, for_s=5),))
    """
    return Fault(kind=FaultKind.OUTAGE, service=service, **when)


def slow(
    service: str,
    *,
    factor: float = 1.0,
    added_s: float = 0.0,
    probability: float = 1.0,
    **which: Unpack[Which],
) -> Fault:
    """
    Return: *service* takes *factor* times as long for an operation, and *added_s* more.

    Raises:
        ConfigError: If that changes nothing.
    """
    if factor == 1 and added_s == 0:
        raise ConfigError(f"slow({service!r}, factor=1, added_s=0) changes nothing; give either")
    return Fault(
        kind=FaultKind.SLOW,
        service=service,
        factor=factor,
        added_s=added_s,
        probability=probability,
        **which,
    )


def errors(
    service: str,
    *,
    ratio: float = 1.0,
    status: int = 503,
    message: str = "",
    retry_after_s: float | None = None,
    **which: Unpack[Which],
) -> Fault:
    """
    Return: *service* answers a share *ratio* of its requests with an error.

    It does so in its own protocol: an HTTP host says *status*, Redis and the database say
    *message*.
    """
    return Fault(
        kind=FaultKind.ERRORS,
        service=service,
        probability=ratio,
        status=status,
        message=message or f"simulated failure of {service}",
        retry_after_s=retry_after_s,
        **which,
    )


def reset(service: str, *, probability: float = 1.0, **which: Unpack[Which]) -> Fault:
    """
    Return: connections to *service* are reset, all at the begin, then by some operations.
    """
    return Fault(kind=FaultKind.RESET, service=service, probability=probability, **which)


def hang(service: str, *, probability: float = 1.0, **which: Unpack[Which]) -> Fault:
    """
    Return: *service* takes a request and is silent, to the window's end or the client's.

    A stalled stream is ``hang("llm", operation="llm.token")``.
    """
    return Fault(kind=FaultKind.HANG, service=service, probability=probability, **which)


def partition(place: str, other: str, **when: Unpack[When]) -> Fault:
    """
    Return: what *place* and *other* send each other arrives only when the window ends.

    Args:
        place: ``app``, a worker, or a host that calls others.
        other: A service, as in Fault; the order of the two does not matter.
        when: As in Fault.
    """
    if place == other:
        raise ConfigError(f"partition({place!r}, {other!r}); want two places")
    if not other:
        raise ConfigError(f"partition({place!r}, ''); want a second place")
    return Fault(kind=FaultKind.PARTITION, service=place, other=other, **when)


def crash(
    worker: str,
    *,
    at_s: float,
    back_after_s: float,
    every_s: float | None = None,
    name: str = "",
) -> Fault:
    """
    Return: *worker* dies at *at_s*, and is started again *back_after_s* > 0 later.

    With *every_s* it does so again and again; while it is down, it does not die.
    """
    return Fault(
        kind=FaultKind.CRASH,
        service=worker,
        at_s=at_s,
        for_s=back_after_s,
        every_s=every_s,
        name=name,
    )


def drop_first(service: str, count: int, **which: Unpack[Which]) -> Fault:
    """Return: the connection is reset under each of the first *count* >= 1 operations."""
    if type(count) is not int or count < 1:
        raise ConfigError(f"drop_first({service!r}, {count}); want 1 or more")
    return Fault(kind=FaultKind.DROP_FIRST, service=service, first=count, **which)
