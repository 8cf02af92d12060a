"""Load on a running service, sent by processes of Locust."""

from agent_perf.live.load.conductor import Progress
from agent_perf.live.load.running import LiveTarget, locust_version, run_live_load

__all__ = ["LiveTarget", "Progress", "locust_version", "run_live_load"]
