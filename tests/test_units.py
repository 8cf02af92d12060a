import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.units import format_change, format_dollars, format_value


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.1238, "s", "123.8 ms"),
        (1.0, "s", "1 s"),
        (0.99999, "s", "1 s"),
        (3.2e-5, "s", "32 µs"),
        (158e-9, "s", "158 ns"),
        (0.0, "s", "0 s"),
        (2048.0, "bytes", "2 KiB"),
        (12.0, "bytes", "12 B"),
        (0.0031, "usd", "$0.0031"),
        (0.0, "usd", "$0"),
        (0.00004155, "usd", "$0.000042"),
        (0.985, "ratio", "98.5 %"),
        (12000.0, "count", "12,000"),
        (1.09, "count", "1.09"),
        (433.0, "per_s", "433/s"),
        (math.nan, "s", "n/a"),
        (5.0, "widgets", "5 widgets"),
    ],
)
def test_values_read_as_people_write_them(value, unit, expected) -> None:
    """Four digits or fewer, in the unit that fits."""
    assert expected == format_value(value, unit)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (0.0, "="),
        (0.313, "+31.3 %"),
        (-0.05, "-5.0 %"),
        (12.5, "+1250 %"),
        (0.0001, "+0.01 %"),
        (-3e-7, "-0.00003 %"),
        (2e-12, "+2e-10 %"),
        (math.inf, "n/a"),
    ],
)
def test_changes_carry_their_sign(ratio, expected) -> None:
    """A change is a signed percentage; none at all is an equals sign."""
    assert expected == format_change(ratio)


@given(ratio=st.floats(-1, 100, exclude_min=True))
def test_a_change_never_reads_as_none(ratio) -> None:
    """However small, what changed is not printed as zero per cent."""
    text = format_change(ratio)

    assert (text == "=") == (ratio == 0)
    assert text in {"=", "n/a"} or float(text.removesuffix(" %")) != 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "$0"),
        (0.0000827, "$0.0000827"),
        (0.0001, "$0.0001"),
        (0.01071, "$0.0107"),
        (0.5, "$0.50"),
        (12.0, "$12.00"),
        (12345.678, "$12,345.68"),
    ],
)
def test_dollars_are_no_powers_of_ten(value: float, expected: str) -> None:
    """Three digits of what is small, cents of what is not."""
    assert expected == format_dollars(value)
