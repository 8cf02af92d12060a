"""
``agent-perf validate``: are predictions of virtual time true on this machine?
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from agent_perf.cli.live import in_real_time
from agent_perf.cli.log_tally import tallied_logs
from agent_perf.cli.named import find_mix
from agent_perf.cli.output import print_json, say
from agent_perf.cli.project import Project, open_project
from agent_perf.cli.validate_text import lines_of, long_lines, write_page
from agent_perf.errors import UsageError
from agent_perf.live.services import VARIABLES, Service, chosen_services, live_services
from agent_perf.records import Tier
from agent_perf.suite import Scenario, run_load
from agent_perf.suite.prediction import (
    Groundwork,
    PathError,
    PredictionPlan,
    RateError,
    lay_groundwork,
    predict,
    predict_long,
)

OFF: Final = 1
UNDECIDED: Final = 4
WAITED_MAX_RATIO: Final = 0.02
"""Beyond it, what is off is not the prediction's: it knows of no other processes."""
_JUDGED = "p95"
_DEFAULT_SHARE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateOptions:
    """
    What to hold against what; the attributes are the options of the verb.
    """

    scenario: str
    shares: str
    requests: int
    rounds: int
    learned: int
    error_max: str
    judged_to: str
    live_for_s: float | None
    virtual_for_s: float | None
    rate_hz: float | None
    seed: int
    page: Path | None
    allow_host: tuple[str, ...]
    form: str


def validate(options: ValidateOptions) -> int:
    """
    Print how far predictions are off, and return the exit code.

    Raises:
        UsageError: If an option or their combination cannot be used.
        BrokenError: If the scenario raised, or services are not there.
    """
    plan = _plan(options)
    error_max = _share(options.error_max, "--error-max")
    judged_to = _share(options.judged_to, "--judged-to", most=1.0)
    is_long = options.live_for_s is not None
    if is_long != (options.virtual_for_s is not None):
        raise UsageError("--live-for and --virtual-for go together: give both, or neither")
    if options.rate_hz is not None and not is_long:
        raise UsageError("--rate goes with --live-for and --virtual-for; else give --shares")
    project = open_project(Path.cwd())
    in_real_time(Tier.LIVE.value, None, project.config.services, options.allow_host)
    scenario = _found(project, options.scenario)
    logged: list[str] = []
    with tallied_logs(logged), _services_of(scenario):
        ground = lay_groundwork(scenario, plan, say)
        rate_hz = options.rate_hz or _DEFAULT_SHARE * ground.knee_hz
        paths = _predicted_long(ground, rate_hz, options) if is_long else ()
        errors = () if is_long else predict(ground, plan, say)
    # What is printed inside is counted, and not shown.
    if is_long:
        return _tell_long(ground, rate_hz, paths, options, error_max)
    beyond = [one for one in errors if _is_off(one, error_max, judged_to)]
    lines = lines_of(ground, errors, error_max=error_max, judged_to=judged_to)
    if options.form == "json":
        print_json(
            {
                "scenario": scenario.name,
                "knee_hz": ground.knee_hz,
                "cpu_ns": ground.fit.costs.ns,
                "cpu_factors": ground.factors,
                "cpu_mean_ns": ground.fit.mean_ns,
                "rates": errors,
                "error_max": error_max,
                "judged_to": judged_to,
                "within": not beyond,
            }
        )
    else:
        for line in lines:
            click.echo(line)
    if options.page is not None:
        write_page(options.page, lines)
    return _code(beyond)


def _code(beyond: Sequence[RateError]) -> int:
    if not beyond:
        return 0
    if all(one.waited_ratio > WAITED_MAX_RATIO for one in beyond):
        say(
            "undecided: the process waited for a core that others had, which no prediction knows "
            "of; ask again when the machine does nothing else"
        )
        return UNDECIDED
    return OFF


def _predicted_long(
    ground: Groundwork, rate_hz: float, options: ValidateOptions
) -> tuple[PathError, ...]:
    assert options.live_for_s is not None
    assert options.virtual_for_s is not None
    return predict_long(
        ground,
        rate_hz,
        live_s=options.live_for_s,
        virtual_s=options.virtual_for_s,
        seed=options.seed,
    )


def _tell_long(
    ground: Groundwork,
    rate_hz: float,
    errors: Sequence[PathError],
    options: ValidateOptions,
    error_max: float,
) -> int:
    lines = long_lines(rate_hz, errors, options.live_for_s or 0.0, options.virtual_for_s or 0.0)
    if options.form == "json":
        print_json({"rate_hz": rate_hz, "knee_hz": ground.knee_hz, "paths": errors})
    else:
        for line in lines:
            click.echo(line)
    if options.page is not None:
        write_page(options.page, lines, mark="long")
    found = [one.error_ratio(_JUDGED) for one in errors if one.path]
    return OFF if any(abs(one) > error_max for one in found if one is not None) else 0


def _is_off(one: RateError, error_max: float, judged_to: float) -> bool:
    # What rounding makes of a share is not beyond it.
    is_judged = one.knee_ratio <= judged_to + 1e-9
    return is_judged and abs(one.predictions[_JUDGED].error_ratio) > error_max


def _plan(options: ValidateOptions) -> PredictionPlan:
    shares = {_share(part, "--shares", most=1.0) for part in options.shares.split(",")}
    return PredictionPlan(
        shares=tuple(sorted(shares)),
        requests=options.requests,
        rounds=options.rounds,
        learned=options.learned,
        seed=options.seed,
    )


def _share(text: str, option: str, *, most: float = 10.0) -> float:
    word = text.strip()
    try:
        value = float(word[:-1]) / 100 if word.endswith("%") else float(word)
    except ValueError:
        value = -1.0
    if not 0 < value <= most:
        raise UsageError(f"{option} {text!r}; want a share up to {most:.0%}, such as 70%")
    return value


def _found(project: Project, name: str) -> Scenario:
    mix = find_mix(project, (name,))
    if len(mix) != 1:
        raise UsageError(f"{name!r} are {len(mix)} scenarios; name one")
    return mix[0][0]


@contextmanager
def _services_of(scenario: Scenario) -> Iterator[None]:
    """Have the services that *scenario* uses, the same ones in all of its runs."""
    from agent_perf.load import Constant

    # Not users in a closed loop: of one whose requests take no time there would be no end.
    counts = run_load(scenario, Constant(rate_hz=20.0, for_s=2.0)).counts
    need = [
        service
        for service, name in ((Service.REDIS, "redis_trips"), (Service.DATABASE, "db_statements"))
        if counts.get(name)
    ]
    with live_services(chosen_services({}, {}, os.environ), need) as found:
        before = {VARIABLES[one]: os.environ.get(VARIABLES[one]) for one in need}
        os.environ.update({VARIABLES[one]: address.url for one, address in found.items()})
        try:
            yield
        finally:
            for variable, value in before.items():
                if value is None:
                    os.environ.pop(variable, None)
                else:
                    os.environ[variable] = value
