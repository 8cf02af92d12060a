"""
Looks at a process and all that it started, at one instant.

Counters are those of the living and of the children they waited for. What left no parent
behind that waits is counted as it was last seen: a lower bound.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

import psutil

from agent_perf.errors import UsageError
from agent_perf.measure.established import established, sockets
from agent_perf.measure.process_facts import (
    ON_LINUX,
    children,
    cpu,
    disk,
    high_bytes,
    network,
)

_NETWORK: Final = ("network_sent", "network_received")


class ProcessGone(Exception):
    """The process at the root of a tree has ended; caught by whoever samples it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    A tree at one instant.

    Attributes:
        counters: Name as in records.COUNTERS to the amount since the processes began.
        levels: Name as in records.LEVELS to what is held now.
        high_bytes: Largest resident set that a single process ever had; 0: not told.
        ended: The root has ended, and waits for its parent to hear of it.
    """

    counters: dict[str, float] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)
    high_bytes: int = 0
    ended: bool = False


@dataclass(slots=True)
class _Member:
    """A process of the tree, and what it had used when it was last seen."""

    process: psutil.Process
    parent: int
    counters: dict[str, float] = field(default_factory=dict)


class ProcessTree:
    """
    A process and its descendants, those included whose own parent has ended.

    Args:
        pid: The root.
        ports: Remote TCP ports: an established connection to one is a database connection.

    Attributes:
        notes: Resource to why it is not measured, or what its figure means.
        denied: Resources that some process did not let us see: theirs would be half a sum.

    Raises:
        UsageError: If there is no such process.
    """

    def __init__(self, pid: int, *, ports: Collection[int] = ()) -> None:
        try:
            root = psutil.Process(pid)
        except (psutil.NoSuchProcess, ValueError) as error:
            raise UsageError(f"no process has the id {pid}; look for it with `ps`") from error
        except psutil.AccessDenied as error:
            raise UsageError(
                f"process {pid} may not be looked at; run this as its owner"
            ) from error
        self._root = root
        self._ports = frozenset(ports)
        self._members = {pid: _Member(process=root, parent=0)}
        self._departed: dict[str, float] = {}
        self.notes: dict[str, str] = {}
        self.denied: set[str] = set()

    def read(self, *, proportional: bool = False) -> Reading:
        """
        Return what the tree uses and holds now.

        Args:
            proportional: Share out shared memory, too (``memory_pss``): it costs about as
                much as all the rest, and more with the memory.

        Raises:
            ProcessGone: If the root has ended and nobody can look at it any more.
        """
        self._welcome()
        sums = _Sums(self, proportional=proportional)
        for pid in list(self._members):
            member = self._members[pid]
            try:
                sums.add(member)
            except psutil.NoSuchProcess:
                if member.process is self._root:
                    raise ProcessGone from None
                self._part_from(pid)
        counters = dict(self._departed)
        for member in self._members.values():
            for name, amount in member.counters.items():
                counters[name] = counters.get(name, 0.0) + amount
        ended = "processes" not in sums.levels
        if not ended:
            self._see_network(counters)
        levels = sums.levels
        if self._ports:
            levels["db_connections"] = len(sums.to_ports)
        levels["connections"] = len(sums.connections)
        for name in self.denied:
            counters.pop(name, None)
            levels.pop(name, None)
        return Reading(
            counters=counters,
            levels={} if ended else levels,
            high_bytes=sums.high_bytes,
            ended=ended,
        )

    def refuse(self, names: Collection[str], why: str) -> None:
        """Take note that the resources *names* cannot be measured, and *why*."""
        for name in names:
            self.denied.add(name)
            self.notes[name] = why

    def is_to_port(self, port: int) -> bool:
        """Return whether a connection to *port* is one to a database."""
        return port in self._ports

    def _welcome(self) -> None:
        """Take in the children of all members, and theirs."""
        waiting = [member.process for member in self._members.values()]
        while waiting:
            parent = waiting.pop()
            for child in children(parent):
                if child.pid not in self._members:
                    self._members[child.pid] = _Member(process=child, parent=parent.pid)
                    waiting.append(child)

    def _part_from(self, pid: int) -> None:
        """Forget a member that has ended; its parent counts it on, or else we do."""
        member = self._members.pop(pid)
        if member.parent not in self._members:
            for name, amount in member.counters.items():
                self._departed[name] = self._departed.get(name, 0.0) + amount

    def _see_network(self, counters: dict[str, float]) -> None:
        if "network_sent" in self.denied:
            return
        try:
            counters |= network(self._root.pid)
        except FileNotFoundError:
            # It ended while we looked, or the system has no such counters at all.
            if self._root.is_running() and self._root.status() != psutil.STATUS_ZOMBIE:
                self.refuse(_NETWORK, "network: not measured, the system does not tell it")
        except OSError as error:
            self.refuse(_NETWORK, f"network: not measured, {error.strerror}")


class _Sums:
    """What the members of a tree come to, one after the other."""

    def __init__(self, tree: ProcessTree, *, proportional: bool) -> None:
        self._tree = tree
        self._proportional = proportional
        self.levels: dict[str, float] = {}
        self.connections: set[object] = set()
        self.to_ports: set[object] = set()
        self._established: dict[object, int] | None = None
        self.high_bytes = 0

    def add(self, member: _Member) -> None:
        """Add *member*; raises psutil.NoSuchProcess if it has ended."""
        process = member.process
        with process.oneshot():
            if not process.is_running():
                # Another process has its id by now.
                raise psutil.NoSuchProcess(process.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                # It holds nothing any more, and its account is still readable.
                with contextlib.suppress(psutil.Error, AttributeError):
                    member.counters |= cpu(process) | disk(process)
                return
            self._see(process, ("cpu",), lambda: member.counters.update(cpu(process)))
            self._see(process, ("memory",), lambda: self._hold("memory", process.memory_info().rss))
            self._see(process, ("threads",), lambda: self._hold("threads", process.num_threads()))
            member.parent = process.ppid() if member.parent else 0
        self._hold("processes", 1)
        self._see(
            process, ("disk_read", "disk_written"), lambda: member.counters.update(disk(process))
        )
        self._see(process, ("files",), lambda: self._hold("files", process.num_fds()))
        self._see(process, ("connections", "db_connections"), lambda: self._connected(process))
        if self._proportional:
            self._see(
                process,
                ("memory_pss",),
                lambda: self._hold("memory_pss", getattr(process.memory_full_info(), "pss", 0)),
            )
        self.high_bytes = max(self.high_bytes, high_bytes(process.pid))

    def _hold(self, name: str, amount: float) -> None:
        self.levels[name] = self.levels.get(name, 0.0) + amount

    def _connected(self, process: psutil.Process) -> None:
        if self._established is None or not ON_LINUX:
            self._established = established(process)
        for socket in sockets(process) & self._established.keys():
            # A fork inherits its parent's: one connection, however many hold it.
            self.connections.add(socket)
            if self._tree.is_to_port(self._established[socket]):
                self.to_ports.add(socket)

    def _see(
        self, process: psutil.Process, names: tuple[str, ...], look: Callable[[], None]
    ) -> None:
        if names[0] in self._tree.denied:
            return
        try:
            look()
        except psutil.ZombieProcess:
            # It ended while we looked.
            return
        except (psutil.AccessDenied, PermissionError):
            told = f"permission denied for process {process.pid}"
        except AttributeError:
            told = f"{sys.platform} does not tell it of a process"
        else:
            return
        self._tree.refuse(names, f"{', '.join(names)}: not measured, {told}")
