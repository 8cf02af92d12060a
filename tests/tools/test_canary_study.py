"""The study of canaries: a short version of its tables, with seeds of its own."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from tools.canary_study import LIMITS, TRAFFIC, Harm, run

ALL = TRAFFIC["all of it"]
SHORT = partial(run, rate_hz=50.0, length_s=60.0)


def test_equal_services_are_not_rolled_back() -> None:
    """
    In the worst of the traffics: heavy tails, shared and own slow moments, errors in bursts.
    """
    assert {"hold", "promote"} >= {SHORT(seed, ALL, Harm()).outcome for seed in range(2)}


@pytest.mark.parametrize("harm", [Harm(slower=2.5), Harm(errors=0.2)], ids=["slow", "failing"])
def test_what_is_bad_is_found_at_its_first_steps(harm: Harm) -> None:
    """
    Before a tenth of all requests has been sent to it.
    """
    ends = [SHORT(seed, ALL, harm) for seed in range(3)]

    assert {"roll back"} == {end.outcome for end in ends}
    assert all(end.seconds <= 180 for end in ends)


def test_a_run_is_made_again() -> None:
    """
    Equal seeds give equal canaries.
    """
    assert SHORT(1, ALL, Harm(slower=1.5)) == SHORT(1, ALL, Harm(slower=1.5))


@pytest.mark.slow
def test_half_of_the_limits_is_rolled_back_seldom() -> None:
    """
    At exactly what is tolerated, where the promise of 1 % is hardest to keep: at most 4 of 100
    canaries, which a true 1 % passes in one case of three hundred.
    """
    p95, errors = LIMITS
    harm = Harm(slower=1 + p95.tolerated, errors=errors.tolerated)
    work = partial(SHORT, traffic=TRAFFIC["heavy tails: 2 % Pareto 1.5"], harm=harm)
    with ProcessPoolExecutor(2) as pool:
        ends = list(pool.map(work, range(100), chunksize=5))

    assert sum(end.outcome == "roll back" for end in ends) <= 4
