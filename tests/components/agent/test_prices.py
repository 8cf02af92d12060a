from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import FREE, PRICES, Price, Usage
from agent_perf.components.agent.prices import UnknownPriceError
from agent_perf.errors import ConfigError

MILLION = 1_000_000


def test_cost_is_tokens_times_price() -> None:
    """
    A million tokens of each kind cost $1 plain, $0.10 cached, $1.25 stored and $5 written;
    in a batch half of that.
    """
    price = Price(
        usd_per_token_in=1e-6,
        usd_per_token_out=5e-6,
        usd_per_token_cached=1e-7,
        usd_per_token_stored=1.25e-6,
        batch_ratio=0.5,
    )
    usage = Usage(
        tokens_in=3 * MILLION, tokens_cached=MILLION, tokens_stored=MILLION, tokens_out=MILLION
    )

    assert pytest.approx(7.35) == price.cost_usd(usage)
    assert pytest.approx(3.675) == price.cost_usd(usage, batch=True)


def test_the_list_has_the_published_prices() -> None:
    """
    gpt-5-mini: $0.25 in, $0.025 cached, $2 out per million; claude-haiku-4-5: $1 in, $0.10
    cached, $1.25 stored, $5 out; a batch costs half.
    """
    usage = Usage(tokens_in=2 * MILLION, tokens_cached=MILLION, tokens_out=MILLION)
    stored = Usage(tokens_in=MILLION, tokens_stored=MILLION)

    assert pytest.approx(2.275) == PRICES.of("gpt-5-mini").cost_usd(usage)
    assert pytest.approx(6.10) == PRICES.of("claude-haiku-4-5").cost_usd(usage)
    assert pytest.approx(1.25) == PRICES.of("claude-haiku-4-5").cost_usd(stored)
    assert pytest.approx(3.05) == PRICES.of("claude-haiku-4-5").cost_usd(usage, batch=True)


@pytest.mark.parametrize(
    "name",
    ["gpt-4o", "gpt-4o-2024-08-06", "openai:gpt-4o", "openai/gpt-4o-2024-08-06", "gpt-4o-latest"],
)
def test_dates_and_providers_do_not_matter(name: str) -> None:
    """
    A model costs the same by each of its names.
    """
    assert PRICES.prices["gpt-4o"] is PRICES.of(name)


def test_an_unknown_model_is_never_free() -> None:
    """
    A name that is not in the list is an error that tells the likely one and the way out.
    """
    with pytest.raises(UnknownPriceError, match=r"'gpt-5-mimi'.*is it 'gpt-5-mini'.*or use FREE"):
        PRICES.of("gpt-5-mimi")
    with pytest.raises(UnknownPriceError):
        PRICES.of("gpt-5-mini-something-else")


@given(st.sampled_from(sorted(PRICES.prices)), st.integers(0, 10**9), st.integers(0, 10**9))
def test_no_listed_price_is_zero_nor_dearer_cached(name: str, read: int, written: int) -> None:
    """
    Each listed model costs something, less when cached, and at most what its bound says.
    """
    price = PRICES.prices[name]
    plain = price.cost_usd(Usage(tokens_in=read, tokens_out=written))
    cached = price.cost_usd(Usage(tokens_in=read, tokens_cached=read, tokens_out=written))

    assert (plain > 0) == (read + written > 0)
    assert cached <= plain
    assert plain <= read * price.usd_per_token_in_max + written * price.usd_per_token_out
    assert 0.0 == FREE.cost_usd(Usage(tokens_in=read, tokens_out=written))


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_file_corrects_the_list(tmp_path: Path, suffix: str) -> None:
    """
    Prices in dollars per million from a file take the place of listed ones and add others.
    """
    path = tmp_path / f"prices{suffix}"
    rows = {
        "gpt-4o": {"in": 2.0, "out": 8, "cached": 0.5, "batch_ratio": 0.25},
        "ours": {"in": 0, "out": 0},
    }
    if suffix == ".json":
        path.write_text(json.dumps({"as_of": "2027-01-01", "models": rows}))
    else:
        path.write_text(
            "as_of = 2027-01-01\n[models.gpt-4o]\nin = 2.0\nout = 8\ncached = 0.5\n"
            "batch_ratio = 0.25\n[models.ours]\nin = 0\nout = 0\n"
        )
    prices = PRICES.with_file(path)

    assert Price(
        usd_per_token_in=2e-6,
        usd_per_token_out=8e-6,
        usd_per_token_cached=5e-7,
        batch_ratio=0.25,
    ) == prices.of("gpt-4o-2024-08-06")
    assert FREE == prices.of("ours")
    assert PRICES.of("gpt-5") is prices.of("gpt-5")
    assert (date(2027, 1, 1), date(2026, 11, 21)) == (prices.as_of, PRICES.as_of)


@pytest.mark.parametrize(
    "text",
    [
        "no toml",
        "[model.x]\nin = 1\nout = 1",
        "[models.x]\nin = 1",
        "[models.x]\nin = 1\nout = 1\ncahced = 1",
        "[models.x]\nin = -1\nout = 1",
        "[models.x]\nin = true\nout = 1",
        "[models.x]\nin = nan\nout = 1",
        "as_of = 'yesterday'",
        "as_of = 3",
        "models = 3",
        "[models]\nx = 3",
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str) -> None:
    """
    A file with anything but prices is an error that names it: a slip must not make things free.
    """
    path = tmp_path / "prices.toml"
    path.write_text(text)

    with pytest.raises(ConfigError):
        PRICES.with_file(path)
    with pytest.raises(ConfigError, match=r"none\.toml"):
        PRICES.with_file(tmp_path / "none.toml")
