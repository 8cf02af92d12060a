"""
Puts a load on a running service, by processes of Locust, and returns what it came to.
"""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import BinaryIO, Final
from urllib.parse import urlsplit

from agent_perf.config import NamedRequest
from agent_perf.errors import UsageError
from agent_perf.live.load.conductor import Conductor, Progress
from agent_perf.live.load.dealing import deal
from agent_perf.live.load.keeping_up import problems_of
from agent_perf.live.load.merging import TTFT, Merger
from agent_perf.live.load.swarm import Swarm
from agent_perf.live.locust import wire
from agent_perf.live.locust.target import target_of
from agent_perf.load import NO_LIMITS, Closed, Limits, Shape
from agent_perf.measure import current_environment
from agent_perf.records import LatencySummary, LiveLoad, LoadRun, Tier
from agent_perf.scrubbing import scrubbed
from agent_perf.units import NS, format_value

_BUCKETS: Final = 60
_BUCKET_NS_MIN: Final = 100_000_000
_WORKERS_MAX: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTarget:
    """
    What a load asks.

    Attributes:
        url: Of the service.
        requests: Name to request, at least one.
        weights: Name to weight, each >= 1, of the same names.
    """

    url: str
    requests: Mapping[str, NamedRequest]
    weights: Mapping[str, int]

    def __post_init__(self) -> None:
        if TTFT in self.requests:
            raise UsageError(
                f"a request is called {TTFT!r}, as is the time to the first event; rename it"
            )
        if not self.requests or self.requests.keys() != self.weights.keys():
            raise UsageError("a load without a request; want at least one, each with its weight")


def run_live_load(  # noqa: PLR0913 (each is optional, and named where it is given)
    target: LiveTarget,
    shape: Shape | Closed,
    *,
    workers: int = 1,
    seed: int = 0,
    think_s: float = 0.0,
    limits: Limits = NO_LIMITS,
    good_within_s: float | None = None,
    bucket_s: float | None = None,
    targets: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> LoadRun:
    """
    Return what *target* comes to under *shape*; failed requests are results, even all of them.

    Args:
        target: What is asked.
        shape: When requests arrive; or users who wait for their answers.
        workers: Processes that send, >= 1.
        seed: Of when requests arrive, and which they are.
        think_s: How long users wait after each answer, >= 0; an open load has no such.
        limits: Beyond them requests are dropped. Those under way are shared out among workers.
        good_within_s: Longest latency of a good answer; None: any answer is good.
        bucket_s: First length of the timeline's buckets; a sixtieth of the load if None.
        targets: Metric to the worst value allowed.
        progress: Told how far it is; may end it early. What was measured until then is kept,
            after Ctrl-C as well.

    Raises:
        BrokenError: If Locust does not start.
        ConfigError: If a request cannot be made ready: a variable is not set.
        UsageError: If a number is out of range, or Locust is not installed.
    """
    locust_version()
    if not 1 <= workers <= _WORKERS_MAX:
        raise UsageError(f"{workers} workers; want 1 to {_WORKERS_MAX}")
    held = Progress() if progress is None else progress
    good_within_ns = None if good_within_s is None else round(good_within_s * NS)
    merger = Merger(
        list(target.requests),
        streamed=frozenset(name for name, one in target.requests.items() if one.stream),
        workers=workers,
        bucket_ns=_bucket_ns(shape) if bucket_s is None else round(bucket_s * NS),
        good_within_ns=good_within_ns,
    )
    plan = wire.Plan(
        url=target.url,
        requests=target.requests,
        weights=tuple(target.weights[name] for name in target.requests),
        workers=workers,
        users=shape.users if isinstance(shape, Closed) else 0,
        for_s=shape.length_s,
        think_s=think_s,
        seed=seed,
    )
    load_average = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    sent = _send(plan, shape, limits, held, merger)
    stopped = f"{held.stop} of {format_value(shape.length_s, 's')}" if held.stop else ""
    run = _run(merger, sent, target, plan)
    return replace(
        run,
        shape=shape.describe(),
        good_within_ns=good_within_ns,
        targets=dict(targets or {}),
        stopped=stopped,
        live=_live(merger, sent, run.latency, plan, load_average),
    )


def _send(
    plan: wire.Plan, shape: Shape | Closed, limits: Limits, progress: Progress, merger: Merger
) -> Conductor:
    """Let the load run to its end; return what led it."""
    secrets = [secret for one in target_of(plan).requests for secret in one.secrets]
    with ExitStack() as stack:
        files: list[BinaryIO] = []
        dealt_count: int | None = None
        if not isinstance(shape, Closed):
            # They have no name, so that nothing is left whatever becomes of us.
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(plan.workers)]
            dealt = deal(shape, plan.weights, seed=plan.seed, limits=limits, files=files)
            dealt_count = dealt.offered - len(dealt.dropped_ns)
            for at_ns in dealt.dropped_ns:
                merger.drop(-1, at_ns)
        swarm = stack.enter_context(Swarm(os.environ, secrets))
        conductor = Conductor(swarm, plan, progress, merger)
        if dealt_count is None or dealt_count:
            conductor.start(files, limits)
            conductor.conduct()
    return conductor


def _run(merger: Merger, sent: Conductor, target: LiveTarget, plan: wire.Plan) -> LoadRun:
    """Return what was taken down, without what was asked for."""
    recording = merger.result(sent.end_ns)
    return LoadRun(
        scenarios=target.weights,
        shape="",
        users=plan.users or 1,
        seed=plan.seed,
        tier=Tier.LIVE,
        commit="",
        environment=current_environment(()),
        duration_ns=recording.duration_ns,
        offered=merger.begun + merger.dropped,
        dropped=merger.dropped,
        good=recording.good,
        good_within_ns=None,
        errors=recording.errors,
        latency=recording.latency,
        paths={**recording.paths, **merger.first_events()},
        counts=recording.counts,
        operations=recording.operations,
        timeline=recording.timeline,
        exemplars=recording.exemplars,
        trace_digest="",
        first_failure=sent.first_failure,
    )


def _live(
    merger: Merger,
    sent: Conductor,
    latency: LatencySummary,
    plan: wire.Plan,
    load_average: float | None,
) -> LiveLoad:
    late_ns_p95 = merger.lateness.quantiles((950,))[0]
    return LiveLoad(
        url=_shown(plan.url),
        generator=f"Locust {locust_version()}",
        workers=plan.workers,
        worker_cpu_ratio=sent.cpu_ratios,
        load_average=load_average,
        late_count=merger.late_count,
        late_ns_p95=late_ns_p95,
        late_ns_max=merger.lateness.max_ns,
        problems=problems_of(
            latency,
            late_ns_p95=late_ns_p95,
            late_count=merger.late_count,
            unsent_count=sent.unsent,
            lost=tuple(sent.lost),
        ),
    )


def locust_version() -> str:
    """
    Return the version of Locust that is installed, without importing it.

    Raises:
        UsageError: If none is.
    """
    try:
        return importlib.metadata.version("locust")
    except importlib.metadata.PackageNotFoundError:
        raise UsageError(
            "a load on a real service is sent by Locust, which is not installed; "
            "pip install 'agent-perf[load]'"
        ) from None


def _bucket_ns(shape: Shape | Closed) -> int:
    return max(_BUCKET_NS_MIN, round(shape.length_s * NS) // _BUCKETS)


def _shown(url: str) -> str:
    """Return *url* without user and query."""
    parts = urlsplit(url)
    return scrubbed(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")
