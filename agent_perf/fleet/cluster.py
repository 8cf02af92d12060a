"""
Measures commits on the workers of a Dask cluster.
"""

from __future__ import annotations

import errno
import os
import queue
import threading
import uuid
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from agent_perf.config import Config
from agent_perf.decoding import decoder_of
from agent_perf.errors import UsageError
from agent_perf.fleet.account import Account
from agent_perf.fleet.address import ClusterAddress
from agent_perf.fleet.assignment import Assignment
from agent_perf.fleet.connection import connected
from agent_perf.fleet.roster import Roster
from agent_perf.fleet.seats import Seat, Seats
from agent_perf.fleet.source import Source, source_of
from agent_perf.fleet.station import TOPIC, carry_out
from agent_perf.records import Failure, Tier
from agent_perf.repository import WORKTREE, Repository
from agent_perf.scrubbing import harmless
from agent_perf.suite import CpuMode, Event

if TYPE_CHECKING:
    from distributed import Client, Future

_TICK_S: Final = 0.25
"""How soon it is noticed that a worker is gone, or that all is to stop."""
_AT_ONCE_MAX: Final = 512
"""Commits that wait for a seat at once: a thread each."""
_UNFIT: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)
"""Errors that are of a machine, whatever is measured there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """A part's last word: events told, or what went wrong; with neither the worker is gone."""

    told_count: int | None = None
    error: BaseException | None = None


class Cluster:
    """
    Workers that measure; from open_cluster.

    Args:
        client: Connected.
        source: What is measured.
        seats: Who may measure.
        time_limit_s: As in measure_tree.
        tell: Told of a worker that gets no more work, and why.
    """

    def __init__(
        self,
        client: Client,
        source: Source,
        seats: Seats,
        *,
        time_limit_s: float,
        tell: Callable[[str], None],
    ) -> None:
        self._client = client
        self._source = source
        self._seats = seats
        self._time_limit_s = time_limit_s
        self._tell = tell
        self._imports: tuple[str, ...] = ()
        self._boxes: dict[str, queue.Queue[Event | _End]] = {}

    @property
    def at_once(self) -> int:
        """How many commits may be begun at once: those without a seat wait for one."""
        return min(_AT_ONCE_MAX, max(1, len(self._source.commits)))

    @property
    def seat_count(self) -> int:
        """How many parts the workers that are there take at once."""
        return self._seats.count()

    def hear(self, told: tuple[float, dict[str, Any]]) -> None:
        """Put an event of any worker into the box of who waits for it; others' are not ours."""
        _, message = told
        box = self._boxes.get(message["part"])
        if box is not None:
            data = zlib.decompress(message["event"])
            box.put(decoder_of(Event).decode(data))

    def measure(
        self,
        commit: str,
        *,
        stored: Sequence[str],
        only: Sequence[str],
        cpu: CpuMode | None,
        tier: Tier,
        stop: threading.Event,
    ) -> Generator[Event, None, None]:
        """
        Yield what happens while *commit* is measured somewhere, as measure_tree does.

        What a lost worker had not told is measured elsewhere, and nothing is told twice.

        Raises:
            BrokenError: If the scheduler is gone, or nobody is left to measure.
        """
        account = Account(commit, self._source.benchmarks)
        while not account.is_settled:
            seat = self._seats.take(stop)
            if seat is None:
                return
            assignment = Assignment(
                part=uuid.uuid4().hex,
                source=self._source,
                commit=commit,
                time_limit_s=self._time_limit_s,
                stored=tuple(stored),
                only=tuple(only),
                leave=account.ended,
                imports=self._imports,
                cpu=cpu,
                tier=tier,
                environ=_environ(),
            )
            try:
                yield from self._on(seat, assignment, account, stop)
            finally:
                self._seats.give_back(seat)
            if stop.is_set():
                return

    def _on(
        self, seat: Seat, assignment: Assignment, account: Account, stop: threading.Event
    ) -> Iterator[Event]:
        told_count = 0
        with self._begun(seat, assignment) as box:
            for told in self._messages(seat, box, stop):
                if isinstance(told, Event):
                    told_count += 1
                    if told.kind == "imports" and told.names:
                        # What one commit's benchmarks import late, the next one's do too.
                        self._imports = told.names
                    yield from account.take(told)
                elif isinstance(told.error, OSError) and told.error.errno in _UNFIT:
                    # It would break each commit that it gets, and sooner than others measure.
                    if self._seats.dismiss(seat.address):
                        self._tell(f"worker {seat.worker} gets no more work: {told.error}")
                    account.move()
                elif told.error is not None:
                    yield from account.take(_failed(assignment, seat, told.error))
                    account.finish()
                elif told.told_count == told_count:
                    account.finish()
                else:
                    yield from account.lose(seat.worker)

    @contextmanager
    def _begun(self, seat: Seat, assignment: Assignment) -> Iterator[queue.Queue[Event | _End]]:
        """Give the box of what the worker of *seat* tells of *assignment*; then end it."""
        box: queue.Queue[Event | _End] = queue.Queue()
        self._boxes[assignment.part] = box
        future = self._client.submit(
            carry_out,
            msgspec.json.encode(assignment),
            key=f"agent-perf-{assignment.part}",
            workers=[seat.address],
            allow_other_workers=False,
            pure=False,
        )
        future.add_done_callback(lambda done: box.put(_end_of(done)))
        try:
            yield box
        finally:
            del self._boxes[assignment.part]
            # On a task that is done this only lets go of its result. A client that has lost its
            # scheduler can tell nobody, and says so in place of what is wrong.
            if self._client.status == "running":
                future.cancel(reason="agent-perf has what it needs", msg=None)

    def _messages(
        self, seat: Seat, box: queue.Queue[Event | _End], stop: threading.Event
    ) -> Iterator[Event | _End]:
        """Yield what comes into *box* up to the end; an end is made for who is gone."""
        while not stop.is_set():
            try:
                told = box.get(timeout=_TICK_S)
            except queue.Empty:
                if self._seats.is_there(seat):
                    continue
                told = _End()
            yield told
            if isinstance(told, _End):
                return


