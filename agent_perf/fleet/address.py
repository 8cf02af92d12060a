"""
Where a cluster is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from agent_perf.errors import UsageError

_SCHEMES: Final = {"dask": "tcp", "tcp": "tcp", "tls": "tls", "ws": "ws", "wss": "wss"}
_LOCAL: Final = re.compile(r"local:([0-9]{1,4})", re.ASCII)
_WORKERS_MAX: Final = 256
"""Processes of one machine; beyond, a slip of the finger is likelier than such a machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAddress:
    """
    A scheduler to connect with, or a cluster to start.

    Attributes:
        scheduler: As Dask takes it, ``tcp://host:port``; empty: start one here.
        worker_count: Processes to start, >= 1; 0 with a scheduler.
    """

    scheduler: str = ""
    worker_count: int = 0

    def __str__(self) -> str:
        """As it is named to people."""
        return self.scheduler or f"local:{self.worker_count}"


def parse_cluster(text: str) -> ClusterAddress:
    """
    Return the cluster that *text* names: ``dask://host:port`` or ``local:4``.

    Raises:
        UsageError: If it names none.
    """
    if local := _LOCAL.fullmatch(text):
        count = int(local[1])
        if 1 <= count <= _WORKERS_MAX:
            return ClusterAddress(worker_count=count)
        raise UsageError(f"{text!r}: want 1 to {_WORKERS_MAX} workers, as in local:4")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    plain = not (parts.username or parts.password or parts.path.strip("/")) if host else False
    if host and port and plain and parts.scheme in _SCHEMES:
        named = f"[{host}]" if ":" in host else host
        return ClusterAddress(scheduler=f"{_SCHEMES[parts.scheme]}://{named}:{port}")
    raise UsageError(
        f"{text.rpartition('@')[2]!r} is no cluster; want the scheduler's address as "
        "dask://127.0.0.1:8786, or local:4 for four processes here"
    )
