"""
What a project says of an experiment on its running services: ``[chaos.NAME]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta, Struct

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]


# The tables inside an experiment are of msgspec's own kind, which alone refuses unknown keys:
# a fault whose `for_s` was written `fors` would last to the end.
class ChaosProxy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    A proxy in front of a service.

    Attributes:
        upstream: The service, ``127.0.0.1:6379`` or ``unix:/path``.
        listen: Where clients connect; without a port, a free one.
    """

    upstream: str
    listen: str = "127.0.0.1:0"


class ChaosFault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    Something that goes wrong on purpose.

    Attributes:
        kind: What, as of live.chaos.Toxic; or ``kill`` and ``stop``, of a worker.
        proxy: Whose connections suffer it.
        worker: Whose process does.
        name: What the report calls it; where and kind if not given.
        at_s: Begin, in seconds from the begin of the load.
        for_s: Length; 0: an instant. Of ``kill``: after which the worker is started again.
        during: What must hold of the requests that are sent meanwhile.
        recovery_s: Until all holds again, at most; the experiment's if not given.
    """

    kind: Literal[
        "latency",
        "bandwidth",
        "slices",
        "partition",
        "blackhole",
        "refuse",
        "reset",
        "truncate",
        "kill",
        "stop",
    ]
    at_s: Positive
    for_s: NotNegative = 0.0
    proxy: str = ""
    worker: str = ""
    name: str = ""
    during: tuple[str, ...] = ()
    recovery_s: Positive | None = None
    way: Literal["up", "down", "both"] = "down"
    latency_s: NotNegative = 0.0
    jitter_s: NotNegative = 0.0
    bytes_per_s: NotNegative = 0.0
    slice_bytes: Annotated[int, Meta(ge=0)] = 0
    after_bytes: Annotated[int, Meta(ge=0)] = 0
    first: Annotated[int, Meta(ge=1)] | None = None
    probability: Annotated[float, Meta(gt=0, le=1)] = 1.0


class ChaosWorker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    A process that is started for the experiment and ended with it, or that runs already.

    Attributes:
        command: Program and arguments, as in a shell, but without one. ``{NAME}`` is the
            address of proxy NAME.
        pid_file: Instead, the file in which a process names itself that its own supervisor
            starts again.
        env: Variables over those of ours; ``{NAME}`` likewise.
        ready: When it works: ``http://…`` answers well, or ``tcp:HOST:PORT`` takes a connection.
        ready_within_s: Longest wait for that.
        restart_after_s: How long it stays away after it ended by itself.
    """

    command: str = ""
    pid_file: str = ""
    env: Mapping[str, str] = {}
    ready: str = ""
    ready_within_s: Positive = 30.0
    restart_after_s: Positive = 1.0


class ChaosWrites(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What must not be lost: writes that the service has acknowledged.

    Attributes:
        request: Named request that writes; ``{n}`` in its path or body is an id of its own.
        read: Named request whose answer holds the ids; with ``{n}`` in it, asked for each.
        command: Program whose output holds them, instead; ``{run}`` is what all ids begin with.
        within_s: How long after the load they may take to be there.
        duplicates_max: Most that may be there more than once; not given: told, and allowed.
    """

    request: str
    read: str = ""
    command: str = ""
    within_s: NotNegative = 10.0
    duplicates_max: Annotated[int, Meta(ge=0)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedChaos:
    """
    An experiment on running services: what `agent-perf chaos NAME` breaks, and what must hold.

    Attributes:
        url: The service that is asked; ``{NAME}`` is the address of proxy NAME.
        requests: Named requests that it is asked, by their weights; empty: all.
        rate_hz: Requests per second.
        in_flight_max: What would be beyond is dropped, and has failed.
        steady: The steady state: what must hold before each fault, and again after it.
        window_s: Over so many seconds, when that is looked for after a fault.
        recovery_s: So long after a fault it must hold again.
        seed: Of all draws.
        proxies: Name to a proxy.
        workers: Name to a process.
        faults: What goes wrong, and when.
        writes: What must not be lost.
    """

    url: str = ""
    requests: tuple[str, ...] = ()
    rate_hz: Positive = 20.0
    in_flight_max: Annotated[int, Meta(ge=1)] = 256
    steady: tuple[str, ...] = ("success_ratio >= 99.9%",)
    window_s: Positive = 2.0
    recovery_s: Positive = 5.0
    seed: int = 0
    proxies: Mapping[str, ChaosProxy] = field(default_factory=dict)
    workers: Mapping[str, ChaosWorker] = field(default_factory=dict)
    faults: tuple[ChaosFault, ...] = ()
    writes: ChaosWrites | None = None
