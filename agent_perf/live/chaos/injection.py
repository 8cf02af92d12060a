"""
The faults of an experiment, with their times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.config import ChaosFault, NamedChaos, did_you_mean
from agent_perf.errors import ConfigError
from agent_perf.live.chaos.condition import Condition, parse_condition
from agent_perf.live.chaos.toxic import Toxic, ToxicKind, Way

WORKER_KINDS: Final = ("kill", "stop")
"""Kinds that are of a process, not of a proxy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """
    A fault with its time; all times count from the begin of the load.

    Attributes:
        name: What the report calls it.
        kind: As in config.ChaosFault.
        target: Name of the proxy or worker.
        begin_s: When it is switched on.
        end_s: When it is over; as *begin_s*, if it is of an instant.
        over_s: When all that goes wrong at the same time is over.
        until_s: Until when recovery is looked for.
        recovery_s: Until it must be there, from *over_s*.
        during: What must hold of the requests from *begin_s* to *end_s*.
        toxic: Of a proxy; None for a worker.
    """

    name: str
    kind: str
    target: str
    begin_s: float
    end_s: float
    over_s: float
    until_s: float
    recovery_s: float
    during: tuple[Condition, ...]
    toxic: Toxic | None


def injections_of(where: str, named: NamedChaos) -> tuple[Injection, ...]:
    """
    Return the faults of *named*, by their begin.

    Raises:
        ConfigError: If one cannot be, or begins before the one before can have been judged; it
            begins with *where*.
    """
    faults = sorted(named.faults, key=lambda one: one.at_s)
    ends = [one.at_s + _length_s(one, named) for one in faults]
    # What overlaps is one incident: only after all of it can anything be well again.
    clusters: list[list[int]] = []
    for index, fault in enumerate(faults):
        if clusters and fault.at_s <= max(ends[other] for other in clusters[-1]):
            clusters[-1].append(index)
        else:
            clusters.append([index])
    made: list[Injection] = []
    names: set[str] = set()
    for number, cluster in enumerate(clusters):
        over_s = max(ends[index] for index in cluster)
        limits = [faults[index].recovery_s or named.recovery_s for index in cluster]
        until_s = over_s + max(limits) + named.window_s
        if number + 1 < len(clusters):
            next_s = faults[clusters[number + 1][0]].at_s
            if next_s < until_s:
                raise ConfigError(
                    f"{where}: a fault at_s = {next_s:g} begins before it can be told whether all "
                    f"is well after the one before, which is over at {over_s:g} s and has "
                    f"{max(limits):g} s to recover and {named.window_s:g} s to show it; want "
                    f"at_s >= {until_s:g}, or one that overlaps with it"
                )
        for index, limit in zip(cluster, limits, strict=True):
            one = _injection(where, named, faults[index], over_s, until_s, limit)
            if one.name in names:
                raise ConfigError(f"{where}: two faults are called {one.name!r}; give one a name")
            names.add(one.name)
            made.append(one)
    return tuple(made)


def _length_s(fault: ChaosFault, named: NamedChaos) -> float:
    # Who was killed is away for as long as his supervisor leaves him, unless it is said otherwise.
    if fault.kind == "kill" and not fault.for_s and fault.worker in named.workers:
        worker = named.workers[fault.worker]
        return 0.0 if worker.pid_file else worker.restart_after_s
    return fault.for_s


def _injection(
    where: str, named: NamedChaos, fault: ChaosFault, over_s: float, until_s: float, limit_s: float
) -> Injection:
    target = fault.worker if fault.kind in WORKER_KINDS else fault.proxy
    name = fault.name or f"{target} {fault.kind}"
    what = f"{where}: fault {name}"
    if fault.kind in WORKER_KINDS:
        _known(what, "worker", fault.worker, list(named.workers))
        if fault.proxy:
            raise ConfigError(f"{what}: {fault.kind} is of a worker, not of proxy {fault.proxy}")
    else:
        _known(what, "proxy", fault.proxy, list(named.proxies))
        if fault.worker:
            raise ConfigError(f"{what}: {fault.kind} is of a proxy, not of worker {fault.worker}")
    for_s = _length_s(fault, named)
    is_foreign = fault.kind == "kill" and bool(named.workers[fault.worker].pid_file)
    if is_foreign and for_s:
        raise ConfigError(
            f"{what}: for_s = {for_s:g}, of a worker that its own supervisor starts again; leave "
            "it out"
        )
    if not for_s and fault.kind != "reset" and not is_foreign:
        raise ConfigError(f"{what}: for_s = 0; only a reset is of an instant; want for_s > 0")
    if not for_s and fault.during:
        raise ConfigError(f"{what}: during = {list(fault.during)}, of an instant; want for_s > 0")
    if not for_s and fault.first is not None:
        raise ConfigError(f"{what}: first = {fault.first}, of an instant; want for_s > 0")
    return Injection(
        name=name,
        kind=fault.kind,
        target=target,
        begin_s=fault.at_s,
        end_s=fault.at_s + for_s,
        over_s=over_s,
        until_s=until_s,
        recovery_s=limit_s,
        during=tuple(parse_condition(text, f"{what}: during") for text in fault.during),
        toxic=_toxic(name, fault, named.seed),
    )


def _toxic(name: str, fault: ChaosFault, seed: int) -> Toxic | None:
    given = (fault.latency_s, fault.jitter_s, fault.bytes_per_s, fault.slice_bytes)
    if fault.kind in WORKER_KINDS:
        if any(given) or fault.after_bytes or fault.first is not None or fault.probability < 1:
            raise ConfigError(f"fault {name}: {fault.kind} has at_s and for_s, and no more")
        return None
    return Toxic(
        name=name,
        kind=ToxicKind(fault.kind),
        way=Way(fault.way),
        latency_s=fault.latency_s,
        jitter_s=fault.jitter_s,
        bytes_per_s=fault.bytes_per_s,
        slice_bytes=fault.slice_bytes,
        after_bytes=fault.after_bytes,
        first=fault.first,
        probability=fault.probability,
        seed=seed,
    )


def _known(what: str, kind: str, name: str, names: Sequence[str]) -> None:
    if name in names:
        return
    if not name:
        raise ConfigError(f"{what}: no {kind}; want one of {', '.join(names) or 'none there is'}")
    raise ConfigError(f"{what}: {kind} = {name!r}; {did_you_mean(name, names, kind=f'{kind}s')}")
