"""
What a smoke test is to ask: what the user named, what the configuration says, conventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from agent_perf.config import NamedRequest, did_you_mean
from agent_perf.errors import UsageError
from agent_perf.live.request import ReadyRequest, ready

WITHIN_S: Final = 2.0
"""What an answer may take if nobody says otherwise: the target of real services, SPEC D2."""
PROBE_TIMEOUT_S: Final = 10.0
"""A service that says nothing for so long is told as such."""

HEALTH_PATHS: Final = ("/health", "/healthz", "/readyz", "/livez", "/api/health")
METRICS_PATHS: Final = ("/metrics", "/metrics/")
# As Prometheus 3 asks, without its binary format.
_METRICS_ACCEPT: Final = (
    "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1"
)


class CheckKind(Enum):
    """By what rules an answer is good."""

    HEALTH = "health"
    CHAT = "chat"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """
    One thing to find out.

    Attributes:
        name: As results call it.
        kind: By what rules its answer is judged.
        requests: Asked one after another until one is there: 404 and 405 mean it is not.
        shown: Method and path of each of them, without secrets.
        within_s: What it may take: until a stream's first event, else as a whole.
        is_optional: Whether none of them has to be there.
        is_guess: Whether convention says where it is, and not the user.
        metrics: Names that a page of metrics has to hold.
    """

    name: str
    kind: CheckKind
    requests: tuple[ReadyRequest, ...]
    shown: tuple[str, ...]
    within_s: float
    is_optional: bool = False
    is_guess: bool = False
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A check that is not made, and why not."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """
    What the user wants checked.

    Attributes:
        health: Path of the health endpoint; empty: as configured, or by convention.
        chats: Names of requests of the configuration; empty: ``chat`` if there is such.
        metrics: Path of the metrics endpoint; empty: as configured, or by convention.
        metric_names: Names that the page of metrics has to hold.
        within_s: Seconds by name of a check; under the empty name, of all others.
    """

    health: str = ""
    chats: tuple[str, ...] = ()
    metrics: str = ""
    metric_names: tuple[str, ...] = ()
    within_s: Mapping[str, float] = field(default_factory=dict)


def plan_checks(
    named: Mapping[str, NamedRequest], wishes: Wishes, environ: Mapping[str, str]
) -> tuple[Check | Skipped, ...]:
    """
    Return what to check, in order: health, chats, metrics.

    A path alone tells nobody what to post there, so that a chat is never guessed.

    Args:
        named: Requests of the configuration.
        wishes: What the user said.
        environ: What variables in requests stand for.

    Raises:
        UsageError: If a name or path cannot be used.
        ConfigError: If a request cannot be sent.
    """
    for path in (wishes.health, wishes.metrics):
        if path and not path.startswith("/"):
            raise UsageError(f"{path!r} is no path; want one that begins with /, as /health")
    chats = wishes.chats or (("chat",) if "chat" in named else ())
    for name in chats:
        if name not in named:
            hint = did_you_mean(name, named, kind="configured")
            raise UsageError(f"there is no [requests.{name}] in the configuration; {hint}")
    plan: list[Check | Skipped] = [
        _endpoint(CheckKind.HEALTH, wishes.health, HEALTH_PATHS, named, wishes, environ)
    ]
    plan += [_check(name, CheckKind.CHAT, {name: named[name]}, wishes, environ) for name in chats]
    if not chats:
        reason = "none is configured; say in [requests.chat] what to ask"
        plan.append(Skipped(name="chat", reason=reason))
    plan.append(_endpoint(CheckKind.METRICS, wishes.metrics, METRICS_PATHS, named, wishes, environ))
    unknown = set(wishes.within_s) - {one.name for one in plan} - {""}
    if unknown:
        names = ", ".join(one.name for one in plan)
        raise UsageError(f"--within {min(unknown)}=...: no check is called so; there are {names}")
    return tuple(plan)


def _endpoint(
    kind: CheckKind,
    path: str,
    usual: tuple[str, ...],
    named: Mapping[str, NamedRequest],
    wishes: Wishes,
    environ: Mapping[str, str],
) -> Check:
    """Return the check of an endpoint: at *path*, as configured, or at one of the *usual*."""
    name = kind.value
    headers = {"accept": _METRICS_ACCEPT} if kind is CheckKind.METRICS else {}
    if path or name not in named:
        requests = {
            one: NamedRequest(path=one, headers=headers, timeout_s=PROBE_TIMEOUT_S)
            for one in ((path,) if path else usual)
        }
    else:
        own = named[name]
        # What the user says of headers holds over ours.
        own_headers = {key.lower(): value for key, value in own.headers.items()}
        requests = {name: replace(own, headers=headers | own_headers)}
    return _check(name, kind, requests, wishes, environ, is_guess=not path and name not in named)


def _check(
    name: str,
    kind: CheckKind,
    requests: Mapping[str, NamedRequest],
    wishes: Wishes,
    environ: Mapping[str, str],
    *,
    is_guess: bool = False,
) -> Check:
    made = [ready(name, request, environ) for request in requests.values()]
    configured_s = next(iter(requests.values())).within_s
    default_s = configured_s or wishes.within_s.get("", WITHIN_S)
    return Check(
        name=name,
        kind=kind,
        requests=tuple(made),
        # The path as it is written: what variables stand for is not shown.
        shown=tuple(
            f"{one.method} {request.path.partition('?')[0]}"
            for one, request in zip(made, requests.values(), strict=True)
        ),
        within_s=wishes.within_s.get(name, default_s),
        is_guess=is_guess,
        is_optional=is_guess and kind is CheckKind.METRICS and not wishes.metric_names,
        metrics=wishes.metric_names if kind is CheckKind.METRICS else (),
    )
