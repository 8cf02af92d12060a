"""Which database of Redis an address names."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import pytest

from agent_perf.live.world.redis import named_by_path


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("redis://h:1/5", "redis://h:1/5"),
        ("redis://h:1?db=3", "redis://h:1/3"),
        ("redis://h:1/5?socket_timeout=2&db=3", "redis://h:1/3?socket_timeout=2"),
    ],
)
def test_a_database_is_named_in_one_place(url: str, same: str) -> None:
    """What a run claims and empties is what its clients use, also if an option names it."""
    assert same == urlunsplit(named_by_path(urlsplit(url)))
