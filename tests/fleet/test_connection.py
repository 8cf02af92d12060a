"""Connections with schedulers that are none."""

import socket

import pytest

from agent_perf.errors import UsageError
from agent_perf.fleet import connection
from agent_perf.fleet.address import parse_cluster


def test_who_accepts_and_says_nothing_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Dask itself would wait for ever: the command ends, and says how a scheduler is started.
    """
    monkeypatch.setattr(connection, "_CONNECT_S", 0.2)
    monkeypatch.setattr(connection, "_GRACE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = parse_cluster(f"dask://127.0.0.1:{silent.getsockname()[1]}")

        with (
            pytest.raises(UsageError, match="no scheduler answers at .*`dask scheduler`"),
            connection.connected(address),
        ):
            raise AssertionError
