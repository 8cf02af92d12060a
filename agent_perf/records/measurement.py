"""
What was measured: runs with all they hold, and what gave no value.

Virtual time is in integer nanoseconds (``_ns``), so that equality means equality; every
other quantity is in base units.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from agent_perf.errors import SampleError
from agent_perf.records.incidents import CheckResult, FaultWindow, StateChange
from agent_perf.records.levels import LevelTotal
from agent_perf.records.timeline import Timeline


class Evidence(enum.Enum):
    """How a number came to be, and so how it may be judged."""

    EXACT = "exact"
    """Virtual time or a work count: the same on every machine, any change is a fact."""
    SAMPLED = "sampled"
    """Measured on a real machine: noisy, judged with an interval."""


class Tier(enum.Enum):
    """How much of the real world a run is in, and so what it cannot see."""

    STUB = "stub"
    """Stubs in place of client libraries: queueing, capacity, hours of load."""
    CLIENT = "client"
    """Real client libraries over services in the process: what verdicts rest on."""
    WIRE = "wire"
    """Real protocols over a network in memory: connections, pools, framing."""
    LIVE = "live"
    """Real services in real time: what the machine does is in the figures, noise as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """
    One operation inside one request.

    Attributes:
        name: Operation, ``service.verb``: ``redis.trip``, ``db.statement``, ``db.wait``,
            ``http.request``, ``llm.first_token``, ``llm.stream``.
        detail: What it was about, in words a person knows: ``GET``, a statement's
            fingerprint, a method and a URL without its query; may be empty.
        start_ns: Begin, counted from the request's intended start.
        end_ns: End, likewise; >= *start_ns*.
    """

    name: str
    detail: str = ""
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """The real request whose latency lies nearest the P95, with its spans by start."""

    request_id: int
    latency_ns: int
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationTotal:
    """
    What all requests of a run spent in one operation.

    Attributes:
        count: Number of spans.
        busy_ns: Sum of their lengths.
        critical_ns: Part of it on the requests' critical paths: time in which nothing
            that finished later was under way.
    """

    count: int
    busy_ns: int
    critical_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """
    What must be equal for two runs to be comparable, and what is good to know.

    Attributes:
        python: Major and minor version, ``3.11``.
        harness: Digest of the harness's own code and latency tables.
        scenario: Digest of the source file that defines the scenario.
        packages: Name to version of the libraries that shape the numbers. They belong
            to what is under test: they are told, and do not forbid a comparison.
        cpu: How CPU time was charged for: a mode and a digest of its costs, as
            ``calls-1f0c93ab``; empty if it was not.
        tables: Digest of the project's own latency tables; empty if it has none.
    """

    python: str
    harness: str
    scenario: str
    packages: Mapping[str, str] = field(default_factory=dict)
    cpu: str = ""
    tables: str = ""

    @property
    def key(self) -> str:
        """What a result file's name carries: with an equal key, a run need not be repeated."""
        packages = ",".join(f"{name}={self.packages[name]}" for name in sorted(self.packages))
        digest = sha256(packages.encode()).hexdigest()
        cpu = f"-{self.cpu}" if self.cpu else ""
        tables = f"-tables-{self.tables[:8]}" if self.tables else ""
        return f"py{self.python}-{self.harness[:8]}-{self.scenario[:8]}-{digest[:8]}{cpu}{tables}"

    def comparable_with(self, other: Environment) -> bool:
        """Return True if runs in both may be compared: all the same but packages."""
        return (self.python, self.harness, self.scenario, self.cpu, self.tables) == (
            other.python,
            other.harness,
            other.scenario,
            other.cpu,
            other.tables,
        )


def benchmark_name(scenario: str, users: int, tier: Tier) -> str:
    """Return ``agent.chat@200``, or ``agent.chat@200~wire`` on a tier that is not the default."""
    suffix = "" if tier is Tier.CLIENT else f"~{tier.value}"
    return f"{scenario}@{users}{suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """
    One scenario at one load on one commit, in virtual time.

    Attributes:
        scenario: ``family.name``, as in ``agent.chat``.
        users: Concurrent users, >= 1.
        seed: Seed of all draws.
        commit: 40 hex digits, or ``worktree`` for uncommitted code.
        latency_ns: One per request, in order of request id, from its intended start to
            its end, successful or not.
        path: One per request: how it was answered (``hit``, ``miss``, or empty).
        errors: Request id to error category, for those that failed.
        duration_ns: Virtual length of the run.
        counts: Work count to its total over the run: ``redis_trips``, ``db_queries``...
        details: Work count, colon, detail to total: ``db_queries:SELECT 1``.
        operations: Span name to what the requests spent there.
        exemplar: None if no request finished.
        trace_digest: Hash of everything that happened, in order.
        targets: Metric to the largest value allowed, in the metric's base unit.
        tier: How much of the real code ran.
        fault_windows: What was made to go wrong, by its begin.
        states: Changes of state that the scenario told of, in order.
        checks: Whether it keeps what the scenario promises of its faults.
        load: The shape of an open load, in words; empty for users who wait for answers.
        timeline: The run along its time; None if nobody asked for it.
        levels: What was held along the run, by name: ``db_in_use``.
        most: Work count to the most that one request came to, from its begin to its end;
            None in a run that was stored before that was counted.
    """

    scenario: str
    users: int
    seed: int
    commit: str
    environment: Environment
    latency_ns: tuple[int, ...]
    path: tuple[str, ...]
    errors: Mapping[int, str]
    duration_ns: int
    counts: Mapping[str, int]
    details: Mapping[str, int]
    operations: Mapping[str, OperationTotal]
    exemplar: Exemplar | None
    trace_digest: str
    targets: Mapping[str, float] = field(default_factory=dict)
    tier: Tier = Tier.CLIENT
    fault_windows: tuple[FaultWindow, ...] = ()
    states: tuple[StateChange, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    load: str = ""
    timeline: Timeline | None = None
    levels: Mapping[str, LevelTotal] = field(default_factory=dict)
    most: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        if len(self.latency_ns) != len(self.path):
            raise SampleError(
                f"run {self.benchmark}: {len(self.latency_ns)} latencies and "
                f"{len(self.path)} paths; want one of each per request"
            )

    @property
    def benchmark(self) -> str:
        """Name of the benchmark: the scenario and its load, ``agent.chat@200``."""
        return benchmark_name(self.scenario, self.users, self.tier)

    @property
    def key(self) -> str:
        """Name under which the run is stored: the benchmark and its environment."""
        return f"{self.benchmark}-{self.environment.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """
    A benchmark that gave no value on one commit.

    Attributes:
        benchmark: Its name.
        commit: As in Run.
        category: ``import``, ``raised``, ``time limit``, ``not a number``.
        message: One line for people.
        traceback: The end of the traceback; may be empty.
    """

    benchmark: str
    commit: str
    category: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """
    One number that a run comes to.

    Attributes:
        name: ``latency.p95``, ``latency.hit.p95``, ``work.redis_trips``,
            ``success_ratio``, ``throughput``, ``cpu.median``, ``memory.peak``.
        value: Finite, in *unit*.
        unit: As in units.format_value.
        evidence: Exact or sampled.
        sample_count: Observations behind it, >= 1.
    """

    name: str
    value: float
    unit: str
    evidence: Evidence
    sample_count: int

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise SampleError(
                f"metric {self.name!r} is {self.value}; want a finite number: "
                "let the scenario fail instead of returning it"
            )
