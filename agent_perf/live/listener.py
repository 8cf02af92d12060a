"""
Who listens at a port of this machine.
"""

from __future__ import annotations

import psutil


def listening_process(port: int) -> int | None:
    """
    Return the process that listens at TCP *port*; None if none is seen.

    Where several share the port, as the workers of one server do, the one that started the
    others. Processes of other users are not seen without privileges.
    """
    found: set[int] = set()
    for process in psutil.process_iter():
        try:
            for one in process.net_connections("tcp"):
                if one.status == psutil.CONN_LISTEN and one.laddr.port == port:
                    found.add(process.pid)
        except psutil.Error:
            # Somebody else's, or just gone: not seen.
            continue
    for pid in sorted(found):
        try:
            if found.isdisjoint(parent.pid for parent in psutil.Process(pid).parents()):
                return pid
        except psutil.NoSuchProcess:
            continue
    return None
