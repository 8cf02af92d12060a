"""Lets ``python -m agent_perf`` do what ``agent-perf`` does."""

from agent_perf.cli import main

if __name__ == "__main__":
    main()
