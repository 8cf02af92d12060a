"""What is taken down while a scenario runs, and on what it ran."""

from agent_perf.measure.environment import current_environment, harness_digest
from agent_perf.measure.recorder import Recorder, Recording

__all__ = ["Recorder", "Recording", "current_environment", "harness_digest"]
