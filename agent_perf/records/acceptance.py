"""
What a project has accepted: waivers until a date, and changes of the past that are known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from agent_perf.errors import ConfigError
from agent_perf.records.patterns import matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """
    A regression or a missed target that is accepted for a reason, until a date.

    Attributes:
        benchmark: A name, or an fnmatch pattern, case-sensitive.
        metric: Likewise; not both patterns may match everything.
        reason: Why, on one line for people; not empty.
        until: The last day on which it holds, in UTC.
        at_most_ratio: Largest change for the worse that it accepts, 0.3 for 30 %, > 0: of a
            regression against the base, of a missed target against the target. None: any.
        author: Who accepted it; may be empty.
    """

    benchmark: str
    metric: str
    reason: str
    until: date
    at_most_ratio: float | None = None
    author: str = ""

    def __post_init__(self) -> None:
        _check_patterns(self.benchmark, self.metric)
        # Without a letter or digit they would accept whatever comes, as "*" and "*.*" do.
        if not any(map(str.isalnum, self.benchmark + self.metric)):
            raise ConfigError(
                f"benchmark = {self.benchmark!r} and metric = {self.metric!r} accept everything; "
                "name the benchmark or the metric, or set the limit off in the configuration"
            )
        _check_reason(self.reason)
        if self.at_most_ratio is not None and not 0 < self.at_most_ratio < math.inf:
            raise ConfigError(
                f'at_most = {self.at_most_ratio}; want a percentage > 0, such as "30%"'
            )

    @property
    def name(self) -> str:
        """Its patterns, by which messages name it: ``agent.chat@* latency.p95``."""
        return f"{self.benchmark} {self.metric}"

    def covers(self, benchmark: str, metric: str) -> bool:
        """Return whether both patterns match."""
        return matches(benchmark, self.benchmark) and matches(metric, self.metric)

    def days_left(self, today: date) -> int:
        """Return the days after *today* on which it still holds; negative once it expired."""
        return (self.until - today).days


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """
    A change of the past that is known: the history lists it, and does not raise it again.

    Attributes:
        commit: The commit that made it: 7 to 40 hex digits, lower case.
        reason: Why it stays, on one line for people; not empty.
        benchmark: A name, or an fnmatch pattern, case-sensitive.
        metric: Likewise.
        author: Who says so; may be empty.
    """

    commit: str
    reason: str
    benchmark: str = "*"
    metric: str = "*"
    author: str = ""

    def __post_init__(self) -> None:
        _check_patterns(self.benchmark, self.metric)
        _check_reason(self.reason)
        if not 7 <= len(self.commit) <= 40 or set(self.commit) - set("0123456789abcdef"):
            raise ConfigError(f"commit = {self.commit!r}; want 7 to 40 hex digits, lower case")

    @property
    def name(self) -> str:
        """By which messages name it: ``1f0c93ab * latency.p95``."""
        return f"{self.commit} {self.benchmark} {self.metric}"

    def covers(self, commit: str, benchmark: str, metric: str) -> bool:
        """Return whether the change of *metric* at *commit*, 40 hex digits, is this one."""
        return (
            commit.startswith(self.commit)
            and matches(benchmark, self.benchmark)
            and matches(metric, self.metric)
        )


def _check_patterns(benchmark: str, metric: str) -> None:
    for key, pattern in (("benchmark", benchmark), ("metric", metric)):
        if not pattern.strip():
            raise ConfigError(f'{key} = {pattern!r}; want a name or a pattern, such as "agent.*"')
        _check_text(key, pattern)


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ConfigError("reason is empty; say why it is accepted: others will ask")
    _check_text("reason", reason)


def _check_text(key: str, text: str) -> None:
    # A terminal that is not set to UTF-8 gives bytes that no file can hold as text.
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ConfigError(f"{key} = {text!r}; want UTF-8")
