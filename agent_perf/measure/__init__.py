"""What is taken down while a scenario runs, and on what it ran."""

from agent_perf.measure.environment import current_environment, harness_digest
from agent_perf.measure.histogram import ERROR_RATIO, LatencyHistogram, exact_summary
from agent_perf.measure.load_recorder import EXACT_MAX, LoadRecorder, LoadRecording
from agent_perf.measure.recorder import Recorder, Recording
from agent_perf.measure.timeline import BUCKETS_MAX, TimelineBuilder

__all__ = [
    "BUCKETS_MAX",
    "ERROR_RATIO",
    "EXACT_MAX",
    "LatencyHistogram",
    "LoadRecorder",
    "LoadRecording",
    "Recorder",
    "Recording",
    "TimelineBuilder",
    "current_environment",
    "exact_summary",
    "harness_digest",
]
