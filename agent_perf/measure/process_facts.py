"""
What the system says of one process, where psutil does not say it, or not cheaply.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import psutil

PROC: Final = Path("/proc")
ON_LINUX: Final = sys.platform.startswith("linux")


def children(parent: psutil.Process) -> Iterator[psutil.Process]:
    """Yield the children of *parent*; none if it has ended."""
    with contextlib.suppress(psutil.Error):
        if not ON_LINUX:
            yield from parent.children()
            return
        for pid in _child_ids(parent):
            with contextlib.suppress(psutil.NoSuchProcess):
                yield psutil.Process(pid)


def _child_ids(parent: psutil.Process) -> list[int]:
    # psutil reads the state of every process on the machine for this, at each tick.
    found: list[int] = []
    try:
        for task in (PROC / str(parent.pid) / "task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, (task / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return []
    if not found and not _tells_children():
        return [child.pid for child in parent.children()]
    return found


@cache
def _tells_children() -> bool:
    """Return whether the kernel was built with CONFIG_PROC_CHILDREN."""
    return (PROC / "thread-self/children").exists()


def cpu(process: psutil.Process) -> dict[str, float]:
    """Return the CPU seconds of *process* and of the children that it has waited for."""
    times = process.cpu_times()
    used_s = times.user + times.system + times.children_user + times.children_system
    return {"cpu": used_s}


def disk(process: psutil.Process) -> dict[str, float]:
    """Return the bytes that *process* made the disks read and write, its children likewise."""
    told = process.io_counters()
    return {"disk_read": told.read_bytes, "disk_written": told.write_bytes}


def high_bytes(pid: int) -> int:
    """Return the largest resident set that process *pid* ever had; 0 where nobody tells."""
    if not ON_LINUX:
        return 0
    try:
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return 0
    _, found, rest = status.partition("VmHWM:")
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else 0


def network(pid: int) -> dict[str, float]:
    """Return the bytes of all interfaces in the network namespace of process *pid*."""
    if not ON_LINUX:
        told = psutil.net_io_counters()
        return {"network_sent": told.bytes_sent, "network_received": told.bytes_recv}
    sent = received = 0
    for line in (PROC / str(pid) / "net/dev").read_text().splitlines()[2:]:
        fields = line.partition(":")[2].split()
        received += int(fields[0])
        sent += int(fields[8])
    return {"network_sent": sent, "network_received": received}
