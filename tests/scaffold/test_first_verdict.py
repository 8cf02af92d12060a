"""From a repository that never heard of us to a verdict on its next change."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import pytest

from tests.cli.command import agent_perf
from tests.scaffold.samples import project
from tests.shop import commit

# File, what stands there, what is merged instead, and what the verdict is about.
CHANGES: Final = {
    "fast": (
        "shop/api.py",
        "    if hit is None:\n",
        '    await cache.expire(f"s:{ask.session}", 60)\n    if hit is None:\n',
        "work.redis_trips",
    ),
    "star": (
        "src/helpdesk/web.py",
        "    await redis.incr(key)\n",
        "    await redis.incr(key)\n    await redis.expire(key, 60)\n",
        "work.redis_trips",
    ),
    "pyd": ("advisor/agents.py", "instructions=f", 'instructions="Be brief. " * 40 + f', "tokens"),
    "graph": (
        "researcher/flow.py",
        '    return {"plan": await',
        '    await _say("Think.")\n    return {"plan": await',
        "work.llm_calls",
    ),
    "plain": (
        "worker/jobs.py",
        '    return int(await queue.llen("jobs"))',
        '    await queue.llen("jobs")\n    return int(await queue.llen("jobs"))',
        "work.redis_trips",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_first_verdict(name: str, tmp_path: Path) -> None:
    """
    Within a minute a newcomer has a scenario, and is told what the next change does.
    """
    root = project(name, tmp_path)
    began_s = time.monotonic()
    started = agent_perf(root, "init")
    commit(root, "Measure with agent-perf")
    path, old, new, metric = CHANGES[name]
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))
    judged = agent_perf(root, "compare", "HEAD", "worktree")

    assert 0 == started.returncode, started.stderr
    assert 1 == judged.returncode, judged.stdout + judged.stderr
    assert any(
        line.startswith("FAIL ") and metric in line
        for line in (judged.stdout + judged.stderr).splitlines()
    )
    reports = "out/perf" if name == "graph" else "reports"
    assert (root / reports / "index.html").is_file()
    assert time.monotonic() - began_s < 60
