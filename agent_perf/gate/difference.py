"""
What two runs of one scenario did differently, per request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from agent_perf.records import OperationTotal, Run
from agent_perf.units import NS, format_value

_NONE: Final = OperationTotal(count=0, busy_ns=0, critical_ns=0)
_TEXT_MAX: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    One number of base and head.

    Attributes:
        name: Work count, detail or operation.
        base: Mean per request, exact.
        head: Likewise.
    """

    name: str
    base: Fraction
    head: Fraction

    @property
    def more(self) -> Fraction:
        """How much more the head has per request."""
        return self.head - self.base

    @property
    def arrow(self) -> str:
        """Both values: ``3 → 4``."""
        return f"{number(self.base)} → {number(self.head)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two comparable runs, each with at least one request."""

    base: Run
    head: Run

    def count(self, name: str) -> Change:
        """Return work count *name*."""
        return self._change(name, self.base.counts.get(name, 0), self.head.counts.get(name, 0))

    def count_names(self) -> tuple[str, ...]:
        """Return all work counts of either run, in alphabetical order."""
        return tuple(sorted({*self.base.counts, *self.head.counts}))

    def grown(self, name: str) -> tuple[Change, ...]:
        """Return the details of work count *name* that grew, the most first."""
        prefix = f"{name}:"
        keys = {key for key in (*self.base.details, *self.head.details) if key.startswith(prefix)}
        changes = (
            self._change(
                key.removeprefix(prefix),
                self.base.details.get(key, 0),
                self.head.details.get(key, 0),
            )
            for key in keys
        )
        return tuple(sorted((c for c in changes if c.more > 0), key=lambda c: (-c.more, c.name)))

    def operations(self) -> tuple[str, ...]:
        """Return all operations of either run, in alphabetical order."""
        return tuple(sorted({*self.base.operations, *self.head.operations}))

    def calls(self, operation: str) -> Change:
        """Return how often *operation* was done."""
        return self._change(
            operation,
            self.base.operations.get(operation, _NONE).count,
            self.head.operations.get(operation, _NONE).count,
        )

    def busy_ns(self, operation: str) -> Change:
        """Return the time under way in *operation*."""
        return self._change(
            operation,
            self.base.operations.get(operation, _NONE).busy_ns,
            self.head.operations.get(operation, _NONE).busy_ns,
        )

    def waited_ns(self, operation: str) -> Change:
        """Return the time that requests waited for *operation*: its critical part."""
        return self._change(
            operation,
            self.base.operations.get(operation, _NONE).critical_ns,
            self.head.operations.get(operation, _NONE).critical_ns,
        )

    def latency_ns(self) -> Change:
        """Return the mean latency."""
        return self._change("latency", sum(self.base.latency_ns), sum(self.head.latency_ns))

    def path_share(self, label: str) -> Change:
        """Return the share of requests that took the path *label*."""
        return self._change(label, self.base.path.count(label), self.head.path.count(label))

    def paths(self) -> tuple[str, ...]:
        """Return the path labels of either run, in alphabetical order."""
        return tuple(sorted({*self.base.path, *self.head.path} - {""}))

    def repeats(self, operation: str) -> Mapping[str, tuple[int, int]]:
        """
        Return detail to how often it occurs in the request nearest the P95 of base and head.
        """
        base, head = (
            Counter(
                span.detail
                for span in (run.exemplar.spans if run.exemplar else ())
                if span.name == operation
            )
            for run in (self.base, self.head)
        )
        return {detail: (base[detail], head[detail]) for detail in {*base, *head}}

    def _change(self, name: str, base_total: int, head_total: int) -> Change:
        return Change(
            name=name,
            base=Fraction(base_total, len(self.base.latency_ns)),
            head=Fraction(head_total, len(self.head.latency_ns)),
        )


def number(value: Fraction) -> str:
    """Return *value* in three digits, and whole from a thousand on."""
    rounded = float(f"{float(value):.3g}") if abs(value) < 1000 else round(value)
    return format_value(rounded, "count")


def duration(value_ns: Fraction) -> str:
    """Return a time in two digits."""
    return format_value(float(f"{float(value_ns) / NS:.2g}"), "s")


def quoted(detail: str) -> str:
    """Return *detail* in backticks, on one line of bounded length, free of control signs."""
    words = " ".join(detail.split()).replace("`", "'")
    text = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in words)
    return f"`{text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 1] + '…'}`"
