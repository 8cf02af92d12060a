"""
``agent-perf canary``: stable against candidate, and what to do with the candidate.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import click

from agent_perf.amounts import parse_limit
from agent_perf.cli.canary_asked import headers_of, watched_of
from agent_perf.cli.canary_text import (
    canary_document,
    canary_markdown,
    look_text,
    plan_text,
    result_lines,
)
from agent_perf.cli.exits import INTERRUPTED
from agent_perf.cli.output import plain, print_json, say
from agent_perf.cli.profile import project_folder
from agent_perf.codec import write_atomic
from agent_perf.config import Config, NamedRequest, did_you_mean, load_config
from agent_perf.errors import ConfigError, UsageError
from agent_perf.gate import make_policy
from agent_perf.live import ReadyRequest, address_parts, ready, require_allowed
from agent_perf.live.canary import (
    CanaryOutcome,
    CanaryPlan,
    CanaryResult,
    Limit,
    Pair,
    Prometheus,
    Step,
    Tell,
    roll_out,
    stopped_by_signals,
    watch,
)

EXIT_CODES: Final[Mapping[CanaryOutcome, int]] = {
    CanaryOutcome.PROMOTE: 0,
    CanaryOutcome.ROLLBACK: 1,
    CanaryOutcome.HOLD: 4,
}
LIMIT_OPTIONS: Final[Mapping[str, str]] = {
    "latency.p50": "p50",
    "latency.p95": "p95",
    "latency.p99": "p99",
    "error_ratio": "errors",
}
"""Metric to the option that limits it."""

_ERRORS_MOST: Final = 0.01
"""Share of further errors that is too many, unless the project says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryOptions:
    """
    What is compared, and how; the attributes are the options of the verb.
    """

    stable: str | None = None
    candidate: str | None = None
    rate_hz: float = 20.0
    steps: str = "5,25,50,100"
    step: int | None = None
    prometheus: str | None = None
    prometheus_token_env: str = ""
    prometheus_headers: tuple[str, ...] = ()
    stable_selector: str = ""
    candidate_selector: str = ""
    latency_metric: str = ""
    errors_metric: str = ""
    errors_selector: str = ""
    for_s: float = 300.0
    warm_up_s: float = 5.0
    limits: Mapping[str, str | None]
    allow_hosts: tuple[str, ...] = ()
    seed: int = 0
    undecided: str | None = None
    markdown: Path | None = None
    form: str = "text"


def judge_candidate(names: tuple[str, ...], options: CanaryOptions) -> int:
    """
    Hold the candidate against the stable service, print the result, and return the exit code.

    Raises:
        UsageError: If an option cannot be, or a host is not allowed.
        ConfigError: If the configuration is not valid, or a request cannot be sent.
        BrokenError: If the stable service answers nothing.
        StoreError: If the Markdown cannot be written.
    """
    config = load_config(project_folder())
    result = asyncio.run(_judge(names, options, config))
    undecided = options.undecided or "fail"
    code = EXIT_CODES[result.outcome]
    if result.outcome is CanaryOutcome.HOLD:
        code = INTERRUPTED if result.is_interrupted else 0 if undecided == "pass" else code
    if options.form == "json":
        print_json(canary_document(result, exit_code=code))
    else:
        for line in result_lines(result):
            click.echo(plain(line))
    # At the end: a folder that is not there takes nothing away from what an hour has told.
    if options.markdown is not None:
        write_atomic(options.markdown, canary_markdown(result).encode())
    return code


async def _judge(names: tuple[str, ...], options: CanaryOptions, config: Config) -> CanaryResult:
    with stopped_by_signals() as stop:
        if options.prometheus:
            return await _watch(names, options, config, stop)
        plan = _plan(options, steps_of(options), limits_of(config, options.limits))
        pair = _pair(names, options, config)
        return await roll_out(plan, pair, _teller(plan), stop)


def _plan(options: CanaryOptions, steps: tuple[Step, ...], limits: tuple[Limit, ...]) -> CanaryPlan:
    return CanaryPlan(
        steps=steps,
        limits=limits,
        only=options.step,
        warm_up_s=options.warm_up_s,
        seed=options.seed,
    )


