"""
What is promised: how much worse each metric may become, and how bad it may be at all.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from agent_perf.amounts import parse_limit, parse_target
from agent_perf.errors import ConfigError
from agent_perf.records import DuetRun, Waiver, matches


class Level(enum.Enum):
    """What a change beyond the limit does."""

    ERROR = "error"
    """It fails the gate."""
    WARN = "warn"
    """It is told."""
    OFF = "off"
    """There is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """
    How much worse a metric may become.

    Attributes:
        level: What happens beyond.
        ratio: Largest change for the worse, 0.15 for 15 %; >= 0, and None if off.
    """

    level: Level
    ratio: float | None

    @property
    def gates(self) -> bool:
        """Whether the gate stands or falls with it."""
        return self.level is Level.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    A limit for the metrics that match, in the benchmarks that match.

    Attributes:
        benchmark: fnmatch pattern, case-sensitive.
        metric: Likewise.
    """

    benchmark: str = "*"
    metric: str
    limit: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Waivers:
    """
    What a project accepts on one day.

    Attributes:
        entries: In the order of their file.
        today: The day, in UTC.
        complete: Whether all of the project's benchmarks were measured. If not, only the
            waivers that match one of them are spoken of; if so, those for metrics of another
            family are left to the verbs that measure it.
        source: The file's name, for messages.
    """

    entries: tuple[Waiver, ...]
    today: date
    complete: bool = True
    source: str = "agent-perf-waivers.toml"

    def for_part(self) -> Waivers:
        """Return the same for a part of the benchmarks."""
        return replace(self, complete=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    All limits and targets, and what is accepted beyond them.

    Attributes:
        rules: Of those that match, the one wins that names benchmarks, then the one with
            most literal characters, then the first: so order matters to nobody who writes
            ``latency.*`` and ``latency.p99``.
        targets: Benchmark pattern to metric to the worst value allowed, in base units. A
            longer pattern wins. They come before those that a scenario declares.
        waivers: What is accepted all the same; None where nothing is to be stepped over.
    """

    rules: tuple[Rule, ...]
    targets: Mapping[str, Mapping[str, float]]
    waivers: Waivers | None = None

    def limit(self, benchmark: str, metric: str) -> Limit:
        """Return the limit for *metric* of *benchmark*; off if no rule matches."""
        matching = [
            rule
            for rule in self.rules
            if matches(metric, rule.metric) and matches(benchmark, rule.benchmark)
        ]
        if not matching:
            return _OFF
        # max returns the first of equals.
        return max(matching, key=lambda r: (_literals(r.benchmark), _literals(r.metric))).limit

    def limit_of(self, duet: DuetRun) -> float | None:
        """Return the largest change for the worse allowed for *duet*; None if not limited."""
        return self.limit(duet.benchmark, duet.metric).ratio

    def targets_for(self, benchmark: str, declared: Mapping[str, float]) -> dict[str, float]:
        """
        Return metric to the worst value allowed for *benchmark*, in base units.

        Args:
            benchmark: Its name.
            declared: What the scenario itself promises.
        """
        found = dict(declared)
        for pattern in sorted(self.targets, key=_literals):
            if matches(benchmark, pattern):
                found.update(self.targets[pattern])
        return found


def make_policy(
    limits: Mapping[str, str], targets: Mapping[str, Mapping[str, str | float]]
) -> Policy:
    """
    Return the default policy with the project's own limits and targets over it.

    Args:
        limits: ``metric`` or ``benchmark:metric`` pattern to ``15%``, ``+0``, ``warn 20%``
            or ``off``.
        targets: Benchmark pattern to metric to the worst value allowed: ``150ms``, ``500``.

    Raises:
        ConfigError: If a pattern names no known metric, or a value has no known form.
    """
    own = tuple(_rule(pattern, text) for pattern, text in limits.items())
    return Policy(
        rules=(*own, *DEFAULT_RULES),
        targets={
            pattern: {name: _target(pattern, name, value) for name, value in table.items()}
            for pattern, table in targets.items()
        },
    )


