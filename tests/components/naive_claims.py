"""Claims that our components keep, and naive ones do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")


def only_ours_keeps(claim: Callable[[T], None], *, naive: T, ours: T) -> None:
    """Check that *claim* holds of ours, and fails of the naive design."""
    claim(ours)
    with pytest.raises(AssertionError):
        claim(naive)
