"""
The simulated services, imported before anything forks.

Elsewhere they are imported when first used; benchmarks run in forks, and each would
import them anew: 0.4 to 0.9 s of CPU.
"""

from agent_perf.sim import SimDatabase, SimHttp, SimLlm, SimPusher, SimRedis

__all__ = ["SimDatabase", "SimHttp", "SimLlm", "SimPusher", "SimRedis"]
