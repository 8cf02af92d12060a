"""Loads that the configuration gives a name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from agent_perf.cli.load_options import LoadOptions
from agent_perf.cli.named_load import with_named_load
from agent_perf.config import NamedLoad
from agent_perf.errors import UsageError

_LOADS = {"launch": NamedLoad(shape="spike", rate_hz=20, for_s=60, max_in_flight=9)}
_NOTHING: dict[str, Any] = dict.fromkeys(item.name for item in fields(LoadOptions))


def _options(**said: Any) -> LoadOptions:
    plain = {"speed": 1.0, "closed": False, "tier": "client", "find_knee": False, "form": "text"}
    return LoadOptions(**(_NOTHING | plain | said))


def test_a_named_load_fills_what_is_not_said() -> None:
    """What a flag says wins, the rest is the named load's."""
    found = with_named_load(_options(named="launch", rate_hz=5.0), _LOADS)

    assert ("spike", 5.0, 60, 9) == (
        found.shape,
        found.rate_hz,
        found.for_s,
        found.in_flight_max,
    )


def test_without_a_name_nothing_changes() -> None:
    """The configuration's loads wait until one is named."""
    assert _options() == with_named_load(_options(), _LOADS)


def test_an_unknown_name_is_refused() -> None:
    """With the one that was probably meant."""
    with pytest.raises(UsageError, match="no load 'lunch'; did you mean 'launch'"):
        with_named_load(_options(named="lunch"), _LOADS)
