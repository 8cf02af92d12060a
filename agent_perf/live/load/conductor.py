"""
Leads the processes of Locust through one load.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import BinaryIO, Final

import msgspec

from agent_perf.errors import BrokenError
from agent_perf.live.load.merging import Merger
from agent_perf.live.load.swarm import Frame, Swarm
from agent_perf.live.locust import wire
from agent_perf.live.locust.clock import now_ns
from agent_perf.load import Limits
from agent_perf.units import NS, format_value

_START_S: Final = 60.0
"""Longest wait for Locust to be imported and its workers to meet; some seconds as a rule."""

_LEAD_NS: Final = 200_000_000
"""From the word to the begin: all workers have heard it by then."""

_KEPT_BYTES_MAX: Final = 16 << 20
"""
What workers tell is kept as it is, and merged after the load: while it runs, its processor belongs
to who sends and who answers. Beyond so much, some 200,000 requests, it is merged at once.
"""

_GRACE_S: Final = 5.0
_LOOK_S: Final = 0.2
_IN_FLIGHT_MAX: Final = 10_000


@dataclass(kw_only=True)
class Progress:
    """
    How far a load is: for who looks on, and may end it early.

    Attributes:
        begin_ns: Of the load, on the clock of clock.now_ns; 0: it has not begun.
        begun: Requests sent.
        stop: Why no more are to be sent; empty: go on.
        looked: Called at its begin, some times a second, and at its end.
        is_over: Whether the last answer is there.
    """

    begin_ns: int = 0
    begun: int = 0
    stop: str = ""
    is_over: bool = False
    looked: Callable[[Progress], None] = field(default=lambda _: None)

    @property
    def at_s(self) -> float:
        """Seconds since the begin; 0 before."""
        return max(0, now_ns() - self.begin_ns) / NS if self.begin_ns else 0.0


class Conductor:
    """
    Leads the processes through one load.

    Attributes:
        end_ns: When it was over, since its begin.
        lost: What became of workers that ended before their time.
    """

    def __init__(self, swarm: Swarm, plan: wire.Plan, progress: Progress, merger: Merger) -> None:
        self._swarm, self._plan = swarm, plan
        self._progress, self._merger = progress, merger
        self._failures: list[wire.Failure] = []
        self._accounts: dict[int, wire.Account] = {}
        self._ready: set[int] = set()
        self._gone: set[int] = set()
        self._port = 0
        self._kept: list[tuple[int, bytes]] = []
        self._kept_bytes = 0
        self.end_ns = 0
        self.lost: list[str] = []

    @property
    def first_failure(self) -> str:
        """As in LoadRun: the earliest of all workers."""
        return min(self._failures, key=lambda one: one.at_ns).text if self._failures else ""

    @property
    def cpu_ratios(self) -> tuple[float, ...]:
        """As in LiveLoad."""
        told = (self._accounts[worker] for worker in sorted(self._accounts))
        return tuple(round(one.cpu_s / one.wall_s, 3) if one.wall_s else 0.0 for one in told)

    @property
    def unsent(self) -> int:
        """Requests that should have been sent before the load's end, and were not."""
        return sum(one.unsent for one in self._accounts.values())

    def start(self, files: Sequence[BinaryIO], limits: Limits) -> None:
        """Start all processes, and return when all users wait for the begin."""
        plan, swarm = self._plan, self._swarm
        master = swarm.start("master")
        # All are started before one is waited for: to import Locust takes a second.
        for worker in range(plan.workers):
            swarm.start("worker", files[worker : worker + 1])
        swarm.plan(master, plan)
        self._await(lambda: bool(self._port), "Locust's master")
        most = limits.in_flight_max or _IN_FLIGHT_MAX * plan.workers
        for worker in range(plan.workers):
            swarm.plan(
                worker + 1,
                _for_worker(plan, worker, self._port, files[worker : worker + 1], most),
            )
        self._await(lambda: len(self._ready) == plan.workers, "Locust's workers")

    def conduct(self) -> None:
        """Let the load begin, and return when it has ended; KeyboardInterrupt ends it early."""
        progress = self._progress
        progress.begin_ns = now_ns() + _LEAD_NS
        self._tell_all(f"{wire.GO} {progress.begin_ns}")
        progress.looked(progress)
        stopped_at_s: float | None = None
        while len(self._accounts.keys() | self._gone) < self._plan.workers:
            try:
                self._hear(_LOOK_S)
                progress.looked(progress)
            except KeyboardInterrupt:
                if progress.stop:
                    break
                progress.stop = "interrupted"
            if progress.stop and stopped_at_s is None:
                stopped_at_s = monotonic()
                progress.stop += f" after {format_value(progress.at_s, 's')}"
                self._tell_all(wire.STOP)
            if stopped_at_s is not None and monotonic() - stopped_at_s > self._patience_s:
                break
        self.end_ns = max(0, now_ns() - progress.begin_ns)
        progress.is_over = True
        progress.looked(progress)
        self._merge()

    @property
    def _patience_s(self) -> float:
        """How long answers under way are waited for after a stop: as long as they may take."""
        return max(one.timeout_s for one in self._plan.requests.values()) + _GRACE_S

    def _tell_all(self, line: str) -> None:
        for worker in range(self._plan.workers):
            self._swarm.tell(worker + 1, line)

    def _await(self, is_there: Callable[[], bool], what: str) -> None:
        deadline_s = monotonic() + _START_S
        while not is_there():
            if monotonic() > deadline_s:
                raise BrokenError(f"{what} did not start within {_START_S:g} s")
            self._hear(_LOOK_S)
            if self.lost:
                raise BrokenError(self.lost[0])

    def _hear(self, within_s: float) -> None:
        frame = self._swarm.next_frame(within_s)
        while frame is not None:
            self._take(frame)
            frame = self._swarm.next_frame(0)

    def _take(self, frame: Frame) -> None:
        worker = frame.process - 1
        match frame.kind:
            case wire.PORT:
                self._port = msgspec.json.decode(frame.payload, type=int)
            case wire.READY:
                self._ready.add(worker)
            case wire.RECORDS:
                self._progress.begun += wire.begin_count(frame.payload)
                self._keep(worker, frame.payload)
            case wire.FAILURE:
                self._failures.append(msgspec.json.decode(frame.payload, type=wire.Failure))
            case wire.DONE:
                self._accounts[worker] = msgspec.json.decode(frame.payload, type=wire.Account)
                self._keep(worker, b"")
            case None:
                self._lose(worker, frame.process)

    def _lose(self, worker: int, process: int) -> None:
        if worker in self._accounts:
            return
        who = "Locust's master" if worker < 0 else f"worker {worker + 1} of {self._plan.workers}"
        self.lost.append(f"{who} {self._swarm.last_words(process)}")
        if worker >= 0:
            self._gone.add(worker)
            self._keep(worker, b"")

    def _keep(self, worker: int, payload: bytes) -> None:
        """Keep what *worker* tells for later; nothing is its last word."""
        self._kept.append((worker, payload))
        self._kept_bytes += len(payload)
        if self._kept_bytes > _KEPT_BYTES_MAX:
            self._merge()

    def _merge(self) -> None:
        for worker, payload in self._kept:
            if payload:
                self._merger.add(worker, wire.read_batch(payload))
            else:
                self._merger.leave(worker)
        self._kept.clear()
        self._kept_bytes = 0


def _for_worker(
    plan: wire.Plan, worker: int, port: int, files: Sequence[BinaryIO], most: int
) -> wire.Plan:
    # What does not divide goes to the first: together they are exactly as many.
    share = most // plan.workers + (worker < most % plan.workers)
    return replace(
        plan,
        port=port,
        worker=worker,
        in_flight_max=max(1, share),
        arrivals=files[0].fileno() if files else -1,
    )