async def _watch(
    names: tuple[str, ...], options: CanaryOptions, config: Config, stop: asyncio.Event
) -> CanaryResult:
    watched = watched_of(names, options)
    headers, secrets = headers_of(options, os.environ)
    limits = limits_of(config, options.limits)
    if not watched.errors_metric:
        limits = tuple(one for one in limits if one.quantile is not None)
    # Who sets the shares judges step by step; else all that is seen is one step.
    steps = steps_of(options) if options.step else steps_of(options)[-1:]
    plan = _plan(options, steps, limits)
    url = options.prometheus or ""
    async with Prometheus(url, headers=headers, secrets=secrets) as prometheus:
        return await watch(plan, prometheus, watched, _teller(plan), stop)


def steps_of(options: CanaryOptions) -> tuple[Step, ...]:
    """
    Return the steps that *options* ask for.

    Raises:
        UsageError: If one is no share, or they do not rise.
    """
    shares = []
    for word in options.steps.split(","):
        try:
            shares.append(float(word.strip().removesuffix("%")) / 100)
        except ValueError:
            raise UsageError(
                f"--steps {options.steps!r}: {word!r} is no share; want some, as 5,25,50,100"
            ) from None
    if any(after <= before for before, after in pairwise(shares)):
        raise UsageError(f"--steps {options.steps!r}; want rising shares, as 5,25,50,100")
    return tuple(
        Step(share=share, length_s=options.for_s, rate_hz=options.rate_hz) for share in shares
    )


def limits_of(config: Config, given: Mapping[str, str | None]) -> tuple[Limit, ...]:
    """
    Return what the candidate is held to: as *given*, as the project says, or by default.

    Args:
        config: Of the project; its `limits` may name the benchmark ``canary``.
        given: Metric to its limit, ``off``, or None to take the project's.

    Raises:
        ConfigError: If one is no limit.
    """
    policy = make_policy(config.limit_texts, {})
    own = make_policy(config.limit_texts, {}).rules[: len(config.limits)]
    found: list[Limit] = []
    for metric, text in given.items():
        if text == "off":
            continue
        most: float | None
        if text is not None:
            most = _limit_of(metric, text)
        elif metric == "error_ratio":
            said = policy.limit("canary", "success_ratio")
            is_own = any(one.limit == said for one in own if "success" in one.metric)
            most = said.ratio if is_own else _ERRORS_MOST
        else:
            most = policy.limit("canary", metric).ratio
        if most is not None:
            found.append(Limit(metric=metric, most=most))
    return tuple(found)


def _limit_of(metric: str, text: str) -> float | None:
    option = LIMIT_OPTIONS.get(metric, metric)
    try:
        most = parse_limit(text)
    except ConfigError:
        raise UsageError(
            f"--{option} {text!r} is no limit; want a percentage such as +20%, or off"
        ) from None
    if most == 0:
        raise UsageError(
            f"--{option} {text}: what may not change at all is never surely unchanged; want a "
            "percentage such as +5%"
        )
    return most


def _pair(names: tuple[str, ...], options: CanaryOptions, config: Config) -> Pair:
    if not options.stable or not options.candidate:
        raise UsageError("want two services, as --stable URL --candidate URL")
    for url in (options.stable, options.candidate):
        address_parts(url)
        require_allowed(url, options.allow_hosts, "a load")
    return Pair(
        stable_url=options.stable,
        candidate_url=options.candidate,
        requests=requests_of(names, config.requests),
    )


def requests_of(
    names: tuple[str, ...], known: Mapping[str, NamedRequest]
) -> tuple[ReadyRequest, ...]:
    """
    Return the requests in *names*, ``NAME`` or ``NAME=WEIGHT``; without any, all that are known.

    Raises:
        UsageError: If one is not known, or its weight is none, or there are none.
        ConfigError: If one cannot be sent.
    """
    weights: dict[str, int | None] = {}
    for text in names:
        name, _, said = text.partition("=")
        if name not in known:
            hint = did_you_mean(name, known, kind="the configuration has")
            raise UsageError(f"no request {name!r}; {hint}")
        if said and not (said.isdecimal() and int(said)):
            raise UsageError(f"{text!r}: weight {said!r}; want a whole number, as {name}=3")
        weights[name] = int(said) if said else None
    if not known:
        raise UsageError(
            "the configuration has no request to send; give it one, as [requests.chat] with a path"
        )
    chosen = weights or dict.fromkeys(known)
    requests = [ready(name, known[name], os.environ) for name in chosen]
    return tuple(
        one if (weight := chosen[one.name]) is None else replace(one, weight=weight)
        for one in requests
    )


def _teller(plan: CanaryPlan) -> Tell:
    """Return what tells of each look, after a line on what is about to be done."""
    say(plan_text(plan))
    return lambda number, at_s, findings: say(look_text(number, at_s, findings))
