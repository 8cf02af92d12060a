"""Tier live fills services, and so asks before it does that to another machine's."""

import pytest

from agent_perf.cli.live import in_real_time
from agent_perf.errors import UsageError


def test_other_hosts_have_to_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A run in real time writes, and removes what it wrote: nowhere by mistake.
    """
    monkeypatch.setenv("AGENT_PERF_REDIS_URL", "redis://cache.example.com:6379/3")

    with pytest.raises(UsageError, match="'cache.example.com'.*--allow-host cache.example.com"):
        in_real_time("live", None, {})
    assert in_real_time("live", None, {}, ["cache.example.com"])


@pytest.mark.parametrize("url", ["postgresql:///test", "postgresql:///test?host=/run/postgresql"])
def test_sockets_are_this_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A URL without a host is no other machine; one whose options name a host may be.
    """
    monkeypatch.setenv("AGENT_PERF_DATABASE_URL", url)

    assert in_real_time("live", None, {})
    monkeypatch.setenv("AGENT_PERF_DATABASE_URL", "postgresql:///test?host=db.example.com")
    with pytest.raises(UsageError, match="'db.example.com'"):
        in_real_time("live", None, {})
