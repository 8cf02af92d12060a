"""
What models' tokens cost: a dated list, which a file of yours may correct.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Final

from agent_perf.components.agent.llm import Price
from agent_perf.errors import ConfigError
from agent_perf.toml_text import parse_toml
from agent_perf.whole_files import read_whole

FREE: Final = Price()
"""For models that cost nothing, such as your own; said explicitly, never assumed."""


class UnknownPriceError(ConfigError):
    """There is no price for the model: name one, or say that it is FREE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """
    Prices of models by name.

    A name is looked up as it is, then without its date and its provider:
    ``openai:gpt-4o-2024-08-06`` costs what ``gpt-4o`` does.

    Attributes:
        prices: Name to price.
        as_of: The day on which they held.

    Example::

        prices = PRICES.with_file("prices.toml")
        talker = Talker(model, price=prices.of("gpt-5-mini"))
    """

    prices: Mapping[str, Price]
    as_of: date

    def of(self, model: str) -> Price:
        """
        Return the price of *model*.

        Raises:
            UnknownPriceError: If it is not in the list; nothing is free because unknown.
        """
        bare = _PROVIDER.sub("", model)
        for name in (model, bare, _DATE.sub("", bare)):
            if (price := self.prices.get(name)) is not None:
                return price
        close = difflib.get_close_matches(bare, self.prices, n=1)
        hint = f"; is it {close[0]!r}?" if close else ""
        raise UnknownPriceError(
            f"no price for model {model!r} in the list of {self.as_of}{hint} Add it with "
            "`with_prices` or `with_file`, or use FREE"
        )

    def with_prices(self, prices: Mapping[str, Price], *, as_of: date | None = None) -> PriceList:
        """Return this list with *prices* added, or in the place of its own."""
        merged = MappingProxyType({**self.prices, **prices})
        return PriceList(prices=merged, as_of=as_of or self.as_of)

    def with_file(self, path: str | Path) -> PriceList:
        """
        Return this list with the prices of a TOML or JSON file added, or in place of its own.

        The file: an optional ``as_of`` date, and ``models``: name to dollars per million
        tokens ``in`` and ``out``, and optionally ``cached``, ``stored``, ``batch_ratio``.

        Raises:
            ConfigError: If there is no such file, or something else is in it.
        """
        path = Path(path)
        try:
            text = read_whole(path).decode()
            content = json.loads(text) if path.suffix == ".json" else parse_toml(text)
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{path}: no list of prices: {error}") from error
        return self._with_content(content, str(path))

    def _with_content(self, content: object, where: str) -> PriceList:
        if not isinstance(content, dict) or content.keys() - {"as_of", "models"}:
            raise ConfigError(f"{where}: want 'as_of' and 'models', and nothing else")
        as_of, models = content.get("as_of"), content.get("models", {})
        if isinstance(as_of, str):
            try:
                as_of = date.fromisoformat(as_of)
            except ValueError as error:
                raise ConfigError(f"{where}: as_of: {error}") from error
        if not isinstance(models, dict) or not isinstance(as_of, date | None):
            raise ConfigError(f"{where}: want a table 'models', and a date 'as_of' if any")
        prices = {name: _price_in(row, f"{where}: {name}") for name, row in models.items()}
        return self.with_prices(prices, as_of=as_of)


def _price_in(row: object, where: str) -> Price:
    known = {"in", "out", "cached", "stored", "batch_ratio"}
    if not isinstance(row, dict) or row.keys() - known or not {"in", "out"} <= row.keys():
        raise ConfigError(f"{where}: want 'in' and 'out', and of others only {sorted(known)}")
    if not all(type(value) in {int, float} for value in row.values()):
        raise ConfigError(f"{where}: {row}; want numbers")
    return _per_million(
        row["in"], row["out"], row.get("cached"), row.get("stored"), row.get("batch_ratio", 1.0)
    )


def _per_million(
    read: float, written: float, cached: float | None, stored: float | None, batch: float
) -> Price:
    return Price(
        usd_per_token_in=read / 1e6,
        usd_per_token_out=written / 1e6,
        usd_per_token_cached=None if cached is None else cached / 1e6,
        usd_per_token_stored=None if stored is None else stored / 1e6,
        batch_ratio=batch,
    )


_PROVIDER: Final = re.compile(r"\A[a-z][a-z0-9_.-]*[:/]")
_DATE: Final = re.compile(r"(-latest|-\d{8}|-\d{4}-\d\d-\d\d)\Z")

# Model: dollars per million tokens read, written, cached, stored.
_ROWS: Final[Mapping[str, tuple[float, float, float | None, float | None]]] = {
    "claude-3-5-haiku": (0.80, 4.00, 0.08, 1.00),
    "claude-3-7-sonnet": (3.00, 15.00, 0.30, 3.75),
    "claude-haiku-4-5": (1.00, 5.00, 0.10, 1.25),
    "claude-haiku-5-5": (0.10, 0.50, 0.01, 0.125),
    "claude-opus-4-1": (15.00, 75.00, 1.50, 18.75),
    "claude-opus-4-5": (5.00, 25.00, 0.50, 6.25),
    "claude-opus-4-6": (5.00, 25.00, 0.50, 6.25),
    "claude-opus-5": (5.00, 25.00, 0.50, 6.25),
    "claude-opus-5-5": (4.00, 20.00, 0.20, 5.00),
    "claude-sonnet-4-5": (3.00, 15.00, 0.30, 3.75),
    "claude-sonnet-4-6": (3.00, 15.00, 0.30, 3.75),
    "claude-sonnet-5": (2.00, 10.00, 0.20, 2.50),
    "claude-sonnet-5-5": (2.00, 10.00, 0.10, 2.50),
    "gpt-4.1": (2.00, 8.00, 0.50, None),
    "gpt-4.1-mini": (0.40, 1.60, 0.10, None),
    "gpt-4.1-nano": (0.10, 0.40, 0.025, None),
    "gpt-4o": (2.50, 10.00, 1.25, None),
    "gpt-4o-mini": (0.15, 0.60, 0.075, None),
    "gpt-5": (1.25, 10.00, 0.125, None),
    "gpt-5-mini": (0.25, 2.00, 0.025, None),
    "gpt-5-nano": (0.05, 0.40, 0.005, None),
    "gpt-5.1": (1.25, 10.00, 0.125, None),
    "gpt-5.2": (1.75, 14.00, 0.175, None),
    "gpt-5.4": (2.50, 15.00, 0.25, None),
    "gpt-5.4-mini": (0.75, 4.50, 0.075, None),
    "gpt-5.4-nano": (0.20, 1.25, 0.02, None),
    "gpt-5.5": (5.00, 30.00, 0.50, None),
    "gpt-6-luna": (0.10, 0.50, 0.01, 0.125),
    "gpt-6-sol": (2.00, 10.00, 0.20, 2.50),
    "o3": (2.00, 8.00, 0.50, None),
    "o3-mini": (1.10, 4.40, 0.55, None),
    "o4-mini": (1.10, 4.40, 0.275, None),
}

PRICES: Final = PriceList(
    prices=MappingProxyType(
        # Both providers halve the price of what may take a day.
        {model: _per_million(*row, 0.5) for model, row in _ROWS.items()}
    ),
    as_of=date(2026, 11, 21),
)
"""
List prices for prompts of ordinary length.

Source: genai-prices 0.2.3 (Pydantic), which follows the pages "Pricing" of OpenAI's and of
Anthropic's documentation.
"""
