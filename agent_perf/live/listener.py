"""
Who listens at a port of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator

import psutil


def listening_process(port: int) -> int | None:
    """
    Return the process that listens at TCP *port*; None if none is seen.

    Where several share the port, as the workers of one server do, the one that started the
    others. Processes of other users are not seen without privileges.
    """
    found = min((pid for pid, own in _listening() if own == port), default=None)
    if found is None:
        return None
    # Of those who share a socket, the system names one.
    try:
        for parent in psutil.Process(found).parents():
            if port not in _ports_of(parent):
                break
            found = parent.pid
    except psutil.NoSuchProcess:
        return None
    return found


def _listening() -> Iterator[tuple[int, int]]:
    """Yield each process that is seen to listen, with its port."""
    try:
        # At once: asked of each process, the system's whole table is read for each.
        every = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        # As macOS answers whoever is not root; what is our own it tells.
        for process in psutil.process_iter():
            yield from ((process.pid, port) for port in _ports_of(process))
        return
    for one in every:
        if one.status == psutil.CONN_LISTEN and one.pid is not None and one.laddr:
            yield one.pid, one.laddr.port


def _ports_of(process: psutil.Process) -> frozenset[int]:
    """Return where *process* listens; nowhere, if it is somebody else's, or gone."""
    try:
        every = process.net_connections("tcp")
    except psutil.Error:
        return frozenset()
    return frozenset(
        one.laddr.port for one in every if one.status == psutil.CONN_LISTEN and one.laddr
    )
