"""Places found are held against places known: one for one, within five commits."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.study.history.scores import REACH, Score, f1_difference, matched, score
from tools.study.history.series import Labelled

PLACES = st.lists(st.integers(0, 60), max_size=3, unique=True)


def labelled(*changes: int, ratio: float = 0.1) -> Labelled:
    """A series of ones with *changes* said to be in it."""
    return Labelled(
        values=np.ones(100),
        weights=np.full(100, math.nan),
        changes=changes,
        ratios=(ratio,) * len(changes),
    )


@pytest.mark.parametrize(
    ("known", "found", "match"),
    [
        ((50,), (45,), {50: 45}),
        ((50,), (44,), {}),
        ((50,), (48, 51), {50: 51}),
        ((20, 24), (22,), {20: 22}),
        ((20, 24), (19, 25), {20: 19, 24: 25}),
    ],
)
def test_the_nearest_pairs_match_and_each_place_once(known, found, match) -> None:
    """Two places found near one change are one hit and one false alarm."""
    assert match == matched(known, found)


@settings(max_examples=40)
@given(known=PLACES, found=PLACES)
def test_a_match_can_be_made_no_larger(known: list[int], found: list[int]) -> None:
    """No free pair is left within reach, and as many match as half of the best matching has."""
    match = matched(known, found)
    free = set(known) - set(match), set(found) - set(match.values())
    shorter, longer = sorted((known, found), key=len)
    best = max(
        sum(abs(one - other) <= REACH for one, other in zip(shorter, row, strict=False))
        for row in itertools.permutations(longer, len(shorter))
    )

    assert len(match) == len(set(match.values()))
    assert all(abs(one - other) <= REACH for one, other in match.items())
    assert not [1 for one in free[0] for other in free[1] if abs(one - other) <= REACH]
    assert best / 2 <= len(match) <= best


def test_a_score_counts_by_hand() -> None:
    """Two of three changes found, two places besides, one of two null series flagged."""
    series = (labelled(20, 60), labelled(40, ratio=1 / 1.1 - 1), labelled(), labelled())

    found = score(series, [(21, 80), (40, 50), (), (10,)])

    assert [[1, 1, 1], [1, 1, 0]] == found.counts.tolist()
    assert (1 / 2, 2 / 3, 4 / 7) == (found.precision, found.recall, found.f1)
    assert 1 / 2 == found.null_ratio
    assert 1 / 2 == found.error_mean
    assert {0.1: (2, 3)} == found.by_ratio


def counted(hits: int, misses: int) -> Score:
    """A score of 60 series with one change each."""
    rows = [[1, 0, 0]] * hits + [[0, 0, 1]] * misses
    return Score(counts=np.array(rows), errors=(), flagged=(), by_ratio={})


def test_a_difference_says_which_is_higher() -> None:
    """55 of 60 against 30 of 60 is surely higher; a method against itself is not."""
    low, high = f1_difference(counted(55, 5), counted(30, 30))

    assert 0.15 < low < counted(55, 5).f1 - counted(30, 30).f1 < high < 0.45
    assert (0.0, 0.0) == f1_difference(counted(30, 30), counted(30, 30))
