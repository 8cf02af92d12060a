"""
The benchmarks of agent-perf's own reference components.

Scenarios run in virtual time and give the same figures everywhere; classes with
``time_*`` methods are sampled on the machine at hand, in CPU time.
"""

from agent_perf.asv_plugin import register

register()
