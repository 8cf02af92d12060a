"""Histories of stored runs."""

from __future__ import annotations

from dataclasses import replace

from agent_perf.history import ResultStore, read_run_history
from agent_perf.records import Evidence, Tier
from agent_perf.repository import Commit
from tests.stats.example import make_run


def test_real_time_is_sampled(tmp_path) -> None:
    """Of tier live a history is sampled, in which noise is no change; of the others it is exact."""
    store = ResultStore(root=tmp_path, machine="m")
    commit = Commit(id="c" * 40, subject="A change", time_s=1)
    for tier in (Tier.CLIENT, Tier.LIVE):
        store.save(replace(make_run(), tier=tier))

    history = read_run_history(store, [commit], lambda _, own: own, jobs=1)

    assert {
        ("agent.chat@50", Evidence.EXACT),
        ("agent.chat@50~live", Evidence.SAMPLED),
    } == {(track.benchmark, track.evidence) for track in history.tracks}