@contextmanager
def open_cluster(
    address: ClusterAddress,
    repository: Repository,
    commits: Sequence[str],
    config: Config,
    *,
    jobs: int | None,
    tell: Callable[[str], None],
) -> Iterator[Cluster]:
    """
    Give the cluster at *address*, ready to measure *commits*.

    Args:
        address: Where it is.
        repository: Whose commits they are.
        commits: Resolved.
        config: What the project says.
        jobs: Parts that are measured at once; None: as many as the workers take.
        tell: Told, in a line, who is left out and why; called from any thread.

    Raises:
        UsageError: If ``distributed`` is missing, nobody answers at *address*, no worker is
            like this process, or a commit cannot be measured elsewhere.
        BrokenError: If the scheduler goes away meanwhile.
        RepositoryError: If git fails.
    """
    if WORKTREE in commits:
        raise UsageError("'worktree' is measured where it is: commit it, or leave --cluster out")
    source = source_of(repository, tuple(dict.fromkeys(commits)), config)
    seats = Seats(jobs)
    with ExitStack() as stack:
        client = stack.enter_context(connected(address))
        roster = Roster(client, source, seats, tell)
        roster.look()
        if not seats.count():
            raise UsageError(
                f"no worker of {address} can measure: start some with the packages and the "
                "Python of here, as `dask worker` in an equal environment"
            )
        cluster = Cluster(client, source, seats, time_limit_s=config.time_limit_s, tell=tell)
        # Until the client is closed: one that has lost its scheduler cannot even unsubscribe.
        client.subscribe_topic(TOPIC, cluster.hear)
        roster.start()
        stack.callback(roster.stop)
        yield cluster


def _environ() -> dict[str, str]:
    """Return the variables that results follow; Dask gives its workers a hash seed of its own."""
    own = {name: value for name, value in os.environ.items() if name.startswith("AGENT_PERF_")}
    return {**own, "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0")}


def _end_of(future: Future[int]) -> _End:
    from distributed.scheduler import KilledWorker

    if future.status == "finished":
        return _End(told_count=future.result())
    if future.status == "error":
        error = future.exception()
        if not isinstance(error, KilledWorker):
            return _End(error=error)
    # Cancelled by us, which nobody hears any more, or lost with its worker.
    return _End()


def _failed(assignment: Assignment, seat: Seat, error: BaseException) -> Event:
    failure = Failure(
        benchmark=assignment.source.benchmarks,
        commit=assignment.commit,
        category="crashed",
        message=harmless(f"worker {seat.worker}: {type(error).__name__}: {error}"),
    )
    return Event(kind="failed", names=(failure.benchmark,), failure=failure)
