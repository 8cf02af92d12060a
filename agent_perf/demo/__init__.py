"""
The demo: a small agent backend with a history in which five commits make it worse.
"""

from agent_perf.demo.builder import build_demo
from agent_perf.demo.history import DemoCommit, DemoHistory

__all__ = ["DemoCommit", "DemoHistory", "build_demo"]
