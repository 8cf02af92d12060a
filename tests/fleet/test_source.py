"""Files that travel."""

from __future__ import annotations

import pytest

from agent_perf.errors import UsageError
from agent_perf.fleet import source as room
from agent_perf.fleet.source import find_repository_of, keep, parcel, source_of
from agent_perf.repository import Repository
from agent_perf.suite import lay_out
from tests.shop import write


def files_of(repository: Repository, commit_id: str, config, folder) -> dict[str, bytes]:
    tree = lay_out(repository, commit_id, config, folder)
    return {
        path.relative_to(tree.root).as_posix(): path.read_bytes()
        for pattern in ("*", "benchmarks/*")
        for path in tree.root.glob(pattern)
        if path.is_file()
    }


def test_what_is_sent_lays_out_as_it_does_here(shop, tmp_path) -> None:
    """Commits without their history, and the benchmarks of now, not of the commit."""
    write(shop.root, "benchmarks/data/prices.json", "{}")
    write(shop.root, "benchmarks/shop.py", "# changed\n")
    source = source_of(shop.repository, shop.commits, shop.config)
    kept = tmp_path / "kept"

    keep(source, parcel(source), kept)

    there = find_repository_of(source, source.commits, kept)
    assert kept / source.digest == there.root
    for index, commit_id in enumerate(shop.commits):
        assert files_of(
            shop.repository, commit_id, shop.config, tmp_path / f"here{index}"
        ) == files_of(there, commit_id, source.config, tmp_path / f"there{index}")


def test_a_shared_folder_is_used_where_it_is(shop, tmp_path) -> None:
    """Nothing is sent to who sees the same commits and benchmarks."""
    source = source_of(shop.repository, shop.commits, shop.config)

    assert shop.repository == find_repository_of(source, source.commits, tmp_path / "kept")


def test_a_folder_that_differs_is_not_taken_for_the_clients(shop, tmp_path) -> None:
    """Same path on another machine, other benchmarks: what it holds is somebody else's."""
    source = source_of(shop.repository, shop.commits, shop.config)
    write(shop.root, "benchmarks/shop.py", "# another machine's\n")

    assert None is find_repository_of(source, source.commits, tmp_path / "kept")


def test_too_much_is_not_sent(shop, monkeypatch) -> None:
    """The way out is a shared file system."""
    monkeypatch.setattr(room, "_SENT_BYTES_MAX", 1000)

    with pytest.raises(UsageError, match="put .* on a file system that the workers share"):
        parcel(source_of(shop.repository, shop.commits, shop.config))


def test_few_sources_are_kept(shop, tmp_path) -> None:
    """A worker that lives for weeks does not fill its disk."""
    kept = tmp_path / "kept"
    for index in range(room._KEPT_MAX + 2):
        write(shop.root, "benchmarks/shop.py", f"# {index}\n")
        source = source_of(shop.repository, shop.commits[:1], shop.config)
        keep(source, parcel(source), kept)

    assert room._KEPT_MAX == len(list(kept.iterdir()))
    assert None is not find_repository_of(source, source.commits, kept)
