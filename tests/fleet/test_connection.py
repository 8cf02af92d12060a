"""Connections with schedulers that are none."""

import socket
from pathlib import Path

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


def test_tls_wants_certificates(tmp_path: Path) -> None:
    """Missing or unreadable, they are told by where Dask looks for them, and nobody is asked."""
    dask = pytest.importorskip("dask")
    address = parse_cluster("tls://127.0.0.1:8786")
    absent = str(tmp_path / "absent.pem")
    names = {f"distributed.comm.tls.{name}": absent for name in ("ca-file", "client.cert")}

    with pytest.raises(UsageError, match=r"needs certificates: .* as tls\.ca-file"):
        connection.connected(address).__enter__()
    with (
        dask.config.set(names),
        pytest.raises(UsageError, match="certificates that .* cannot be read: .*No such file"),
    ):
        connection.connected(address).__enter__()
