"""
Print how many requests to a whole agent the simulator makes per CPU second, and where it goes.

Run as ``python tools/profile_simulator.py [stub|client|wire] [users]`` from the top folder.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from agent_perf.records import Tier
from agent_perf.suite import run_scenario
from benchmarks.simulator import USERS, agent_path_scenario

ROUNDS = 5


def main() -> None:
    """Print the figure of each round, and the profile of one more by package."""
    users = int(sys.argv[2]) if len(sys.argv) > 2 else USERS
    path = agent_path_scenario(users)
    tier = Tier(sys.argv[1]) if len(sys.argv) > 1 else Tier.CLIENT
    run_scenario(path, users, commit="worktree", tier=tier)
    best_s = float("inf")
    for _ in range(ROUNDS):
        start_s = time.process_time()
        run = run_scenario(path, users, commit="worktree", tier=tier)
        best_s = min(best_s, time.process_time() - start_s)
    count = len(run.latency_ns)
    hits = sum(word == "hit" for word in run.path)
    print(f"{count / best_s:,.0f} requests per CPU second, {hits / count:.0%} of them hits")
    print(f"{(count + users) / best_s:,.0f} with the {users} of the warm-up")
    for name, total in sorted(run.counts.items()):
        print(f"  {total / count:10.3f} {name}")
    profile = cProfile.Profile()
    profile.runcall(run_scenario, path, users, commit="worktree", tier=tier)
    shares: Counter[str] = Counter()
    for (file, _, name), row in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        shares[_package(file, name)] += row[2]
    total_s = sum(shares.values())
    for package, spent_s in shares.most_common(16):
        print(f"  {spent_s / total_s:6.1%} {package}")


def _package(file: str, name: str) -> str:
    if file == "~":
        return "builtins and C methods"
    parts = Path(file).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    if "agent_perf" in parts:
        return ".".join(parts[parts.index("agent_perf") :][:3]).removesuffix(".py")
    return f"stdlib {parts[-2]}" if len(parts) > 1 else name


if __name__ == "__main__":
    main()