_OFF: Final = Limit(level=Level.OFF, ratio=None)
_FAMILIES: Final = (
    "latency", "work", "request", "success_ratio", "throughput", "goodput", "cpu", "wall",
    "memory", "resources",
    "error_ratio", "dropped_ratio", "hit_ratio",
)  # fmt: skip


def _default(metric: str, ratio: float | None) -> Rule:
    level = Level.OFF if ratio is None else Level.ERROR
    return Rule(metric=metric, limit=Limit(level=level, ratio=ratio))


DEFAULT_RULES: Final = (
    _default("*", 0.15),
    _default("latency.*", 0.15),
    _default("success_ratio", 0.05),
    # What a whole process takes on a clock scatters several times as much as its CPU time.
    _default("wall.total", 0.25),
    # Of memory the most, and of connections, files and threads too: what is needed is the
    # most that there was. Shares and means follow how long a process was looked at, and
    # are there for targets.
    # Counts of equal code nearly always agree to some hundredths of a per cent, and were never
    # seen to differ by one (docs/instructions.md).
    _default("cpu.instructions", 0.02),
    _default("memory.*", 0.20),
    _default("memory.mean", None),
    _default("memory.p95", None),
    _default("resources.*", 0.20),
    _default("resources.*.mean", None),
    _default("resources.*.p95", None),
    _default("resources.*_share.*", None),
    # In virtual time the mean is exact, and over the same requests; whether three of them
    # ever met or four follows from timing.
    _default("resources.db_in_use.mean", 0.20),
    _default("resources.db_in_use.peak", None),
    _default("work.*", 0.0),
    # A changed word in a payload is no regression; a payload grown by a sixth is.
    _default("work.bytes_*", 0.15),
    # How many events share a delivery follows from when they come: as with payloads, a sixth
    # more of them is a regression, and batching that was switched off is many times as many.
    _default("work.event_requests", 0.15),
    # How many connections a pool opens or makes wait follows from timing: one more in a
    # thousand requests is no regression. The harm that they do is latency, judged there.
    _default("work.*_connects", None),
    _default("work.*_prepares", None),
    _default("work.*_waits", None),
    # Fewer hits are fewer lookups or more misses: the first is fine, the second is
    # judged as misses.
    _default("work.redis_hits", None),
    # Likewise: what a lost prompt cache costs is judged as the model's cost.
    _default("work.llm_tokens_cached", None),
)
"""How much worse each metric may become unless the project says otherwise."""


def _rule(pattern: str, text: str) -> Rule:
    benchmark, _, metric = pattern.rpartition(":")
    check_family(pattern, metric)
    word, _, rest = text.strip().partition(" ")
    if word == "off" and not rest:
        limit = _OFF
    elif word in {"error", "warn"}:
        limit = Limit(level=Level(word), ratio=_ratio(pattern, rest))
    else:
        limit = Limit(level=Level.ERROR, ratio=_ratio(pattern, text))
    return Rule(benchmark=benchmark or "*", metric=metric, limit=limit)


def _ratio(pattern: str, text: str) -> float:
    try:
        return parse_limit(text)
    except ConfigError as error:
        raise ConfigError(f'limits: {pattern!r}: {error}; or "off", or "warn 15%"') from None


def _target(pattern: str, metric: str, value: str | float) -> float:
    check_family(f"{pattern}:{metric}", metric)
    try:
        return parse_target(metric, value)
    except ConfigError as error:
        raise ConfigError(f"targets: {pattern!r}: {error}") from None


def check_family(pattern: str, metric: str) -> None:
    """
    Check that *metric*, which is part of *pattern*, names a metric or several.

    Raises:
        ConfigError: If its family is unknown.
    """
    family = metric.partition(".")[0]
    if family in _FAMILIES or any(sign in family for sign in "*?["):
        return
    close = difflib.get_close_matches(family, _FAMILIES, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"they begin with {', '.join(_FAMILIES)}"
    raise ConfigError(f"{pattern!r} names no metric: {family!r} is unknown; {hint}")


def _literals(pattern: str) -> int:
    return sum(sign not in "*?[]" for sign in pattern)
