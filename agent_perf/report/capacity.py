"""
About how many requests a second the bounded resources of a run would carry.

Utilisation law: what is held of a resource, on average, is the rate of requests times how
long each holds it. So the rate at which all of it is held is its bound over that time.

Source: Lazowska et al., *Quantitative System Performance* (1984), section 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.records import LevelTotal, Run
from agent_perf.report.drawing import Table
from agent_perf.report.standing import Standing
from agent_perf.report.text import ARROW, quantity
from agent_perf.report.wording import metric_label
from agent_perf.units import NS

_REQUESTS_MIN: Final = 20
"""Of fewer, what the first ones hold while they open connections would be the mean."""

_ROWS_SHOWN: Final = 6
_ROWS_MAX: Final = 100

_NOTE: Final = (
    "Utilisation law: the rate at which all of it would be in use, if each request held it as "
    "long as here. Queues form well before, and what the simulation does not bound, as CPU or "
    "the model's provider, may give way first: it is an upper bound. What is really carried "
    "`agent-perf load --find-knee` measures."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """
    One bounded resource in one benchmark.

    Attributes:
        resource: Name of the level: ``db_in_use``.
        most: As many as there are.
        base_most: As many as there were at the base; None if it is not known.
        rate_hz: Requests per second of the run.
        held_s: Time that a request holds one, on average.
        base_held_s: The same of the base; None if it is not known.
    """

    benchmark: str
    resource: str
    most: int
    base_most: int | None
    rate_hz: float
    held_s: float
    base_held_s: float | None

    @property
    def used_ratio(self) -> float:
        """Share of it that was in use, on average."""
        return self.rate_hz * self.held_s / self.most

    @property
    def full_at_hz(self) -> float:
        """Requests per second at which all of it would be in use."""
        return self.most / self.held_s

    @property
    def base_full_at_hz(self) -> float | None:
        """The same of the base; None if it is not known."""
        if not self.base_most or not self.base_held_s:
            return None
        return self.base_most / self.base_held_s


def estimates(standings: Sequence[Standing]) -> tuple[Estimate, ...]:
    """Return what the runs of the head say about their bounded resources, the first full first."""
    found = [
        Estimate(
            benchmark=one.benchmark,
            resource=name,
            most=level.most,
            base_most=None if before is None else before.most,
            rate_hz=len(one.head.latency_ns) * NS / level.length_ns,
            held_s=held_s,
            base_held_s=_held_s(one.base, before) if one.base else None,
        )
        for one in standings
        if one.head is not None
        for name, level in one.head.levels.items()
        for before in (one.base.levels.get(name) if one.base else None,)
        if level.most and level.length_ns and (held_s := _held_s(one.head, level))
    ]
    return tuple(sorted(found, key=lambda one: one.full_at_hz))


def capacity_table(found: Sequence[Estimate]) -> Table | None:
    """Return *found* as a table; None if the runs do not say."""
    if not found:
        return None
    return Table(
        caption="Rate at which a bounded resource would be full",
        header=(
            "Benchmark",
            "Resource",
            "There are",
            "Measured at",
            "In use",
            "Held per request",
            "Full at about",
        ),
        rows=tuple(
            (
                one.benchmark,
                metric_label(f"resources.{one.resource}.mean"),
                _there_are(one),
                _rate(one.rate_hz),
                f"{one.used_ratio * 100:.2g}\u00a0%",
                quantity(float(f"{one.held_s:.3g}"), "s"),
                _full_at(one),
            )
            for one in found[:_ROWS_MAX]
        ),
        words=(1,),
        note=_NOTE,
        first_rows=_ROWS_SHOWN,
    )


def capacity_document(found: Sequence[Estimate]) -> list[dict[str, object]]:
    """Return *found* as plain values of JSON."""
    return [
        {
            "benchmark": one.benchmark,
            "resource": one.resource,
            "most": one.most,
            "rate_hz": one.rate_hz,
            "held_s_per_request": one.held_s,
            "used_ratio": one.used_ratio,
            "full_at_hz": one.full_at_hz,
            "base_full_at_hz": one.base_full_at_hz,
        }
        for one in found
    ]


def _held_s(run: Run, level: LevelTotal | None) -> float | None:
    if level is None or len(run.latency_ns) < _REQUESTS_MIN:
        return None
    return level.held_ns / NS / len(run.latency_ns)


def _rate(value_hz: float) -> str:
    rounded = float(f"{value_hz:.3g}")
    return f"{rounded:,.0f}/s" if rounded >= 100 else f"{rounded:g}/s"


def _there_are(one: Estimate) -> str:
    after = quantity(one.most, "count")
    before = None if one.base_most is None else quantity(one.base_most, "count")
    return after if before in {None, after} else f"{before}{ARROW}{after}"


def _full_at(one: Estimate) -> str:
    after = _rate(one.full_at_hz)
    before = None if one.base_full_at_hz is None else _rate(one.base_full_at_hz)
    return after if before in {None, after} else f"{before}{ARROW}{after}"
