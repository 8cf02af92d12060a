"""
A history with change points, from integers alone: the same on every machine.
"""

from __future__ import annotations

import numpy as np

from agent_perf.history import History, Track, find_changes
from agent_perf.records import Acknowledged, Evidence, Findings
from agent_perf.repository import Commit
from tests.report.samples import draw

COUNT = 90


def commit_of(place: int) -> str:
    return f"{place:02x}" * 20


def history() -> tuple[History, Findings]:
    """
    Return a time that rises by 18 % after an unmeasured commit and falls later, one that
    drifts towards its target, a count that doubles, a rise that is acknowledged, and one
    that the last three commits suggest.
    """
    noise = [draw(7, place, "noise", 980, 1020) / 1000 for place in range(COUNT)]
    places = range(COUNT)
    rows = {
        "agent.time_reply": [2.1e-3 * (1.18 if 30 <= p < 70 else 1.0) * noise[p] for p in places],
        "cache.time_get": [4.0e-7 * (1000 + 3 * p) / 1000 * noise[-p] for p in places],
        "store.time_set": [8.0e-6 * (1.25 if p >= 50 else 1.0) * noise[-p] for p in places],
        "events.time_flush": [5.0e-5 * (1.4 if p >= COUNT - 3 else 1.0) * noise[p] for p in places],
    }
    rows["agent.time_reply"][29] = float("nan")
    tracks = [
        Track(
            benchmark=name,
            metric="time",
            unit="s",
            evidence=Evidence.SAMPLED,
            home="",
            edition="1",
            values=np.array(values),
            target=6.0e-7 if name == "cache.time_get" else None,
        )
        for name, values in rows.items()
    ]
    counted = Track(
        benchmark="agent.track_work(50, 'db_statements')",
        metric="value",
        unit="count",
        evidence=Evidence.EXACT,
        home="",
        edition="1",
        values=np.array([400.0 if p < 30 else 800.0 for p in places]),
    )
    found = History(
        commits=tuple(
            Commit(id=commit_of(p), subject=f"Change {p}", time_s=1_700_000_000 + p) for p in places
        ),
        tracks=(*tracks, counted),
        surroundings={"": {p: {"cpu": "Z80" if p < 50 else "6502"} for p in places}},
        notes=("2 measured commits are not on this line, and left out",),
    )
    known = Acknowledged(commit=commit_of(50), reason="sets are checked now", benchmark="store.*")
    return found, find_changes(found, [known], jobs=1)
