"""Projects of strangers, in which the plugin is loaded as pytest would load it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

import pytest

SCENARIO = """
    from agent_perf import scenario

    @scenario("shop.search", users=(1, 20), requests=200)
    async def search(world):
        redis = world.redis.client()

        async def request(ask):
            key = f"q:{ask.index % 10}"
            hit = await redis.get(key)
            if hit is None:
                await redis.set(key, "1")
            return "miss" if hit is None else "hit"

        yield request
        await redis.aclose()
"""

# Where the package is not installed anew, its entry point is not there yet.
_IS_INSTALLED = any(point.name == "agent_perf" for point in entry_points(group="pytest11"))
PLUGIN = () if _IS_INSTALLED else ("-p", "agent_perf.pytest_plugin")

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run pytest on a file with the scenario and the given tests; every warning is an error."""

    def run_tests(
        tests: str, *args: str, apart: bool = False, scenario: str = SCENARIO
    ) -> pytest.RunResult:
        pytester.makeini("[pytest]\nfilterwarnings = error\n")
        pytester.makepyfile(shop=scenario)
        pytester.makepyfile(test_shop="import pytest\nfrom shop import search\n" + _dedent(tests))
        how = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
        return how(*PLUGIN, "-p", "no:cacheprovider", "--strict-markers", *args)

    return run_tests


def _dedent(text: str) -> str:
    import textwrap

    return textwrap.dedent(text)
