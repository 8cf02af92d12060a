"""
Mozilla's Perfherder: where it would raise an alert.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tools.study.history.series import Array

_BACK_MIN: Final = 12
_BACK_MAX: Final = 24
_FORE: Final = 12
_FALLING: Final = tuple(
    np.arange(count, 0, -1) / count if count else np.empty(0) for count in range(_BACK_MAX + 1)
)


def alerts(values: Array, t_min: float = 7.0, change_ratio_min: float = 0.02) -> tuple[int, ...]:
    """
    Return where Mozilla's Perfherder would raise an alert.

    Written anew after treeherder/perfalert/perfalert/__init__.py, detect_changes, and
    treeherder/perf/alerts.py, generate_new_alerts_in_series, of mozilla/treeherder at
    dc3080dd746d: Student's t of 12 to 24 points before, as many as there are since the last
    alert, and 12 after, both weighed linearly towards the place; a local maximum over *t_min*
    where plain means differ by at least *change_ratio_min*.
    """
    count = len(values)
    scores = np.zeros(count)
    backs = np.zeros(count, dtype=np.int64)
    quiet = 0
    for place in range(1, count):
        backs[place] = min(place, max(quiet, _BACK_MIN), _BACK_MAX)
        before = values[place - backs[place] : place][::-1]
        after = values[place : place + _FORE]
        scores[place] = _t_value(before, after)
        quiet = 0 if scores[place] > t_min else quiet + 1
    found = []
    for place in range(_BACK_MIN, count - _FORE + 1):
        nearby = scores[place - 1 : place + 2]
        if scores[place] > t_min and scores[place] >= nearby.max():
            before = float(values[place - backs[place] : place].mean())
            after = float(values[place : place + _FORE].mean())
            if abs(after / before - 1) >= change_ratio_min:
                found.append(place)
    return tuple(found)


def _t_value(before: Array, after: Array) -> float:
    """Both arrays start at the place in question."""
    means, variances = [], 0.0
    for part in (before, after):
        weights = _FALLING[len(part)]
        mean = float(weights @ part / weights.sum())
        means.append(mean)
        if len(part) > 1:
            variances += float(((part - mean) ** 2).sum()) / (len(part) - 1) / len(part)
    difference = abs(means[1] - means[0])
    if difference == 0:
        return 0.0
    return difference / math.sqrt(variances) if variances > 0 else math.inf
