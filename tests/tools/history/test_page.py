"""The section says what was measured."""

from __future__ import annotations

import math

import numpy as np

from tools.study.history.agreement import Agreement
from tools.study.history.page import Results, text_of
from tools.study.history.scores import Score
from tools.study.history.series import Collection, Labelled


def result() -> Results:
    """Two methods, one collection of each kind: ours finds 9 of 10, asv 6 of 10."""
    series = tuple(
        Labelled(values=np.ones(9), weights=np.full(9, math.nan), changes=(4,), ratios=(0.1,))
        for _ in range(10)
    )

    def found(hits: int) -> dict[str, Score]:
        score = Score(
            counts=np.array([[1, 0, 0]] * hits + [[0, 0, 1]] * (10 - hits)),
            errors=(1,) * hits,
            flagged=(False, True, False, False),
            by_ratio={0.1: (hits, 10)},
        )
        return {"real": score, "made": score}

    return Results(
        ours="ours",
        peers="asv 0",
        real=[Collection(name="real", series=series)],
        made=[Collection(name="made", series=series)],
        scores={"ours": found(9), "asv steps": found(6)},
        tuned=["asv steps"],
        times_ms={"ours": 0.5, "asv steps": 7.25},
        agreements={"real": {"ours": Agreement(found=8, confirmed=6, by_chance=1.5)}},
        pair_counts={"real": 5},
    )


def test_the_section_tells_what_was_measured() -> None:
    """The best F1 is bold, the tuned setting marked, times and agreement given."""
    text = text_of(result())

    assert "| ours | **0.947, 25.0%** | 0.50 |" in text
    assert "| asv steps † | 0.750, 25.0% | 7.25 |" in text
    assert "| ours | 1.000 | 0.900 | 90% | 1.00 |" in text
    assert "| ours | 8 | 6 (75%) | 2 | 4 |" in text
