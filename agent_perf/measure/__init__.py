"""What is taken down while a scenario runs, and on what it ran."""

from agent_perf.measure.calendar import utc_now, utc_today
from agent_perf.measure.command import end_words, record_command
from agent_perf.measure.db_connections import PostgresActivity, pool_gauge
from agent_perf.measure.environment import current_environment, harness_digest
from agent_perf.measure.execution import execute
from agent_perf.measure.histogram import ERROR_RATIO, LatencyHistogram, exact_summary
from agent_perf.measure.installation import (
    answers_at,
    installed_version,
    our_needs,
    program_path,
    python_version,
    unmet_needs,
)
from agent_perf.measure.launched import is_process_stopped
from agent_perf.measure.liveness import still_runs
from agent_perf.measure.load_recorder import EXACT_MAX, LoadRecorder, LoadRecording
from agent_perf.measure.lookout import looking_on
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
    "end_words",
    "exact_summary",
    "execute",
    "harness_digest",
    "installed_version",
    "is_process_stopped",
    "looking_on",
    "our_needs",
    "pool_gauge",
    "program_path",
    "python_version",
    "read_machine",
    "record_command",
    "still_runs",
    "unmet_needs",
    "utc_now",
    "utc_today",
]
