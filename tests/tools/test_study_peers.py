"""
The rules of other tools, on data of which each must say the same.

`tox -e study` runs them before anything else; where its environment is not, they are skipped.
"""

from __future__ import annotations

import numpy as np
import pytest

peers = pytest.importorskip(
    "tools.study.peers", reason="in the study's environment only: constraints/study.txt"
)
PEERS = peers.PEERS
NAMES = list(PEERS)


def launches(peer: peers.Peer, ratio: float) -> np.ndarray:
    """Times with 1 % of noise, slower by *ratio*."""
    dice = np.random.default_rng(round(ratio * 1000))
    columns = 100 if peer.sees == "samples" else 3
    return (1 + ratio) * np.exp(dice.normal(0, 0.01, (peer.launches, columns)))


@pytest.mark.parametrize("name", NAMES)
def test_clean_data(name: str) -> None:
    """
    With 1 % of noise no rule calls equal code slower, and each finds +30 %.
    """
    peer = PEERS[name]

    assert not peer.rule(launches(peer, 0.0), launches(peer, 0.001))
    assert peer.rule(launches(peer, 0.0), launches(peer, 0.3))


@pytest.mark.parametrize("name", [name for name in NAMES if "15" in name])
def test_a_limit_of_15_percent_is_kept(name: str) -> None:
    """
    Rules with a limit of 15 % do not tell +10 %.
    """
    peer = PEERS[name]

    assert not peer.rule(launches(peer, 0.0), launches(peer, 0.1))


def test_faster_is_no_regression() -> None:
    """
    No rule takes a head that is faster by 30 % for a regression.
    """
    for peer in PEERS.values():
        assert not peer.rule(launches(peer, 0.3), launches(peer, 0.0))
