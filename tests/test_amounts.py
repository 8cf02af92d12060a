import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.amounts import parse_duration, parse_limit, parse_target
from agent_perf.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("15%", 0.15),
        ("+15%", 0.15),
        (" 2.5 % ", 0.025),
        (".5%", 0.005),
        ("0%", 0.0),
        ("+0", 0.0),
        ("0", 0.0),
        ("300%", 3.0),
    ],
)
def test_limits(text: str, ratio: float) -> None:
    """
    A limit is a percentage or nothing at all, exactly.
    """
    assert ratio == parse_limit(text)


@pytest.mark.parametrize("text", ["", "15", "-5%", "0.15", "+2", "15 percent", "%", "nan%", "1e3%"])
def test_no_limit(text: str) -> None:
    """
    Any other form is refused by name: 15 might be seconds, and -5% a wish to improve.
    """
    with pytest.raises(ConfigError, match="want a percentage") as caught:
        parse_limit(text)

    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("150ms", 0.15),
        ("2s", 2.0),
        ("1.5 s", 1.5),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("3ns", 3e-9),
        ("2min", 120.0),
        ("1h", 3600.0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """
    A duration is a number with its unit, exactly.
    """
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["", "150", "150 m", "-1s", "ms", "1s 2ms", "infs", "1e3ms"])
def test_no_duration(text: str) -> None:
    """
    A number without a unit, or a unit without a number, is refused by name.
    """
    with pytest.raises(ConfigError, match="want a number with a unit") as caught:
        parse_duration(text)

    assert repr(text) in str(caught.value)


@given(ms=st.integers(1, 10**9))
def test_durations_are_exact(ms: int) -> None:
    """
    Whole milliseconds become the float nearest to their seconds.
    """
    assert ms / 1000 == parse_duration(f"{ms}ms")


@pytest.mark.parametrize(
    ("metric", "value", "amount"),
    [
        ("latency.p95", "150ms", 0.15),
        ("latency.hit.p95", 0.15, 0.15),
        ("cpu.median", "3us", 3e-6),
        ("success_ratio", "99.9%", 0.999),
        ("throughput", "500", 500.0),
        ("work.llm_calls", 1200, 1200.0),
        ("cpu.instructions", "50000", 50_000.0),
    ],
)
def test_targets(metric: str, value: str | float, amount: float) -> None:
    """
    The metric says which form its target has; a number is in the base unit.
    """
    assert amount == parse_target(metric, value)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("latency.p95", "150"),
        ("latency.p95", "15%"),
        ("throughput", "150ms"),
        ("throughput", "fast"),
        ("latency.p95", 0),
        ("latency.p95", -1.0),
        ("latency.p95", float("inf")),
        ("latency.p95", float("nan")),
        ("latency.p95", "0ms"),
    ],
)
def test_no_target(metric: str, value: str | float) -> None:
    """
    A target of another form, or one that is not finite and above zero, is refused.
    """
    with pytest.raises(ConfigError, match="want"):
        parse_target(metric, value)
