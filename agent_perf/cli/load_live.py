"""
``agent-perf load --url``: a load on a running service.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from agent_perf.cli.exits import INTERRUPTED
from agent_perf.cli.interruption import interruptible
from agent_perf.cli.live_watch import Watched, watched_server
from agent_perf.cli.load_options import LoadOptions, shape_of
from agent_perf.cli.load_report import Telling, tell_load
from agent_perf.cli.load_targets import targets_of
from agent_perf.cli.named_load import with_named_load
from agent_perf.cli.next_commands import this_again
from agent_perf.cli.output import warn
from agent_perf.cli.project import open_project
from agent_perf.config import NamedRequest, did_you_mean
from agent_perf.errors import NothingMeasuredError, UsageError
from agent_perf.live import request_of, require_allowed
from agent_perf.live.load import LiveTarget, Progress, run_live_load
from agent_perf.load import Closed, Limits
from agent_perf.records import LoadRun

_CLEAR: Final = "\r\x1b[K"


def load_service(names: tuple[str, ...], options: LoadOptions) -> int:
    """
    Put the requests in *names* as a load on the service at --url; return the exit code.

    Args:
        names: Of requests of the configuration, ``name=3`` gives one a weight. None: the URL
            itself is asked.
        options: The command line's.

    Raises:
        UsageError: If a name, a number or their combination cannot be used, or the host is not
            allowed.
        BrokenError: If Locust does not start.
        NothingMeasuredError: If no request arrived.
    """
    url = options.url
    assert url is not None
    project = open_project(Path.cwd(), needs_benchmarks=False)
    options = with_named_load(options, project.config.loads)
    if options.users is not None and not options.closed:
        raise UsageError("--users wants --closed here; leave it out with --url")
    require_allowed(url, options.allow_host or (), "a load")
    run = _run(target_named(url, names, project.config.requests), options)
    if sys.stderr.isatty():
        sys.stderr.write(_CLEAR)
    if not run.offered:
        raise NothingMeasuredError(
            f"no request was sent: {run.shape}; want it longer, or more often"
        )
    telling = Telling(
        folder=(options.reports or project.root / project.config.reports) / "load",
        title=project.root.name,
        form=options.form,
        undecided=options.undecided or project.config.undecided,
        commands=(this_again("Run it again"),),
    )
    code = tell_load(run, telling)
    return INTERRUPTED if run.stopped.startswith("interrupted") else code


def _run(target: LiveTarget, options: LoadOptions) -> LoadRun:
    shape = shape_of(options, None)
    if options.think_s is not None and not isinstance(shape, Closed):
        raise UsageError("--think is between a user's answer and next request; it wants --closed")
    targets = targets_of(options.targets)
    with watched_server(target.url, options.watch) as watched:
        progress = Progress(looked=_look(watched, options.time_budget_s))
        with interruptible(lambda: _end(progress)):
            run = run_live_load(
                target,
                shape,
                workers=1 if options.workers is None else options.workers,
                seed=0 if options.seed is None else options.seed,
                think_s=options.think_s or 0.0,
                limits=Limits(in_flight_max=options.in_flight_max, rate_max_hz=options.rate_max_hz),
                good_within_s=options.within_s,
                bucket_s=options.bucket_s,
                targets=targets,
                progress=progress,
            )
    return _with_resources(run, watched)


def target_named(
    url: str, names: tuple[str, ...], requests: Mapping[str, NamedRequest]
) -> LiveTarget:
    """
    Return what is asked at *url*: the requests in *names*, or the URL itself by GET.

    Raises:
        UsageError: If one is not in the configuration, is there twice, or its weight is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise UsageError(f"--url of scheme {parts.scheme!r}; want http or https")
    if not names:
        base, name, request = request_of(url)
        return LiveTarget(url=base, requests={name: request}, weights={name: 1})
    if parts.query or parts.fragment:
        raise UsageError("--url with a query, and requests that are named; leave out one of them")
    weights: dict[str, int] = {}
    for text in names:
        name, _, weight = text.partition("=")
        if name not in requests:
            hint = did_you_mean(name, requests, kind="the configuration has")
            raise UsageError(f"no request {name!r}; {hint}")
        if name in weights:
            raise UsageError(f"request {name!r} is named twice; give it a weight, as {name}=2")
        if weight and (not weight.isdecimal() or not int(weight)):
            raise UsageError(f"{text!r}: weight {weight!r}; want a whole number >= 1, as {name}=3")
        weights[name] = int(weight) if weight else requests[name].weight
    return LiveTarget(url=url, requests={name: requests[name] for name in weights}, weights=weights)


def _with_resources(run: LoadRun, watched: Watched) -> LoadRun:
    assert run.live is not None
    if watched.why_not:
        warn(f"resources: {watched.why_not}")
    return replace(run, live=replace(run.live, resources=watched.result(run.latency.count)))


def _end(progress: Progress) -> bool:
    """End a load that has begun; return whether there is something to be told of it."""
    if progress.at_s and not progress.is_over:
        progress.stop = progress.stop or "interrupted"
    return progress.at_s > 0


def _look(watched: Watched, time_budget_s: float | None) -> Callable[[Progress], None]:
    """Return what shows how far a load is, and ends it when its time is over."""
    shows = sys.stderr.isatty()
    begin_s = time.monotonic()

    def look(progress: Progress) -> None:
        watched.look(is_over=progress.is_over)
        if time_budget_s is not None and progress.at_s >= time_budget_s and not progress.stop:
            progress.stop = "no more requests were sent"
        if shows:
            sys.stderr.write(
                f"{_CLEAR}{progress.at_s:.0f} s of the load, {progress.begun:,} requests, "
                f"{time.monotonic() - begin_s:.0f} s since the start"
            )
            sys.stderr.flush()

    return look
