"""
What models cost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from agent_perf.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """
    What one token costs, in billionths of a dollar, >= 0: $0.15 per million is 150.

    Attributes:
        token_in_nanousd: Of the prompt.
        token_out_nanousd: Of the answer.
        token_cached_nanousd: Of the prompt, read from the cache; None: as any other.
        token_written_nanousd: Of the prompt, written to the cache; None: as any other.
    """

    token_in_nanousd: int
    token_out_nanousd: int
    token_cached_nanousd: int | None = None
    token_written_nanousd: int | None = None

    def __post_init__(self) -> None:
        cached, written = self.token_cached_nanousd, self.token_written_nanousd
        if min(self.token_in_nanousd, self.token_out_nanousd, cached or 0, written or 0) < 0:
            raise ConfigError(f"{self!r}; want prices >= 0")

    def cost_nanousd(self, prompt: int, output: int, *, cached: int = 0, written: int = 0) -> int:
        """Return what so many tokens cost; *cached* and *written* are part of *prompt*."""
        full = self.token_in_nanousd
        cached_nanousd, written_nanousd = self.token_cached_nanousd, self.token_written_nanousd
        return (
            (prompt - cached - written) * full
            + cached * (full if cached_nanousd is None else cached_nanousd)
            + written * (full if written_nanousd is None else written_nanousd)
            + output * self.token_out_nanousd
        )


# Model: prompt, cached prompt, prompt written to the cache, answer.
_ROWS: Final = {
    "claude-3-5-haiku": (800, 80, 1000, 4000),
    "claude-3-5-sonnet": (3000, 300, 3750, 15000),
    "claude-3-7-sonnet": (3000, 300, 3750, 15000),
    "claude-3-haiku": (250, 30, 300, 1250),
    "claude-haiku-4-5": (1000, 100, 1250, 5000),
    "claude-haiku-5-5": (100, 10, 125, 500),
    "claude-opus-4": (15000, 1500, 18750, 75000),
    "claude-opus-4-1": (15000, 1500, 18750, 75000),
    "claude-opus-4-5": (5000, 500, 6250, 25000),
    "claude-opus-4-6": (5000, 500, 6250, 25000),
    "claude-opus-5": (5000, 500, 6250, 25000),
    "claude-opus-5-5": (4000, 200, 5000, 20000),
    "claude-sonnet-4": (3000, 300, 3750, 15000),
    "claude-sonnet-4-5": (3000, 300, 3750, 15000),
    "claude-sonnet-4-6": (3000, 300, 3750, 15000),
    "claude-sonnet-5": (2000, 200, 2500, 10000),
    "claude-sonnet-5-5": (2000, 100, 2500, 10000),
    "gpt-4.1": (2000, 500, 2000, 8000),
    "gpt-4.1-mini": (400, 100, 400, 1600),
    "gpt-4.1-nano": (100, 25, 100, 400),
    "gpt-4o": (2500, 1250, 2500, 10000),
    "gpt-4o-mini": (150, 75, 150, 600),
    "gpt-5": (1250, 125, 1250, 10000),
    "gpt-5-mini": (250, 25, 250, 2000),
    "gpt-5-nano": (50, 5, 50, 400),
    "gpt-5.1": (1250, 125, 1250, 10000),
    "gpt-5.2": (1750, 175, 1750, 14000),
    "gpt-5.4": (2500, 250, 2500, 15000),
    "gpt-5.4-mini": (750, 75, 750, 4500),
    "gpt-5.4-nano": (200, 20, 200, 1250),
    "gpt-5.5": (5000, 500, 5000, 30000),
    "gpt-6-luna": (100, 10, 125, 500),
    "gpt-6-sol": (2000, 200, 2500, 10000),
    "o3": (2000, 500, 2000, 8000),
    "o3-mini": (1100, 550, 1100, 4400),
    "o4-mini": (1100, 275, 1100, 4400),
    "text-embedding-3-large": (130, 130, 130, 0),
    "text-embedding-3-small": (20, 20, 20, 0),
}

PRICES: Final[Mapping[str, Price]] = MappingProxyType(
    {
        model: Price(
            token_in_nanousd=prompt,
            token_cached_nanousd=cached,
            token_written_nanousd=written,
            token_out_nanousd=answer,
        )
        for model, (prompt, cached, written, answer) in _ROWS.items()
    }
)
"""
List prices on 2026-11-21; only their constancy matters for a comparison.

For prompts of ordinary length: surcharges on very long ones are not modelled.

Source: genai-prices 0.2.3 (Pydantic), which follows the pages "Pricing" of OpenAI's and
"Pricing" of Anthropic's documentation.
"""

_VERSION: Final = re.compile(r"(-latest|-\d{8}|-\d{4}-\d\d-\d\d|-0)+\Z")


@lru_cache(maxsize=1024)
def base_name(model: str) -> str:
    """Return the name of *model* without its date: gpt-4o-2024-08-06 costs what gpt-4o does."""
    return _VERSION.sub("", model)
