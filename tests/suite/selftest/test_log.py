"""The log of a run, its checkpoints, and where two of them part."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent_perf.suite.selftest.bisection import compare_entries, first_difference
from agent_perf.suite.selftest.log import STRETCH, StepLog

TEXTS = st.lists(st.sampled_from("abc"), max_size=4 * STRETCH)


def logged(texts: list[str], keep: tuple[int, int] = (0, 0)) -> StepLog:
    log = StepLog(keep)
    for number, text in enumerate(texts):
        log.event(number, text)
    log.close()
    return log


@given(common=st.integers(0, 50), one=st.integers(0, 9), other=st.integers(0, 9))
def test_the_first_difference_is_the_linear_searchs(common: int, one: int, other: int) -> None:
    """Binary search over chained hashes finds what looking at each would."""
    mine = [*map(str, range(common)), *(f"one {n}" for n in range(one))]
    yours = [*map(str, range(common)), *(f"other {n}" for n in range(other))]
    expected = None if mine == yours else common

    assert expected == first_difference(mine, yours)


@given(texts=TEXTS, data=st.data())
def test_checkpoints_differ_from_the_stretch_that_does(texts: list[str], data) -> None:
    """Change one entry: the checkpoints before its stretch stay, all others change."""
    if not texts:
        return
    index = data.draw(st.integers(0, len(texts) - 1))
    other = [*texts[:index], "z", *texts[index + 1 :]]

    assert index // STRETCH == first_difference(
        logged(texts).checkpoints, logged(other).checkpoints
    )


@given(texts=TEXTS, data=st.data())
def test_the_first_entry_that_differs_is_found(texts: list[str], data) -> None:
    """A whole log and a changed one part at the change; a shorter one where it ends."""
    index = data.draw(st.integers(0, len(texts)))
    other = [*texts[:index], "z"]
    keep = (0, 10**9)
    found = compare_entries(logged(texts, keep).entries, logged(other, keep).entries, 0)

    assert index == found.index
    assert found.other is not None
    assert "z" == found.other.text
    assert (None if index == len(texts) else texts[index]) == (found.one and found.one.text)
    assert [entry.index for entry in found.common] == list(range(max(0, index - 5), index))


def test_an_address_in_a_name_is_no_difference() -> None:
    """`<object at 0x7f...>` in a detail does not tell two runs apart."""
    one = logged(["<object at 0x7f00aa001230>"])
    other = logged(["<object at 0x7f00bb004560>"])

    assert one.checkpoints == other.checkpoints


def test_only_what_is_asked_for_is_kept() -> None:
    """The entries kept are those of the stretch; what the harness itself asks for is left out."""
    log = StepLog((2, 4))
    for number in range(6):
        log.ask("os.getpid()", "app.py:7 in who" if number == 3 else "")
        log.event(number, "step", number)

    assert [("event", 2), ("asked", 3), ("event", 3)] == [(e.kind, e.index) for e in log.entries]
