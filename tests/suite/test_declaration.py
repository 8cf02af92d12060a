import pytest

from agent_perf import scenario
from agent_perf.errors import ConfigError
from agent_perf.suite import Scenario


async def build(world):
    yield None


def test_scenario_knows_its_benchmarks_and_file() -> None:
    """A declared scenario has one benchmark per load, and the file it stands in."""
    declared = scenario("shop.answer", users=(1, 50))(build)

    assert isinstance(declared, Scenario)
    assert ("shop.answer@1", "shop.answer@50") == declared.benchmarks()
    assert "test_declaration.py" == declared.source.name


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("<script>", {}, "'<script>'; want family.name"),
        ("answer", {}, "want family.name"),
        ("a.b", {"users": ()}, "want integers >= 1"),
        ("a.b", {"users": (0,)}, "users=(0,)"),
        ("a.b", {"users": (True,)}, "want integers"),
        ("a.b", {"users": (5, 5)}, "want each load once"),
        ("a.b", {"requests": 0}, "requests=0; want an integer >= 1"),
        ("a.b", {"requests": 1e3}, "requests=1000.0; want an integer >= 1"),
        ("a.b", {"warmup": "2"}, "warmup='2'; want an integer >= 0"),
        ("a.b", {"executor": "threads"}, "executor='threads'; want one of"),
        ("a.b", {"warmup": -1}, "warmup=-1; want an integer >= 0"),
        ("a.b", {"targets": {"latency.p95": float("nan")}}, "latency.p95 = nan"),
    ],
)
def test_impossible_scenarios_are_refused(name, arguments, said) -> None:
    """Each value that cannot work is named, with what would."""
    with pytest.raises(ConfigError) as caught:
        scenario(name, **arguments)(build)

    assert said in str(caught.value)


def test_only_async_functions_are_scenarios() -> None:
    """A function that cannot wait is refused when it is declared."""
    with pytest.raises(ConfigError, match="neither an `async def` function"):
        scenario("a.b")(lambda world: None)
