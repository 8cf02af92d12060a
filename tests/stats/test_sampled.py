import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.records import Verdict
from agent_perf.stats import LOOKS, judge_duets, open_confirmations, open_duets
from tests.stats.rounds import confirmed, duet, judged, slowed


def test_a_regression_is_confirmed() -> None:
    """
    Fresh rounds that say the same uphold a suspicion; the comparison shows both.
    """
    one = judged(confirmed(0.5, 0.4))

    assert Verdict.REGRESSED is one.verdict
    assert one.confirmation is not None
    assert Verdict.REGRESSED is one.confirmation.verdict
    assert 9 == one.confirmation.round_count
    assert 0.4 == pytest.approx(one.confirmation.change_ratio, abs=0.01)
    assert (
        "+44.9 % to +54.9 % worse after 4 rounds, +35.3 % to +44.5 % worse after 4 fresh "
        "rounds: surely beyond the limit of 15 %" == one.reason
    )


def test_a_suspicion_alone_is_no_regression() -> None:
    """
    Without fresh rounds, or with too few, the case is undecided and says why.
    """
    alone = judged(slowed(0.5))
    hardly = judged(replace(slowed(0.5), confirmation=duet(1.5, 1.5, 1.5, benchmark="b")))

    for found, count in ((alone, 0), (hardly, 3)):
        assert Verdict.UNDECIDED is found.verdict
        assert f"{count} fresh rounds to confirm it: allow more time" in found.reason
    assert alone.confirmation is None
    assert hardly.confirmation is not None
    assert 3 == hardly.confirmation.round_count
    assert Verdict.UNDECIDED is hardly.confirmation.verdict


def test_a_refuted_suspicion() -> None:
    """
    Fresh rounds that contradict leave a case undecided, unless all together are harmless.
    """
    far = judged(confirmed(0.5, 0.0))

    assert Verdict.UNDECIDED is far.verdict
    assert "the fresh rounds refute the first; measure again" in far.reason
    assert far.confirmation is not None
    assert Verdict.UNCHANGED is far.confirmation.verdict
    assert open_confirmations([confirmed(0.5, 0.0)], [0.15])

    harmless = replace(
        duet(*FAINT, benchmark="b"), confirmation=duet(*[1.02, 1.01, 1.0] * 5, benchmark="b")
    )
    found = judged(harmless)
    assert Verdict.UNCHANGED is found.verdict
    assert "the fresh rounds refute the first; together within the limit of 15 %" in found.reason
    assert not open_confirmations([harmless], [0.15])


def test_fresh_rounds_that_cannot_tell() -> None:
    """
    A confirmation at the limit itself leaves the case undecided.
    """
    found = judged(confirmed(0.5, 0.15))

    assert Verdict.UNDECIDED is found.verdict
    assert "suspected to exceed the limit of 15 %, but not surely beyond it" in found.reason


def test_fresh_rounds_must_count() -> None:
    """
    What is wrong with fresh rounds is told.
    """
    found = judged(replace(confirmed(0.5, 0.5), confirmation=duet(1.5, math.nan, benchmark="b")))

    assert Verdict.UNDECIDED is found.verdict
    assert "head gave nan in round 2" in found.reason


FAINT = (1.17, 1.172, 1.168, 1.171)
"""Rounds that are surely beyond 15 % if one is suspected, and not if forty are."""


def test_many_suspects_must_be_surer() -> None:
    """
    What one suspect may tell, one of forty may not, if the others prove innocent.
    """
    faint = replace(slowed(0.5, benchmark="faint"), confirmation=duet(*FAINT, benchmark="faint"))
    innocent = [confirmed(0.5, 0.0, benchmark=f"b{index}") for index in range(39)]
    guilty = [confirmed(0.5, 0.5, benchmark=f"b{index}") for index in range(39)]
    among_innocent = judge_duets([faint, *innocent], [0.15] * 40).comparisons[0]
    among_guilty = judge_duets([faint, *guilty], [0.15] * 40).comparisons

    assert Verdict.REGRESSED is judged(faint).verdict
    assert Verdict.UNDECIDED is among_innocent.verdict
    assert "as one of 40 suspected" in among_innocent.reason
    assert {Verdict.REGRESSED} == {one.verdict for one in among_guilty}


def test_who_wants_more() -> None:
    """
    An open duet wants first rounds, a suspected one confirmation, a settled one nothing.
    """
    duets = [duet(), slowed(0.0), slowed(0.5), confirmed(0.5, 0.5), confirmed(0.5, 0.15)]
    limits = [0.15] * 5

    assert frozenset({0}) == open_duets(duets, limits)
    assert frozenset() == open_duets(duets, limits, 0)
    assert frozenset({2, 4}) == open_confirmations(duets, limits)
    assert frozenset({2}) == open_confirmations(duets, limits, 9)
    assert frozenset() == open_confirmations(duets, limits, 0)


@pytest.mark.parametrize(
    ("rounds", "rounds_max", "more"),
    [
        (0, 52, True),
        (3, 52, True),
        (4, 52, True),
        (22, 52, True),
        (51, 52, True),
        (52, 52, False),
        (53, 99, False),
        (6, 7, True),
        (7, 7, False),
        (0, 0, False),
    ],
)
def test_an_undecided_duet_goes_on(rounds: int, rounds_max: int, more: bool) -> None:
    """
    While undecided, rounds go on to the last look, and never beyond the budget.
    """
    undecided = duet(*((0.5, 2.0) * 27)[:rounds])
    again = replace(slowed(0.5), confirmation=replace(undecided, benchmark="b"))

    assert more is bool(open_duets([undecided], [0.15], rounds_max))
    assert more is bool(open_confirmations([again], [0.15], rounds_max))


@given(
    ratios=st.lists(st.floats(0.7, 1.6), min_size=5, max_size=60).filter(
        lambda some: len(some) not in LOOKS
    )
)
def test_nobody_looks_between_two_looks(ratios: list[float]) -> None:
    """
    A round between looks changes neither answer nor interval: a peek more is an error more.
    """
    last = max(look for look in LOOKS if look <= len(ratios))
    before, now = duet(*ratios[:last]), duet(*ratios)

    assert judged(before).interval == judged(now).interval
    assert judged(before).verdict is judged(now).verdict
    assert open_duets([before], [0.15], 61) == open_duets([now], [0.15], 61) or len(ratios) > 52


@given(order=st.permutations(range(5)))
def test_order_of_benchmarks_does_not_matter(order: list[int]) -> None:
    """
    Each duet has its comparison at its own place, whatever stands before it.
    """
    duets = [
        slowed(0.0, benchmark="a"),
        slowed(0.5, benchmark="b"),
        confirmed(0.5, 0.5, benchmark="c"),
        confirmed(0.5, 0.0, benchmark="d"),
        duet(1.0, benchmark="e"),
    ]
    found = judge_duets(duets, [0.15] * 5).comparisons
    moved = judge_duets([duets[index] for index in order], [0.15] * 5).comparisons

    assert tuple(found[index] for index in order) == moved


def test_a_limit_for_each() -> None:
    """
    Limits that are not paired with the duets are refused.
    """
    for judge in (judge_duets, open_duets, open_confirmations):
        with pytest.raises(ConfigError, match="2 duets and 1 limits"):
            judge([slowed(0.0), slowed(0.0)], [0.15])
