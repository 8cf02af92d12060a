"""The command line: ``agent-perf``."""

from agent_perf.cli.app import main

__all__ = ["main"]
