"""
Which options of a verb one of its modes does not heed: they are refused by name.

Whoever gives an option means something to be done by it. What would not be done is told before
anything is; a test asks each option in each mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click
from click.core import ParameterSource

from agent_perf.errors import UsageError

_LIVE: Final = "give --tier live"
_URL: Final = "give --url"
_SIMULATED: Final = "leave out --url: a running service is loaded in real time"
_SERVICE: Final = "name --redis, --database, --http or --model"
_PLAYED: Final = "leave out --cassette, which says all of it"
_ASKED: Final = "leave out --prometheus, which reads what others asked"
_READ: Final = "give --prometheus"

_SERVICES_OF_LIVE: Final = dict.fromkeys(("--redis-url", "--database-url", "--allow-host"), _LIVE)

UNHEEDED: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = {
    "load": {
        "in virtual time": _SERVICES_OF_LIVE
        | dict.fromkeys(("--workers", "--watch", "--think"), _URL),
        "in real time": dict.fromkeys(("--workers", "--watch", "--think"), _URL),
        "with --url": {
            "--tier": _SIMULATED,
            "--cpu": _SIMULATED,
            "--redis-url": _SIMULATED,
            "--database-url": _SIMULATED,
            "--own-targets": "give --target",
            "--max-cost": "nobody sees what its model calls cost",
            "--find-knee": "give --shape stress, whose stairs show it",
        },
        "with --find-knee": {"--speed": "it is of traces", "--think": _URL},
    },
    "run": {
        "in virtual time": _SERVICES_OF_LIVE,
        "in real time": {
            "--cluster": "tier live measures this machine",
            "--jobs": "one benchmark at a time is measured: others would be in its times",
        },
    },
    "cases": {"in virtual time": _SERVICES_OF_LIVE, "in real time": {}},
    "canary": {
        "with --prometheus": dict.fromkeys(
            ("--stable", "--candidate", "--rate", "--warm-up", "--seed", "--allow-host"), _ASKED
        ),
        "without --prometheus": dict.fromkeys(
            (
                "--stable-selector",
                "--candidate-selector",
                "--latency-metric",
                "--errors-metric",
                "--errors-selector",
                "--prometheus-token-env",
                "--prometheus-header",
            ),
            _READ,
        ),
        "with --prometheus and without --step": {"--steps": "give --step, too"},
        "with --prometheus and without --errors-metric": {
            "--errors": "give --errors-metric, too",
            "--errors-selector": "give --errors-metric, too",
        },
    },
    "calibrate": {
        "without a service": dict.fromkeys(
            (
                "--statements",
                "--request",
                "--model-name",
                "--model-tokens",
                "--model-price",
                "--model-key",
                "--rate",
                "--count",
                "--max-cost",
                "--dry-run",
                "--yes",
            ),
            _SERVICE,
        ),
        "without --live": dict.fromkeys(
            ("--redis-url", "--database-url"), "give --live, or --redis and --database"
        ),
        "without a service and --live": {"--allow-host": "it is of services"},
        "with a service": {
            "--rounds": "give --count",
            "--live": "leave out the service: CPU time is measured by itself",
        },
        "without --http": {"--request": "give --http"},
        "without --database": {"--statements": "give --database: whom should they be asked?"},
        "without --model": dict.fromkeys(
            ("--model-name", "--model-tokens", "--model-price", "--model-key", "--max-cost"),
            "give --model",
        ),
    },
    "model": {
        "with --cassette": dict.fromkeys(
            ("--script", "--seed", "--tables", "--tokens-per-chunk"), _PLAYED
        )
    },
}
"""Verb to mode to option to what to do about it. What is not here is heeded."""


def refuse_unheeded(*modes: str) -> None:
    """
    Return if the command line gives no option that the verb does not heed in *modes*.

    Raises:
        UsageError: If it does; what is only configured, or a default, is not looked at.
    """
    ctx = click.get_current_context()
    given = _given(ctx)
    for mode in modes:
        for option, way_out in UNHEEDED[ctx.command.name or ""][mode].items():
            if option in given:
                raise UsageError(f"{given[option]} has no meaning {mode}; leave it out ({way_out})")


def _given(ctx: click.Context) -> dict[str, str]:
    """Return each option of the command line, to how it may be spelled."""
    return {
        param.opts[0]: "/".join((*param.opts, *param.secondary_opts))
        for param in ctx.command.params
        if ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
    }
