"""Who asks, when, and for what."""

from agent_perf.load.arrivals import Arrival, Dice, Limits, RateLimit, Shape
from agent_perf.load.closed import Closed, drive_for
from agent_perf.load.crowds import Crowd
from agent_perf.load.driver import (
    NO_LIMITS,
    SETTLE_S,
    Ask,
    Course,
    Desk,
    Ledger,
    Request,
    drive_closed,
    drive_open,
    error_category,
    warm_up,
)
from agent_perf.load.shapes import Burst, Ramp, Spike, Stress
from agent_perf.load.steady import Constant, Gamma, Poisson, Soak
from agent_perf.load.traces import Trace, read_access_log, read_trace

__all__ = [
    "NO_LIMITS",
    "SETTLE_S",
    "Arrival",
    "Ask",
    "Burst",
    "Closed",
    "Constant",
    "Course",
    "Crowd",
    "Desk",
    "Dice",
    "Gamma",
    "Ledger",
    "Limits",
    "Poisson",
    "Ramp",
    "RateLimit",
    "Request",
    "Shape",
    "Soak",
    "Spike",
    "Stress",
    "Trace",
    "drive_closed",
    "drive_for",
    "drive_open",
    "error_category",
    "read_access_log",
    "read_trace",
    "warm_up",
]
