"""
``--watch``: what a server on this machine takes while a load is on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from agent_perf.errors import UsageError
from agent_perf.live import is_loopback
from agent_perf.live.listener import listening_process
from agent_perf.measure import ResourceSampler
from agent_perf.records import ResourceRun

_NOBODY = "no"
_PORTS = {"http": 80, "https": 443}


class Watched:
    """
    A server that is looked at, or why it is not.

    Attributes:
        why_not: Empty if it is looked at, or if nobody asked for it.
    """

    def __init__(self, sampler: ResourceSampler | None, why_not: str = "") -> None:
        self._sampler = sampler
        self._stack = ExitStack()
        self.why_not = why_not
        self._looks = False

    def look(self, *, is_over: bool) -> None:
        """Begin to look, if that was not done yet; end it once the load *is_over*."""
        if is_over:
            self._stack.close()
        elif self._sampler is not None and not self._looks:
            self._looks = True
            self._stack.enter_context(self._sampler)

    def result(self, requests: int) -> ResourceRun | None:
        """Return what it took while *requests* were answered; None: nobody looked."""
        if self._sampler is None or not self._looks:
            return None
        return self._sampler.result(requests=requests)


@contextmanager
def watched_server(url: str, watch: str | None) -> Iterator[Watched]:
    """
    Yield what looks at a server: from its first `look` to the load's end, or the body's.

    Args:
        url: Of the service; who listens at its port on this machine is looked at without
            *watch*.
        watch: A process's number, ``:PORT`` for who listens there, or ``no``.

    Raises:
        UsageError: If *watch* is none of these, or there is no such process.
    """
    if watch == _NOBODY:
        yield Watched(None)
        return
    pid, why_not = _process(url, watch)
    if pid is None:
        yield Watched(None, why_not)
        return
    watched = Watched(ResourceSampler(pid, name="server", command=f"process {pid}"))
    try:
        yield watched
    finally:
        watched.look(is_over=True)


def _process(url: str, watch: str | None) -> tuple[int | None, str]:
    """Return the process to look at, or None and why, if nobody asked for one in particular."""
    if watch is None:
        parts = urlsplit(url)
        if not is_loopback(parts.hostname or ""):
            return None, ""
        port = parts.port or _PORTS[parts.scheme]
        pid = listening_process(port)
        return pid, "" if pid else f"no process is seen that listens at port {port}; --watch PID"
    if watch.startswith(":") and watch[1:].isdecimal():
        pid = listening_process(int(watch[1:]))
        if pid is None:
            raise UsageError(f"--watch {watch}: no process is seen that listens at that port")
        return pid, ""
    if not watch.isdecimal():
        raise UsageError(f"--watch {watch!r}; want a process's number, :PORT, or no")
    if int(watch) == os.getpid():
        raise UsageError(f"--watch {watch} is this command itself; want the server's")
    return int(watch), ""
