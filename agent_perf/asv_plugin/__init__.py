"""
The door to asv: an environment type, scenarios as benchmarks, a page on the published site.

asv imports this package when asv.conf.json says ``"plugins": [".agent_perf.asv_plugin"]``
and calls `setup`. The leading dot is needed: asv ignores any other name without a word.
Benchmark files import it too, in environments where asv itself is not wanted: everything
is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent_perf.asv_plugin.driving import drive, in_world
    from agent_perf.asv_plugin.refusal import register
    from agent_perf.asv_plugin.timer import fastest, per_call
    from agent_perf.asv_plugin.tracking import Cache, ScenarioBenchmark

__all__ = [
    "Cache",
    "ScenarioBenchmark",
    "drive",
    "fastest",
    "in_world",
    "per_call",
    "register",
    "setup",
]

_HOME = {
    "Cache": "tracking",
    "ScenarioBenchmark": "tracking",
    "drive": "driving",
    "fastest": "timer",
    "in_world": "driving",
    "per_call": "timer",
    "register": "refusal",
}


def setup() -> None:
    """Make asv know our environment type and our page; asv calls it by this name."""
    # asv finds them as subclasses of its own classes.
    for name in ("environment", "site"):
        import_module(f"agent_perf.asv_plugin.{name}")


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"agent_perf.asv_plugin.{_HOME[name]}"), name)
    raise AttributeError(f"module 'agent_perf.asv_plugin' has no attribute {name!r}")
