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
from agent_perf.cli.canary_text import canary_document, canary_markdown, result_lines
from agent_perf.cli.output import plain, print_json, say
from agent_perf.cli.profile import project_folder
from agent_perf.codec import write_atomic
from agent_perf.config import Config, NamedRequest, did_you_mean, load_config
from agent_perf.errors import UsageError
from agent_perf.gate import make_policy
from agent_perf.live import ReadyRequest, ready, require_allowed
from agent_perf.live.canary import (
    Answer,
    CanaryOutcome,
    CanaryPlan,
    CanaryResult,
    Limit,
    Pair,
    Prometheus,
    Step,
    Watched,
    roll_out,
    watch,
)

EXIT_CODES: Final[Mapping[CanaryOutcome, int]] = {
    CanaryOutcome.PROMOTE: 0,
    CanaryOutcome.ROLLBACK: 1,
    CanaryOutcome.HOLD: 4,
}
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
    if options.prometheus:
        result = asyncio.run(_watch(names, options, config))
    else:
        plan = _plan(options, steps_of(options), limits_of(config, options.limits))
        result = asyncio.run(roll_out(plan, _pair(names, options, config), _tell))
    undecided = options.undecided or "fail"
    code = EXIT_CODES[result.outcome]
    if result.outcome is CanaryOutcome.HOLD and undecided == "pass":
        code = 0
    if options.markdown is not None:
        write_atomic(options.markdown, canary_markdown(result).encode())
    if options.form == "json":
        print_json(canary_document(result, exit_code=code))
    else:
        for line in result_lines(result):
            click.echo(plain(line))
    return code


def _plan(options: CanaryOptions, steps: tuple[Step, ...], limits: tuple[Limit, ...]) -> CanaryPlan:
    return CanaryPlan(
        steps=steps,
        limits=limits,
        only=options.step,
        warm_up_s=options.warm_up_s,
        seed=options.seed,
    )


async def _watch(names: tuple[str, ...], options: CanaryOptions, config: Config) -> CanaryResult:
    watched = watched_of(names, options)
    limits = limits_of(config, options.limits)
    if not watched.errors_metric:
        limits = tuple(one for one in limits if one.quantile is not None)
    # Who sets the shares judges step by step; else all that is seen is one step.
    steps = steps_of(options) if options.step else steps_of(options)[-1:]
    async with Prometheus(options.prometheus or "") as prometheus:
        return await watch(_plan(options, steps, limits), prometheus, watched, _tell)


def watched_of(names: tuple[str, ...], options: CanaryOptions) -> Watched:
    """
    Return what *options* want to be read from Prometheus.

    Raises:
        UsageError: If something is missing, or has no meaning there.
    """
    if names or options.stable or options.candidate:
        raise UsageError(
            "--prometheus reads what others' requests came to: leave out --stable, --candidate "
            "and the names of requests"
        )
    for option, value in (
        ("--stable-selector", options.stable_selector),
        ("--candidate-selector", options.candidate_selector),
        ("--latency-metric", options.latency_metric),
    ):
        if not value.strip():
            raise UsageError(f"--prometheus wants {option}, too; see docs/canary.md")
    if options.stable_selector.strip() == options.candidate_selector.strip():
        raise UsageError(
            f"both selectors are {options.stable_selector!r}; want those of two services"
        )
    if options.errors_metric and not options.errors_selector.strip():
        raise UsageError('--errors-metric wants --errors-selector, too, as status=~"5.."')
    return Watched(
        stable=options.stable_selector,
        candidate=options.candidate_selector,
        latency_metric=options.latency_metric.removesuffix("_bucket"),
        errors_metric=options.errors_metric,
        errors_selector=options.errors_selector,
    )


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
        if text is not None:
            most: float | None = parse_limit(text)
        elif metric == "error_ratio":
            said = policy.limit("canary", "success_ratio")
            is_own = any(one.limit == said for one in own if "success" in one.metric)
            most = said.ratio if is_own else _ERRORS_MOST
        else:
            most = policy.limit("canary", metric).ratio
        if most is not None:
            found.append(Limit(metric=metric, most=most))
    return tuple(found)


def _pair(names: tuple[str, ...], options: CanaryOptions, config: Config) -> Pair:
    if not options.stable or not options.candidate:
        raise UsageError("want two services, as --stable URL --candidate URL")
    for url in (options.stable, options.candidate):
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


def _tell(number: int, at_s: float, answers: tuple[Answer, ...]) -> None:
    say(f"step {number}, {at_s:.0f} s: {', '.join(one.value for one in answers)}")
