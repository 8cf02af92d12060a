"""Which metrics our components export, and which ones a text names."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from agent_perf.components import prometheus_text
from tests.deploy.observed import observed


def exported_names(folder: Path) -> set[str]:
    """Return the names of all samples of a watched backend, whose database is in *folder*."""

    async def page() -> str:
        backend = observed(folder)
        # What has a category or a part is there from the first one on.
        backend.agents.add("support", latency_s=0.1, error="timeout")
        await backend.ask("price")
        backend.metrics.watch("broken", _raise)
        backend.metrics.collect()
        text = prometheus_text(backend.metrics.collect())
        await backend.aclose()
        return text

    return set(re.findall(r"^(\w+)[ {]", asyncio.run(page()), re.MULTILINE))


def named_metrics(text: str) -> set[str]:
    """Return the names of our metrics in *text*."""
    return set(re.findall(r"\bagent_perf_\w+", text))


def _raise() -> None:
    raise RuntimeError("this part cannot tell")
