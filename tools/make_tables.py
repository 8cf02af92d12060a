"""
Write agent_perf/sim/tables.json: quantiles in integer nanoseconds.

Run once, by hand, when a distribution changes; the file is what counts, because the
last bits of exp and log differ between machines. Rounded to whole microseconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
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
}


def main() -> None:
    """Write the file."""
    rows: dict[str, list[int]] = {"grid": [0, *(round(p * U53) for p in GRID), U53]}
    for name, quantile in TABLES.items():
        values = [round(quantile(p) * 1000) * 1000 for p in GRID]
        rows[name] = [values[0], *values, values[-1]]
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    path = Path(__file__).parents[1] / "agent_perf" / "sim" / "tables.json"
    path.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
