"""
The study's key claims, recomputed on stored samples by the product's own code.

A short version of `tox -e study -- judge`: the same draws, fewer of them. What is told in
docs/verdict-study.md and no longer true fails here.
"""

from __future__ import annotations

import pytest

from tools.study.samples import CLOCKS, FOLDER, STATISTICS, Samples
from tools.study.tally import joined
from tools.study.trials import SUITE, disjoint, equal_suites, resampled
from tools.study.workloads import TAIL_WORKLOADS, WORKLOADS

CONDITIONS = sorted(path.stem for path in FOLDER.glob("*.npz"))
PLAIN_ALARMS = {"noisy": 0.5, "quiet": 0.1}


@pytest.fixture(scope="module", params=CONDITIONS)
def samples(request: pytest.FixtureRequest) -> Samples:
    return Samples.load(request.param)


def test_there_are_samples() -> None:
    """
    The samples that the page was made from are there, and small.
    """
    assert CONDITIONS
    assert sum(path.stat().st_size for path in FOLDER.glob("*.npz")) < 1.5e6


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_plain_limit_would_alarm(condition: str) -> None:
    """
    The samples could raise alarms: "P95 more than 15 % up" in one round alarms in half of the
    suites beside a neighbour, and in a tenth of them on a quiet machine.
    """
    tail = Samples.load(condition).rounds("same")[
        :, :, CLOCKS.index("wall"), STATISTICS.index("p95")
    ]
    above = float((tail[..., 1] / tail[..., 0] > 1.15).mean())

    assert PLAIN_ALARMS[condition] < 1 - (1 - above) ** SUITE


def test_suites_of_equal_code(samples: Samples) -> None:
    """
    No suite of 40 benchmarks of equal code has an alarm, nor any verdict on fresh rounds.
    """
    suites = equal_suites(samples, "cpu", suites=8, seed=20260101)
    once = joined(disjoint(samples, "same", "cpu"))

    assert (0, 8) == (suites.told, suites.trials)
    assert 0 == once.told < once.trials


@pytest.mark.parametrize("head", ["+20", "+30"])
def test_slow_downs_are_found(samples: Samples, head: str) -> None:
    """
    +20 and +30 % are told every time, in every workload.
    """
    found = resampled(samples, head, "cpu", trials=6, seed=20260101)

    assert dict.fromkeys(WORKLOADS, 1.0) == {name: one.ratio for name, one in found.items()}


def test_a_tail_is_found(samples: Samples) -> None:
    """
    8 % of calls twice as slow are told nine times in ten where it is the call that is timed.
    """
    found = resampled(samples, "tail", "cpu", trials=8, seed=20260101)
    seen = joined({name: found[name] for name in TAIL_WORKLOADS})

    assert 0.9 <= seen.ratio


def test_small_changes_are_no_alarm(samples: Samples) -> None:
    """
    +5 and +10 % are within the limit of 15 %, and never told.
    """
    for head in ("+5", "+10"):
        found = joined(resampled(samples, head, "cpu", trials=4, seed=20260101))
        assert 0 == found.told
