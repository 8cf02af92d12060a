"""
Write agent_perf/sim/tables.json: quantiles in integer nanoseconds.

Run once, by hand, when a distribution changes; the file is what counts, because the
last bits of exp and log differ between machines. Latencies are whole microseconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

U53 = 1 << 53
TAIL = [m * 10.0**-k for k in (6, 5, 4, 3) for m in (1, 2, 5)]
GRID = sorted({i / 256 for i in range(1, 256)} | set(TAIL) | {1 - p for p in TAIL})


def lognormal(median_ms: float, sigma: float) -> Callable[[float], float]:
    """Return the quantile function in ms of a lognormal with that median."""
    return lambda p: median_ms * math.exp(sigma * NormalDist().inv_cdf(p))


def exponential(mean_ms: float) -> Callable[[float], float]:
    """Return the quantile function in ms of an exponential with that mean."""
    return lambda p: -math.log1p(-p) * mean_ms


def gamma(variation: float) -> Callable[[float], float]:
    """Return the quantile function of a gamma with mean 1 and that coefficient of variation."""
    shape = 1 / variation**2

    def share_below(log_x: float) -> float:
        # The series of the lower incomplete gamma function, Abramowitz & Stegun 6.5.29.
        x = math.exp(log_x)
        term = total = 1.0
        for n in range(1, 2_000):
            term *= x / (shape + n)
            total += term
            if term < total * 1e-17:
                break
        return total * math.exp(shape * log_x - x - math.lgamma(shape + 1))

    def quantile(p: float) -> float:
        low, high = -700.0, 6.0
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if share_below(middle) < p else (low, middle)
        return math.exp((low + high) / 2) / shape

    return quantile


# Gaps between arrivals, with a mean of one second exactly: a rate scales them.
UNITS = {
    "unit.exponential": exponential(1.0),
    "unit.gamma.cv0.5": gamma(0.5),
    "unit.gamma.cv2": gamma(2.0),
    "unit.gamma.cv4": gamma(4.0),
}

# Medians and spreads of services in one data centre; a mocked model answers like a
# small local one, so that the request path, not the model, decides the P95.
TABLES = {
    "redis.trip": lognormal(0.4, 0.25),
    "redis.connect": lognormal(1.0, 0.25),
    "db.statement": lognormal(2.0, 0.35),
    "db.connect": lognormal(12.0, 0.30),
    "http.request": lognormal(20.0, 0.30),
    "llm.first_token": lognormal(30.0, 0.20),
    "llm.token": lognormal(0.6, 0.25),
    "tool.call": lognormal(12.0, 0.30),
    "pusher.request": lognormal(20.0, 0.30),
    "disk.read": lognormal(0.1, 0.40),
    "think": exponential(1000.0),
    "http.connect": lognormal(1.5, 0.30),
    "http.trip": lognormal(0.5, 0.25),
}


def unit_row(quantile: Callable[[float], float], grid: list[int]) -> list[int]:
    """
    Return the values of *quantile* on *grid*, scaled so that interpolated their mean is 1 s.

    A straight line lies above a convex quantile function, and the tail ends at the last
    grid point: unscaled, the rate would be off by as much.
    """
    values = [0.0, *(quantile(p) for p in GRID)]
    values.append(values[-1])
    areas = [
        (high - low) * (a + b) / 2
        for (low, high), (a, b) in zip(pairwise(grid), pairwise(values), strict=True)
    ]
    mean = math.fsum(areas) / U53
    return [round(value * 1e9 / mean) for value in values]


def main() -> None:
    """Write the file."""
    rows: dict[str, list[int]] = {"grid": [0, *(round(p * U53) for p in GRID), U53]}
    for name, quantile in TABLES.items():
        values = [round(quantile(p) * 1000) * 1000 for p in GRID]
        rows[name] = [values[0], *values, values[-1]]
    for name, quantile in UNITS.items():
        rows[name] = unit_row(quantile, rows["grid"])
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    path = Path(__file__).parents[1] / "agent_perf" / "sim" / "tables.json"
    path.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
