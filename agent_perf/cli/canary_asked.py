"""
What ``agent-perf canary`` asks a Prometheus for, and as whom.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from agent_perf.errors import UsageError
from agent_perf.live.canary import Watched

if TYPE_CHECKING:
    from agent_perf.cli.canary import CanaryOptions

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


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
    if options.errors_selector and not options.errors_metric:
        raise UsageError("--errors-selector wants --errors-metric, too, as http_requests_total")
    return Watched(
        stable=options.stable_selector,
        candidate=options.candidate_selector,
        latency_metric=options.latency_metric.removesuffix("_bucket"),
        errors_metric=options.errors_metric,
        errors_selector=options.errors_selector,
    )


def headers_of(
    options: CanaryOptions, environ: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """
    Return the headers that tell Prometheus who asks, and what of them is secret.

    Values are in variables of *environ*: everybody on a machine can read its command lines. What
    was typed in the place of a variable's name may be the secret itself, and is not told.

    Raises:
        UsageError: If a variable is not set, or its value or the header's name cannot be sent.
    """
    headers: dict[str, str] = {}
    secrets: list[str] = []
    if options.prometheus_token_env:
        token = _value(options.prometheus_token_env, "--prometheus-token-env", environ)
        headers["authorization"] = f"Bearer {token}"
        secrets.append(token)
    for text in options.prometheus_headers:
        name, sign, variable = text.partition("=")
        if not sign or not _HEADER_NAME.fullmatch(name):
            raise UsageError(
                "--prometheus-header wants a header and the variable that holds its value, as "
                "X-Scope-OrgID=PROM_TENANT"
            )
        if name.lower() in headers:
            raise UsageError(f"header {name.lower()!r} is given twice; leave out one of them")
        headers[name.lower()] = _value(variable, f"--prometheus-header {name}=", environ)
        secrets.append(headers[name.lower()])
    if "authorization" in headers and "@" in (options.prometheus or ""):
        raise UsageError("--prometheus with a user and a token, too; leave out one of them")
    return headers, tuple(sorted(secrets, key=len, reverse=True))


def _value(variable: str, option: str, environ: Mapping[str, str]) -> str:
    # Files and secrets of a cluster often end with a new line.
    value = environ.get(variable, "").strip()
    if not value:
        raise UsageError(
            f"{option} wants the name of an environment variable that is set; that one is not, or "
            "is empty"
        )
    if not value.isascii() or not value.isprintable():
        raise UsageError(f"{option}: the variable's value cannot be sent; want one line of ASCII")
    return value
