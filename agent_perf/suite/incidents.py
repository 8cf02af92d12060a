"""
What goes wrong in a world, beside its requests: faults, workers that crash, states that change.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from agent_perf.errors import SimDeadlock, UsageError
from agent_perf.load import Ledger
from agent_perf.records import FaultWindow, StateChange, Tier
from agent_perf.sim import Draws, SimLoop, Witness
from agent_perf.sim.faults import Fault, FaultKind, FaultSchedule, SimWorker

S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incidents:
    """What a run has to tell of them; the attributes are those of records.Run."""

    fault_windows: tuple[FaultWindow, ...] = ()
    states: tuple[StateChange, ...] = ()


class IncidentDesk:
    """
    Where they are started and taken down, in one world.

    Args:
        faults: What goes wrong, and when, counted from `begin`.
        loop: The world's.
        draws: Likewise.
        witness: Likewise.

    Attributes:
        schedule: Of the faults; None if nothing goes wrong.
    """

    def __init__(
        self, faults: Sequence[Fault], *, loop: SimLoop, draws: Draws, witness: Witness
    ) -> None:
        self.schedule = (
            FaultSchedule(faults, loop=loop, draws=draws, witness=witness) if faults else None
        )
        self._loop = loop
        self._witness = witness
        self._begin_ns = 0
        self._workers: dict[str, SimWorker] = {}
        self._states: list[tuple[int, str, str]] = []

    def start_worker(
        self, name: str, main: Callable[[], Awaitable[object]], *, restart_after_s: float
    ) -> None:
        """
        Start a worker; as World.worker.

        Raises:
            UsageError: If there is one of that name, or *main* is no async function.
        """
        if name in self._workers:
            raise UsageError(f"there is a worker {name!r} already; want another name")
        self._workers[name] = SimWorker(
            name,
            main,
            loop=self._loop,
            witness=self._witness,
            faults=self.schedule,
            restart_after_s=restart_after_s,
        )

    def note_state(self, name: str, state: str) -> None:
        """Take down that *name* is now *state*."""
        self._states.append((self._loop.now_ns, name, state))

    def at_risk(self, name: str, service: S, tier: Tier) -> S:
        """
        Return *service*, in which what the faults say of *name* goes wrong.

        Raises:
            UsageError: If on *tier* nothing can go wrong with it.
        """
        point = None if self.schedule is None else self.schedule.point(name)
        if point is not None:
            if not hasattr(service, "faults"):
                raise UsageError(
                    f"on tier {tier.value!r} nothing can go wrong with {name}; run these faults "
                    f"on tier {Tier.CLIENT.value!r}"
                )
            service.faults = point
        return service

    def check_names(self, hosts: Iterable[str]) -> None:
        """
        Check that the faults concern something that is there, now that all is built.

        Raises:
            ConfigError: If not.
        """
        if self.schedule is not None:
            self.schedule.check_names(hosts=hosts, workers=self._workers)

    def begin(self) -> None:
        """Take note that what is measured begins now; so do the faults."""
        self._begin_ns = self._loop.now_ns
        if self.schedule is not None:
            self.schedule.start()

    def told(self, duration_ns: int) -> Incidents:
        """
        Return what happened in *duration_ns* after `begin`.

        Raises:
            AgentPerfError: As raised by a worker.
        """
        for worker in self._workers.values():
            if worker.failure is not None:
                raise worker.failure
        return Incidents(
            fault_windows=() if self.schedule is None else self.schedule.windows(duration_ns),
            states=tuple(
                StateChange(at_ns=at_ns - self._begin_ns, name=name, state=state)
                for at_ns, name, state in self._states
                if 0 <= at_ns - self._begin_ns <= duration_ns
            ),
        )


@contextmanager
def stuck_explained(faults: Iterable[Fault]) -> Iterator[None]:
    """
    Name those of *faults* that may be why the simulation in the body cannot go on.

    Raises:
        SimDeadlock: As the body did, with that.
    """
    try:
        yield
    except SimDeadlock as error:
        silent = (FaultKind.HANG, FaultKind.PARTITION)
        endless = [one.label for one in faults if one.kind in silent and one.for_s is None]
        if not endless:
            raise
        names = ", ".join(map(repr, endless))
        raise SimDeadlock(
            f"{error}\nFaults without an end keep silent for ever ({names}), and who waits has no "
            "time-out: give the client one, or the fault for_s="
        ) from error


class BeginningLedger:
    """
    A ledger that also tells *begin* when the warm-up is over.

    Its methods are those of *ledger* itself: a request costs nothing more.
    """

    def __init__(self, ledger: Ledger, begin: Callable[[], None]) -> None:
        self.begin = ledger.begin
        self.end = ledger.end
        self.drop = ledger.drop
        self._restart = ledger.restart
        self._begin = begin

    def restart(self) -> None:
        """Forget the warm-up, and begin."""
        self._restart()
        self._begin()
