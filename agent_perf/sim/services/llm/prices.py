"""
What models cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from agent_perf.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one token costs, in billionths of a dollar, >= 0: $0.15 per million is 150."""

    token_in_nanousd: int
    token_out_nanousd: int

    def __post_init__(self) -> None:
        if min(self.token_in_nanousd, self.token_out_nanousd) < 0:
            raise ConfigError(f"{self!r}; want prices >= 0")


PRICES: Final[Mapping[str, Price]] = MappingProxyType(
    {
        "gpt-4o": Price(token_in_nanousd=2500, token_out_nanousd=10_000),
        "gpt-4o-mini": Price(token_in_nanousd=150, token_out_nanousd=600),
        "gpt-4.1": Price(token_in_nanousd=2000, token_out_nanousd=8000),
        "gpt-4.1-mini": Price(token_in_nanousd=400, token_out_nanousd=1600),
        "gpt-4.1-nano": Price(token_in_nanousd=100, token_out_nanousd=400),
    }
)
"""List prices of the hosted API in 2025; only their constancy matters for a comparison."""
