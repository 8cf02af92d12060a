"""
What could be done about what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """
    One recommendation that follows from a measured fact.

    Attributes:
        kind: Code of its rule: ``n-plus-one``, ``serial-trips``, ``tight-target``...
        benchmarks: Whose fact it is, the one it weighs most on first.
        fact: What was measured, a clause with its figure; code in backticks.
        action: What to do, a clause in the imperative.
        cost_ns: What it costs a request on average, >= 0; 0 if it is not about time.
        new: Whether the base gave no such advice.
    """

    kind: str
    benchmarks: tuple[str, ...]
    fact: str
    action: str
    cost_ns: int = 0
    new: bool = False
