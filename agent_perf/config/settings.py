"""
What a project says of its benchmarks, with the values that hold if it says nothing.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from agent_perf.config.chaos import NamedChaos
from agent_perf.config.refusals import dotted, literals, not_finite, refusal
from agent_perf.errors import ConfigError

Seconds = Annotated[float, Meta(gt=0)]
PerSecond = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
FolderBelow = Annotated[str, Meta(pattern=r"^(?!/)(?!.*(^|/)\.\.(/|$)).+$")]
Text = str | tuple[Literal["error", "warn"], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLoad:
    """
    A load that has a name: what `agent-perf load --named NAME` puts on a scenario.

    Attributes:
        shape: How requests arrive.
        rate_hz: Requests per second.
        to_hz: Rate at the end, of a ramp or of stairs.
        for_s: Virtual seconds during which requests arrive.
        users: Users who share the requests; with `closed`, who wait for answers.
        closed: Whether users wait for the answer before they ask again.
        within_s: What is a good answer, in seconds.
        max_in_flight: What would be beyond is dropped.
        max_rate_hz: Likewise, of requests per second.
        seed: Of all draws.
    """

    shape: (
        Literal["poisson", "constant", "gamma", "ramp", "spike", "burst", "stress", "soak"] | None
    ) = None
    rate_hz: PerSecond | None = None
    to_hz: PerSecond | None = None
    for_s: Seconds | None = None
    users: Count | None = None
    closed: bool = False
    within_s: Seconds | None = None
    max_in_flight: Count | None = None
    max_rate_hz: PerSecond | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRequest:
    """
    A request to a running service that has a name: what smoke, canary, chaos and a load ask.

    Text of `path`, `body`, `headers` and `json` may hold ``${NAME}``: an environment variable,
    read when the request is made, and never stored.

    Attributes:
        method: Of HTTP; POST if there is a body, else GET.
        path: With its query, below the service's address.
        json: Body, sent as JSON.
        body: Body, sent as it is.
        headers: Further headers.
        status: Statuses of a good answer; empty: 200 to 299.
        contains: Text that a good answer holds.
        stream: Whether the answer is an event stream, whose first event is timed, too.
        weight: Its share among the requests of a mix.
        timeout_s: After so many seconds there is no answer.
        within_s: What is a good answer, in seconds; of a stream, its first event.
    """

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] | None = None
    path: Annotated[str, Meta(pattern="^/")] = "/"
    json: Any = None
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: tuple[Annotated[int, Meta(ge=100, le=599)], ...] = ()
    contains: str = ""
    stream: bool = False
    weight: Count = 1
    timeout_s: Seconds = 30.0
    within_s: Seconds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """
    What a project says of its benchmarks.

    Attributes:
        benchmarks: Package with the scenarios, relative to the root.
        under_test: Folders that are taken from the commit under test, when the package
            they belong to also holds the harness; empty: the whole tree.
        source: Folders put on the import path, relative to the root: ``.`` or ``src``.
        results: Where runs are kept.
        baselines: Where named baselines are kept; commit this folder.
        sessions: Where it is kept which command was run, on what, and what came of it.
        sessions_kept: How many of them are kept; the oldest go first.
        reports: Where reports are written.
        waivers: File of what is accepted until a date; commit it.
        limits: Metric pattern to the change allowed: ``"15%"``, ``"+0"``, ``"off"``, or with
            a level ``["warn", "20%"]``.
        targets: Benchmark pattern to metric to the largest value: ``"150ms"``.
        loads: Name to a load, for `agent-perf load --named`.
        requests: Name to a request, for what asks a running service.
        services: Where real services are, for what needs them: ``redis`` and ``database`` to a
            URL, which may hold ``${NAME}``, or to ``embedded``: started for each run.
        chaos: Name to an experiment on running services, for `agent-perf chaos`.
        time_limit_s: Real seconds for one benchmark, > 0.
        time_budget_s: Real seconds after which `compare` begins no further round.
        rounds: Sampled rounds of a metric at most; as many as it takes if not given.
        jobs: Commits measured at a time; one per core if not given.
        tier: How much of the real code runs: stubs, client libraries, or protocols as well. What
            is judged against a base is measured at ``client`` in any case.
        instructions: Whether `compare` counts instructions: of no micro-benchmark, of all, or
            of those that match a pattern.
        undecided: ``fail`` or ``pass``: what an undecided gate ends with.
        max_cost_usd: Dollars that the model calls of what is measured may come to, before
            measuring stops with exit code 6; no limit if not given.
    """

    benchmarks: FolderBelow = "benchmarks"
    under_test: tuple[str, ...] = ()
    source: tuple[str, ...] = (".", "src")
    results: str = ".agent-perf/results"
    baselines: str = ".agent-perf/baselines"
    sessions: str = ".agent-perf/sessions"
    sessions_kept: Count = 200
    reports: str = "reports"
    waivers: str = "agent-perf-waivers.toml"
    limits: Mapping[str, Text] = field(default_factory=dict)
    targets: Mapping[str, Mapping[str, str | float]] = field(default_factory=dict)
    loads: Mapping[str, NamedLoad] = field(default_factory=dict)
    requests: Mapping[str, NamedRequest] = field(default_factory=dict)
    services: Mapping[Literal["redis", "database"], str] = field(default_factory=dict)
    chaos: Mapping[str, NamedChaos] = field(default_factory=dict)
    time_limit_s: Seconds = 120.0
    time_budget_s: Annotated[float, Meta(ge=0)] = 60.0
    rounds: Count | None = None
    jobs: Count | None = None
    tier: Literal["stub", "client", "wire"] = "client"
    instructions: bool | tuple[str, ...] = False
    undecided: Literal["fail", "pass"] = "fail"
    max_cost_usd: Annotated[float, Meta(ge=0)] | None = None

    def __post_init__(self) -> None:
        problems = [
            problem
            for item in fields(self)
            for _, problem in value_problems(Config, item.name, getattr(self, item.name))
        ]
        if problems:
            raise ConfigError("; ".join(problems))

    @property
    def limit_texts(self) -> dict[str, str]:
        """The limits in one word each: ``["warn", "20%"]`` is ``warn 20%``."""
        return {
            pattern: text if isinstance(text, str) else " ".join(text)
            for pattern, text in self.limits.items()
        }


Table = type[Config] | type[NamedLoad] | type[NamedRequest] | type[NamedChaos]
NAMED_TABLES: Final[Mapping[str, Table]] = {
    "loads": NamedLoad,
    "requests": NamedRequest,
    "chaos": NamedChaos,
}
"""Keys of the configuration that hold tables by name."""

_TYPES: Final[dict[Table, dict[str, Any]]] = {}


def value_problems(table: Table, key: str, value: object) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path of each wrong value in *value* of *key* in *table*, and what is wrong."""
    return _wrong(key_types(table)[key], value, (key,))


def _wrong(
    hint: Any, value: object, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    if get_origin(hint) is Mapping and isinstance(value, Mapping):
        names, inner = get_args(hint)
        for name, entry in value.items():
            if known := literals(names):
                yield from _unknown(known, name, path)
            yield from _wrong(inner, entry, (*path, name))
        return
    if where := not_finite(value):
        yield path, f"{dotted(path)}{where}; want a finite number"
        return
    try:
        msgspec.convert(value, hint, from_attributes=True)
    except msgspec.ValidationError as error:
        yield path, refusal(hint, value, dotted(path), str(error))


def _unknown(
    known: list[str], name: str, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    if name not in known:
        yield (*path, name), f"{dotted((*path, name))} is unknown; want {' or '.join(known)}"


def key_types(table: Table) -> dict[str, Any]:
    """Return the type of each key of *table*."""
    if table not in _TYPES:
        _TYPES[table] = get_type_hints(table, include_extras=True)
    return _TYPES[table]


def key_texts(table: Table) -> dict[str, str]:
    """Return what each key of *table* is, as its docstring tells; empty under ``-OO``."""
    _, _, attributes = (inspect.getdoc(table) or "").partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    return {key: " ".join(text.split()).replace("``", "`") for key, text in found}
