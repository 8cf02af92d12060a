"""
What is to be known of a load on a real service, besides what it came to.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent_perf.records.resources import ResourceRun


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLoad:
    """
    How a load was put on a running service.

    Attributes:
        url: Of the service, without user, query or secret.
        generator: What made the load: ``Locust 2.47.0``.
        workers: Processes that sent it, >= 1.
        worker_cpu_ratio: Of each, CPU time by real time: near 1 it could not have sent more.
        load_average: Of this machine over the minute before, where it tells.
        late_count: Requests that were sent more than 20 ms after their intended start.
        late_ns_p95: How late requests were sent; latencies contain it.
        late_ns_max: Likewise, the latest.
        problems: Why this is no measurement; empty if it is one.
        resources: What the server took meanwhile; None: nobody looked.
    """

    url: str
    generator: str
    workers: int
    worker_cpu_ratio: tuple[float, ...] = ()
    load_average: float | None = None
    late_count: int = 0
    late_ns_p95: int = 0
    late_ns_max: int = 0
    problems: tuple[str, ...] = ()
    resources: ResourceRun | None = None
