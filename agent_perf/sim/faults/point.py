"""
Where faults strike: one point in front of each simulated service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from agent_perf.sim.draws import Draws
from agent_perf.sim.faults.clock import FaultClock
from agent_perf.sim.faults.fault import Fault, FaultKind
from agent_perf.sim.faults.places import Place, running_place
from agent_perf.sim.faults.windows import next_begin_ns, window_at
from agent_perf.sim.request import Witness
from agent_perf.units import NS

FOR_EVER: Final = -1
"""As a time to wait: nothing will ever come."""

_NEVER_NS: Final = 1 << 80
# A refused connect tells more than a hang, and a hang spares what comes after it the draw.
_ORDER: Final = (
    FaultKind.OUTAGE,
    FaultKind.PARTITION,
    FaultKind.HANG,
    FaultKind.DROP_FIRST,
    FaultKind.RESET,
    FaultKind.ERRORS,
    FaultKind.SLOW,
)


class InjectedError(Exception):
    """
    The service is to answer an error in its own protocol.

    Attributes:
        status: Of an HTTP reply.
        message: For people.
        retry_after_s: What the client is asked to wait; None: it is not.
    """

    def __init__(self, status: int, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after_s = retry_after_s


class PeerClosed(ConnectionResetError):
    """The far process is gone, and its kernel has closed the connection in good order."""


class FaultPoint:
    """
    What may go wrong at one named service.

    Args:
        name: The service's.
        faults: Those that name it, in the order of their declaration.
        clock: Tells what time it is for faults.
        draws: Decide whom a fault with a probability strikes, each fault by its own key.
        witness: Told of each strike: count ``faults``, detail kind and service.

    Attributes:
        name: As given.
        lost: What a connection that was cut last is to raise.
    """

    def __init__(
        self,
        name: str,
        faults: Sequence[Fault],
        *,
        clock: FaultClock,
        draws: Draws,
        witness: Witness,
    ) -> None:
        self.name = name
        self.lost: ConnectionError = PeerClosed("the connection was closed by the service")
        self._clock = clock
        self._draws = draws
        self._witness = witness
        self._faults = sorted(faults, key=lambda fault: _ORDER.index(fault.kind))
        self._slow = [fault for fault in self._faults if fault.kind is FaultKind.SLOW]
        self._partitions = [fault for fault in self._faults if fault.kind is FaultKind.PARTITION]
        self._dropped: dict[str, int] = {}
        # Before it the clock shows times at which nothing is on; it never goes back.
        self._calm_until_ns = 0
        self._open: dict[Callable[[], None], Place] = {}

    async def admit(self, operation: str, detail: str = "") -> None:
        """
        Let an operation begin, once nothing holds it any more.

        Raises:
            ConnectionRefusedError: If it is a connect, during an outage.
            ConnectionResetError: If it is another operation, during an outage or a reset.
            InjectedError: If the service is to answer with an error.
        """
        while wait_ns := self.hold_ns(operation, detail):
            await wait(wait_ns)

    def hold_ns(self, operation: str, detail: str = "") -> int:
        """
        Return how long an operation is held that begins now: 0 not at all, or FOR_EVER.

        When the time is over, ask again. Raises as `admit`.
        """
        clock = self._clock
        clock.note_activity()
        if not running_place().is_alive:
            raise PeerClosed(f"what a crashed worker sends does not reach {self.name}")
        now_ns = clock.now_ns()
        if now_ns < 0 or self._is_calm(now_ns):
            return 0
        for fault in self._faults:
            if fault.kind is FaultKind.SLOW or not self._strikes(fault, operation, detail):
                continue
            window = window_at(fault, now_ns)
            if window is None or not self._hits(fault):
                continue
            if fault.kind in (FaultKind.HANG, FaultKind.PARTITION):
                self._count(fault)
                return FOR_EVER if window[1] is None else window[1] - now_ns
            self._raise(fault, operation)
        return 0

    def blocked_ns(self, place: Place) -> int:
        """Return how long nothing passes between here and *place*: 0, or FOR_EVER."""
        now_ns = self._clock.now_ns()
        if self._is_calm(now_ns):
            return 0
        for fault in self._partitions:
            window = self._separates(fault, place) and window_at(fault, now_ns)
            if window:
                self._count(fault)
                return FOR_EVER if window[1] is None else window[1] - now_ns
        return 0

    async def unblocked(self, place: Place) -> None:
        """Wait until what is on its way between here and *place* can arrive."""
        while wait_ns := self.blocked_ns(place):
            await wait(wait_ns)

    def stretch(self, operation: str, latency_ns: int, detail: str = "") -> int:
        """Return what becomes of a latency that begins now."""
        return self.stretched(latency_ns, self.slowdowns(operation, detail))

    def slowdowns(self, operation: str, detail: str = "") -> tuple[Fault, ...]:
        """Return what slows down an operation that begins now."""
        now_ns = self._clock.now_ns()
        if self._is_calm(now_ns):
            return ()
        struck = []
        for fault in self._slow:
            if (
                self._strikes(fault, operation, detail)
                and window_at(fault, now_ns) is not None
                and self._hits(fault)
            ):
                self._count(fault)
                struck.append(fault)
        return tuple(struck)

    @staticmethod
    def stretched(latency_ns: int, slowdowns: Iterable[Fault]) -> int:
        """Return what *slowdowns* make of a latency."""
        for fault in slowdowns:
            latency_ns = int(latency_ns * fault.factor) + round(fault.added_s * NS)
        return latency_ns

    def on_cut(self, callback: Callable[[], None]) -> Callable[[], None]:
        """
        Let *callback* be called when open connections break; return what ends that.

        The connection is taken to lead from where this is called; `lost` is its error.
        """
        self._open[callback] = running_place()

        def end() -> None:
            self._open.pop(callback, None)

        return end

    def cut(self, fault: Fault) -> None:
        """Break all open connections, the oldest first, at the begin of *fault*."""
        self.lost = _lost(fault.kind, self.name)
        for callback in list(self._open):
            # One that breaks may close another.
            if callback in self._open:
                self._count(fault)
                callback()

    def cut_from(self, place: Place, fault: Fault) -> None:
        """Break the open connections from *place*, which crashed by *fault*."""
        self.lost = PeerClosed(f"{place.name} has crashed")
        for callback, origin in list(self._open.items()):
            if origin is place and callback in self._open:
                self._count(fault)
                callback()

    def _is_calm(self, now_ns: int) -> bool:
        """Return whether none of the faults is on: what is asked most, and nearly always so."""
        if now_ns < self._calm_until_ns:
            return True
        if any(window_at(fault, now_ns) is not None for fault in self._faults):
            return False
        begins = (next_begin_ns(fault, now_ns) for fault in self._faults)
        self._calm_until_ns = min((ns for ns in begins if ns is not None), default=_NEVER_NS)
        return True

    def _strikes(self, fault: Fault, operation: str, detail: str) -> bool:
        if fault.kind is FaultKind.PARTITION and not self._separates(fault, running_place()):
            return False
        # No server refuses to drop what it was told to drop.
        if fault.kind is FaultKind.ERRORS and detail == "ROLLBACK":
            return False
        return fault.strikes(operation) and fnmatchcase(detail, fault.detail)

    def _separates(self, fault: Fault, place: Place) -> bool:
        return {fault.service, fault.other} == {self.name, place.name}

    def _hits(self, fault: Fault) -> bool:
        if fault.kind is FaultKind.DROP_FIRST:
            return self._dropped.get(fault.label, 0) < fault.first
        if fault.probability == 1:
            return True
        return self._draws.chance(f"fault:{fault.label}", fault.probability)

    def _raise(self, fault: Fault, operation: str) -> None:
        self._count(fault)
        match fault.kind:
            case FaultKind.ERRORS:
                raise InjectedError(fault.status, fault.message, fault.retry_after_s)
            case FaultKind.OUTAGE if operation.endswith(".connect"):
                raise ConnectionRefusedError(111, f"Connection refused by {self.name} (simulated)")
            case FaultKind.DROP_FIRST:
                self._dropped[fault.label] = self._dropped.get(fault.label, 0) + 1
        raise _lost(fault.kind, self.name)

    def _count(self, fault: Fault) -> None:
        self._witness.count("faults", 1, f"{fault.kind.value} {self.name}")


async def wait(wait_ns: int) -> None:
    """Wait as long as `FaultPoint.hold_ns` says."""
    if wait_ns == FOR_EVER:
        await asyncio.get_running_loop().create_future()
    await asyncio.sleep(wait_ns / NS)


def _lost(kind: FaultKind, name: str) -> ConnectionError:
    if kind is FaultKind.OUTAGE:
        return PeerClosed(104, f"Connection closed by {name} (simulated)")
    return ConnectionResetError(104, f"Connection reset by {name} (simulated)")
