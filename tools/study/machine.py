"""
What the machine did meanwhile.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FIELDS = ("elapsed_s", "waited_s", "stolen_s", "busy_s")
"""Of a reading; the last three are 0 where the system does not tell."""


def reading() -> NDArray[np.float64]:
    """
    Return seconds so far: real ones, some task waiting for a CPU, stolen and busy CPU time.

    Source: Linux, *PSI - Pressure Stall Information*; proc(5), /proc/stat.
    """
    read = np.zeros(len(FIELDS))
    read[0] = time.monotonic()
    with suppress(FileNotFoundError):
        some = Path("/proc/pressure/cpu").read_text().splitlines()[0]
        read[1] = int(some.rpartition("total=")[2]) / 1e6
    with suppress(FileNotFoundError):
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
        ticks = np.array(fields, float) / os.sysconf("SC_CLK_TCK")
        # Fields 4 and 5 are idle time, 8 is stolen.
        read[2:] = ticks[7], ticks.sum() - ticks[3] - ticks[4]
    return read
