"""
What verbs do otherwise at tier ``live``: its options, and where its services are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

import click

from agent_perf.errors import UsageError
from agent_perf.records import Tier

C = TypeVar("C", bound=Callable[..., Any])


def live_options(command: C) -> C:
    """Give *command* the options that say where the services of tier ``live`` are."""
    for name, variable, example in (
        ("--database-url", "AGENT_PERF_DATABASE_URL", "postgresql://user@host:5432/postgres"),
        ("--redis-url", "AGENT_PERF_REDIS_URL", "redis://host:6379/15"),
    ):
        command = click.option(
            name,
            metavar="URL",
            expose_value=False,
            callback=partial(_take_url, variable),
            help=f"For tier live: {example}, or 'embedded'; docs/services.md.",
        )(command)
    return command


def in_real_time(
    tier: str, cpu: str | None, services: Mapping[Any, str], allowed: Iterable[str] = ()
) -> bool:
    """
    Return whether *tier* is that of real time; if so, its services are found from now on.

    Args:
        tier: As the command line says.
        cpu: What CPU time is to be charged for; None: nobody says.
        services: ``[services]`` of the configuration, for what nobody says otherwise.
        allowed: Hosts of services, other than this machine, that a run may fill and ask.

    Raises:
        UsageError: If CPU time is to be charged for at tier ``live``, or a service is on a host
            that nobody allowed.
        ConfigError: If an address is none.
    """
    if Tier(tier) is not Tier.LIVE:
        return False
    if cpu not in (None, "none"):
        raise UsageError(
            f"--cpu {cpu} has no meaning at tier 'live', where work takes the time that it takes; "
            "leave it out"
        )
    from agent_perf.live import require_allowed
    from agent_perf.live.services import EMBEDDED, VARIABLES, chosen_services

    for service, url in chosen_services({}, services, os.environ).items():
        if url != EMBEDDED:
            # Without a host it is a socket of this machine, or its default port.
            hosted = url.replace(":///", "://localhost/", 1)
            require_allowed(hosted, allowed, "a run in real time")
        _set_variable(VARIABLES[service], url)
    return True


def clock_of(tier: str) -> str:
    """Return what time passes at *tier*, in words."""
    return "real time" if Tier(tier) is Tier.LIVE else "virtual time"


def time_of(tier: str) -> str:
    """Return in which time *tier* is, as modes of verbs are called."""
    return f"in {clock_of(tier)}"


def _take_url(variable: str, ctx: click.Context, _param: click.Parameter, url: str | None) -> None:
    if url is not None and not ctx.resilient_parsing:
        _set_variable(variable, url)


def _set_variable(name: str, value: str) -> None:
    """Set a variable for this command line and the processes that it starts."""
    before = os.environ.get(name)
    os.environ[name] = value
    ctx = click.get_current_context(silent=True)
    if ctx is not None:
        ctx.call_on_close(partial(_restore, name, before))


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
