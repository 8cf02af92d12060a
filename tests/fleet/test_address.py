"""Names of clusters."""

from __future__ import annotations

import sys

import pytest

from agent_perf.errors import UsageError
from agent_perf.fleet import ClusterAddress, open_cluster, parse_cluster
from agent_perf.repository import WORKTREE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dask://10.0.0.7:8786", "tcp://10.0.0.7:8786"),
        ("tcp://scheduler:8786", "tcp://scheduler:8786"),
        ("tls://[::1]:8786", "tls://[::1]:8786"),
    ],
)
def test_a_scheduler_is_named_as_dask_does(text, expected) -> None:
    """The scheme of ours is TCP; others are handed on."""
    assert ClusterAddress(scheduler=expected) == parse_cluster(text)


def test_processes_of_this_machine_are_counted() -> None:
    """local:4 is four workers of one task each."""
    assert ClusterAddress(worker_count=4) == parse_cluster("local:4")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "local:0",
        "local:9999",
        "local:x",
        "dask://",
        "dask://host",
        "http://host:1",
        "dask://h:x",
    ],
)
def test_what_is_no_cluster_is_refused(text) -> None:
    """The message shows what is wanted."""
    with pytest.raises(UsageError, match="local:4"):
        parse_cluster(text)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    """Dask knows none: it would be sent nowhere, and printed everywhere."""
    with pytest.raises(UsageError) as refused:
        parse_cluster("dask://me:hunter2@host:8786")

    assert "hunter2" not in str(refused.value)


def test_without_dask_the_way_out_is_named(shop, monkeypatch) -> None:
    """Who did not install the extra learns its name."""
    monkeypatch.setitem(sys.modules, "distributed", None)

    with (
        pytest.raises(UsageError, match=r"pip install 'agent-perf\[fleet\]'"),
        shop.open("local:1"),
    ):
        pass


def test_uncommitted_files_stay_here(shop) -> None:
    """No worker could know that it measures the same."""
    with (
        pytest.raises(UsageError, match="commit it"),
        open_cluster(
            ClusterAddress(worker_count=1),
            shop.repository,
            (WORKTREE,),
            shop.config,
            jobs=None,
            tell=print,
        ),
    ):
        pass
