"""What is taken down while a scenario runs, and on what it ran."""

from agent_perf.measure.calendar import utc_now, utc_today
from agent_perf.measure.command import record_command
from agent_perf.measure.db_connections import PostgresActivity, pool_gauge
from agent_perf.measure.environment import current_environment, harness_digest
from agent_perf.measure.histogram import ERROR_RATIO, LatencyHistogram, exact_summary
from agent_perf.measure.installation import (
    answers_at,
    installed_version,
    our_needs,
    program_path,
    python_version,
    unmet_needs,
)
from agent_perf.measure.load_recorder import EXACT_MAX, LoadRecorder, LoadRecording
from agent_perf.measure.machine import read_machine
from agent_perf.measure.recorder import Recorder, Recording
from agent_perf.measure.resource_sampler import (
    INTERVAL_S,
    INTERVALS_S,
    ResourceSampler,
    check_interval,
)
from agent_perf.measure.timeline import BUCKETS_MAX, TimelineBuilder

__all__ = [
    "BUCKETS_MAX",
    "ERROR_RATIO",
    "EXACT_MAX",
    "INTERVALS_S",
    "INTERVAL_S",
    "LatencyHistogram",
    "LoadRecorder",
    "LoadRecording",
    "PostgresActivity",
    "Recorder",
    "Recording",
    "ResourceSampler",
    "TimelineBuilder",
    "answers_at",
    "check_interval",
    "current_environment",
    "exact_summary",
    "harness_digest",
    "installed_version",
    "our_needs",
    "pool_gauge",
    "program_path",
    "python_version",
    "read_machine",
    "record_command",
    "unmet_needs",
    "utc_now",
    "utc_today",
]
