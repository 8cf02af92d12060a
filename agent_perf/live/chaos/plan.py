"""
An experiment, checked: what is asked, what goes wrong when, and what must hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.config import ChaosWorker, ChaosWrites, NamedChaos, did_you_mean
from agent_perf.errors import ConfigError
from agent_perf.live.chaos.address import Address, parse_address
from agent_perf.live.chaos.condition import Condition, parse_condition
from agent_perf.live.chaos.injection import Injection, injections_of
from agent_perf.live.chaos.observations import REQUESTS_MAX
from agent_perf.live.chaos.recovery import ASKED_MIN
from agent_perf.live.hosts import require_allowed
from agent_perf.scrubbing import without_url_secrets

_PLACE: Final = re.compile(r"\{([A-Za-z_][\w-]*)\}")
_MARGIN_S: Final = 1.0
_END_S: Final = 0.5
"""After the last stretch that is looked at, so that its requests are all sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a proxy listens, and what it stands in front of."""

    listen: Address
    upstream: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    An experiment that can be run.

    Attributes:
        name: Of the experiment.
        url: The service, in which ``{NAME}`` is the address of proxy NAME.
        rate_hz: Requests per second.
        in_flight_max: As in config.NamedChaos.
        request_count: How many there are in all.
        steady: What must hold.
        steady_s: Before the first fault it is told by the requests of so long.
        window_s: As in config.NamedChaos.
        seed: Likewise.
        routes: Name to what a proxy connects.
        workers: Name to a process.
        injections: By their begin.
        writes: As in config.NamedChaos.
    """

    name: str
    url: str
    rate_hz: float
    in_flight_max: int
    request_count: int
    steady: tuple[Condition, ...]
    steady_s: float
    window_s: float
    seed: int
    routes: Mapping[str, Route]
    workers: Mapping[str, ChaosWorker]
    injections: tuple[Injection, ...]
    writes: ChaosWrites | None

    @property
    def length_s(self) -> float:
        """How long requests are sent."""
        return self.request_count / self.rate_hz


def plan_of(name: str, named: NamedChaos, allowed: Iterable[str]) -> Plan:
    """
    Return the experiment that *named*, called *name*, describes.

    Args:
        name: As in ``[chaos.NAME]``.
        named: What the configuration says.
        allowed: Hosts that may be broken though they are not this machine.

    Raises:
        ConfigError: If something in it cannot be, or would tell nothing.
        UsageError: If it concerns another machine that is not allowed.
    """
    where = f"chaos.{name}"
    allowed = tuple(allowed)
    if not named.faults:
        raise ConfigError(f"{where} has no faults; want at least one, as [[{where}.faults]]")
    if not named.steady:
        raise ConfigError(f"{where}: steady = []; what must hold before and after a fault?")
    routes = {
        key: Route(
            listen=_listen(proxy.listen, f"{where}.proxies.{key}.listen", allowed),
            upstream=_upstream(proxy.upstream, f"{where}.proxies.{key}.upstream", allowed),
        )
        for key, proxy in named.proxies.items()
    }
    steady = tuple(parse_condition(text, f"{where}.steady") for text in named.steady)
    injections = injections_of(where, named)
    first_s = injections[0].begin_s
    margin_s = max((one.limit for one in steady if one.unit == "s"), default=_MARGIN_S)
    least_s = margin_s + ASKED_MIN / named.rate_hz
    if first_s < least_s:
        raise ConfigError(
            f"{where}: the first fault is at_s = {first_s:g}, and what is before it has to tell "
            f"the steady state; want at_s >= {least_s:g}"
        )
    if named.window_s * named.rate_hz < ASKED_MIN:
        raise ConfigError(
            f"{where}: window_s = {named.window_s:g} holds {named.window_s * named.rate_hz:g} "
            f"requests, which tell no share; want at least {ASKED_MIN}: a longer window, or a "
            "higher rate_hz"
        )
    length_s = max(one.until_s for one in injections) + _END_S
    count = math.ceil(length_s * named.rate_hz)
    if count > REQUESTS_MAX:
        raise ConfigError(f"{where} would send {count:,} requests; want {REQUESTS_MAX:,} at most")
    require_allowed(
        filled(named.url, {key: str(one.listen) for key, one in routes.items()}, f"{where}.url"),
        allowed,
        "an experiment",
    )
    return Plan(
        name=name,
        url=named.url,
        rate_hz=named.rate_hz,
        in_flight_max=named.in_flight_max,
        request_count=count,
        steady=steady,
        steady_s=first_s - margin_s,
        window_s=named.window_s,
        seed=named.seed,
        routes=routes,
        workers=named.workers,
        injections=injections,
        writes=named.writes,
    )


def filled(text: str, addresses: Mapping[str, str], where: str) -> str:
    """
    Return *text* with ``{NAME}`` replaced by the address of that name.

    Raises:
        ConfigError: If there is no such name.
    """

    def address_of(match: re.Match[str]) -> str:
        name = match[1]
        if name not in addresses:
            hint = did_you_mean(name, list(addresses), kind="proxies")
            raise ConfigError(f"{where} = {text!r}: no proxy {name!r}; {hint}")
        return addresses[name]

    return _PLACE.sub(address_of, text)


def timeline_lines(plan: Plan) -> list[str]:
    """Return what happens when, a line each."""
    happens = [
        (0.0, f"{plan.rate_hz:g} requests a second to {without_url_secrets(plan.url)}"),
        (
            plan.injections[0].begin_s,
            f"the steady state must hold: {', '.join(map(str, plan.steady))}",
        ),
    ]
    for one in plan.injections:
        span = f" for {one.end_s - one.begin_s:g} s" if one.end_s > one.begin_s else ""
        held = f"; meanwhile {', '.join(map(str, one.during))}" if one.during else ""
        happens.append((one.begin_s, f"{one.name}: {one.kind} of {one.target}{span}{held}"))
        happens.append(
            (one.over_s + one.recovery_s, f"{one.name}: the steady state must hold again")
        )
    happens.append((plan.length_s, "the last request is sent"))
    if plan.writes is not None:
        happens.append((plan.length_s, "what was acknowledged is read back"))
    # The sort is stable: what is said first of one instant comes first.
    return [f"{at_s:8.2f} s  {what}" for at_s, what in sorted(happens, key=lambda one: one[0])]


def _listen(text: str, what: str, allowed: Sequence[str]) -> Address:
    address = parse_address(text, what)
    if address.path:
        raise ConfigError(f"{what} = {text!r}; a proxy listens on TCP, as 127.0.0.1:0")
    require_allowed(f"tcp://{address}", allowed, "a proxy that listens")
    return address


def _upstream(text: str, what: str, allowed: Sequence[str]) -> Address:
    address = parse_address(text, what)
    if not address.path:
        require_allowed(f"tcp://{address}", allowed, "faults")
        if not address.port:
            raise ConfigError(f"{what} = {text!r}; want the service's port")
    return address
