"""The file of what a project has accepted: what it may hold, and how it grows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError, StoreError
from agent_perf.records import Acknowledged, Waiver
from agent_perf.waivers import Accepted, append_accepted, load_accepted

CHAT = Waiver(
    benchmark="agent.chat@*",
    metric="latency.p95",
    reason="the new safety check; issue 41",
    until=date(2031, 12, 24),
    at_most_ratio=0.3,
    author="ada",
)
FULL = """\
# Agreed on in March.
[[waiver]]
benchmark = "agent.chat@*"
metric = "latency.p95"
reason = "the new safety check; issue 41"
until = 2031-12-24   # the release
at_most = "30%"
author = "ada"

[[acknowledged]]
commit = "1f0c93ab"
reason = "we log more"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent-perf-waivers.toml"


def test_without_a_file_nothing_is_accepted(file: Path) -> None:
    """
    A project needs no such file.
    """
    assert Accepted() == load_accepted(file)


def test_both_tables_are_read(file: Path) -> None:
    """
    Waivers and acknowledged changes live in one file; what is optional may be left out.
    """
    file.write_text(FULL)

    assert load_accepted(file) == Accepted(
        waivers=(CHAT,), acknowledged=(Acknowledged(commit="1f0c93ab", reason="we log more"),)
    )


def test_a_day_may_be_quoted(file: Path) -> None:
    """
    TOML has dates, and whoever quotes one means the same.
    """
    file.write_text(FULL.replace("2031-12-24", '"2031-12-24"'))

    assert (CHAT,) == load_accepted(file).waivers


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('metric = "latency.p95"\n', "", 'waiver 1: no metric; add metric = "..."'),
        ('"agent.chat@*"', '" "', "waiver 1: benchmark = ' '; want a name"),
        ('"the new safety check; issue 41"', '" "', "waiver 1: reason is empty; say why"),
        ('"the new safety check; issue 41"', "41", "waiver 1: reason = 41; want text in quotes"),
        ("until = 2031-12-24 ", "# ", "waiver 1: no until; say when it ends"),
        ("2031-12-24 ", '"Christmas" ', "waiver 1: until = 'Christmas' (Invalid isoformat"),
        ("2031-12-24 ", "2031-12-24T10:00:00 ", "want a day, as until = 2031-12-24"),
        ("2031-12-24 ", "20311224 ", "until = 20311224; want a day"),
        ("until =", "expires =", "waiver 1: unknown key 'expires'; known are benchmark, metric"),
        ("reason = ", "reson = ", "unknown key 'reson'; did you mean 'reason'?"),
        ('"30%"', '"a bit"', "waiver 1: limit 'a bit'; want a percentage"),
        ('"30%"', '"+0"', "waiver 1: at_most = 0.0; want a percentage > 0"),
        ("[[waiver]]", "[[waivers]]", "unknown table 'waivers'; did you mean 'waiver'?"),
        ("[[waiver]]", "[waiver]", "'waiver' is no list of tables; write each as [[waiver]]"),
        ('"1f0c93ab"', '"HEAD"', "acknowledged 1: commit = 'HEAD'; want 7 to 40 hex digits"),
        ("= 2031", "= = 2031", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(file: Path, old: str, new: str, said: str) -> None:
    """
    The message names the file, the entry, the value and the way out.
    """
    assert old in FULL
    file.write_text(FULL.replace(old, new, 1))

    with pytest.raises(ConfigError) as caught:
        load_accepted(file)
    assert str(caught.value).startswith(str(file))
    assert said in str(caught.value)


@pytest.mark.parametrize("metric", ["*", "**", "*.*", "?*"])
def test_nothing_accepts_everything(metric: str) -> None:
    """
    Patterns without a letter or digit on either side are refused; one side may be free.
    """
    with pytest.raises(ConfigError, match="accept everything"):
        Waiver(benchmark="*", metric=metric, reason="because", until=date(2031, 1, 1))
    Waiver(benchmark="agent.*", metric=metric, reason="because", until=date(2031, 1, 1))


def test_one_entry_for_the_same(file: Path) -> None:
    """
    Two entries for the same patterns would hide that the later date holds.
    """
    file.write_text(FULL + FULL.partition("[[acknowledged]]")[0])

    with pytest.raises(
        ConfigError, match=r"waiver 2 is for agent.chat@\* latency.p95, as waiver 1"
    ):
        load_accepted(file)


def test_what_is_there_stays_as_it_is(file: Path) -> None:
    """
    An entry is added at the end, without touching comments or order; one for the same is not.
    """
    file.write_text(FULL.rstrip("\n"))
    added = Waiver(benchmark="a", metric="*", reason="x", until=date(2030, 1, 2))
    append_accepted(file, added)

    text = file.read_text()
    assert text.startswith(FULL)
    assert (CHAT, added) == load_accepted(file).waivers
    with pytest.raises(ConfigError, match="waiver 3 is for a"):
        append_accepted(file, added)
    assert text == file.read_text()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(
    benchmark=TEXTS,
    metric=TEXTS,
    reason=TEXTS,
    author=st.text(st.characters(exclude_categories=["Cs"])),
    until=st.dates(),
    percent=st.none() | st.decimals(min_value="0.01", max_value=10_000, places=2),
)
def test_what_is_written_is_read(
    tmp_path_factory, benchmark, metric, reason, author, until, percent
) -> None:
    """
    Whatever a name or reason holds, it comes back as it was.
    """
    file = tmp_path_factory.mktemp("accepted") / "waivers.toml"
    waiver = Waiver(
        benchmark=f"a{benchmark}",
        metric=metric,
        reason=reason,
        until=until,
        author=author,
        at_most_ratio=None if percent is None else float(percent / 100),
    )
    change = Acknowledged(
        commit="1f0c93ab", benchmark=benchmark, metric=metric, reason=reason, author=author
    )
    append_accepted(file, waiver)
    append_accepted(file, change)

    assert Accepted(waivers=(waiver,), acknowledged=(change,)) == load_accepted(file)


def test_a_name_matches_itself() -> None:
    """
    Brackets in a benchmark's own name are no choice of letters.
    """
    waiver = Waiver(benchmark="test_get[lru]", metric="*", reason="x", until=date(2030, 1, 2))

    assert waiver.covers("test_get[lru]", "wall.median")
    assert not waiver.covers("test_get[fifo]", "wall.median")
    assert waiver.covers("test_getl", "wall.median")


def test_the_last_day_counts() -> None:
    """
    A waiver holds on the day that it names, and no longer.
    """
    assert 0 == CHAT.days_left(date(2031, 12, 24))
    assert -1 == CHAT.days_left(date(2031, 12, 25))


def test_an_acknowledged_change_is_known_by_its_commit() -> None:
    """
    The beginning of the commit's name stands for it, and patterns narrow what is known.
    """
    change = Acknowledged(commit="1f0c93ab", reason="x", metric="latency.*")

    assert change.covers("1f0c93ab" + "0" * 32, "agent.chat@50", "latency.p95")
    assert not change.covers("2f0c93ab" + "0" * 32, "agent.chat@50", "latency.p95")
    assert not change.covers("1f0c93ab" + "0" * 32, "agent.chat@50", "work.redis_trips")


@pytest.mark.parametrize("kind", ["folder", "loop", "dangling"])
def test_what_is_no_file_is_not_taken_for_none(file: Path, kind: str) -> None:
    """
    A folder, or a link to nothing, in the place of the file is an error: not an empty file.
    """
    if kind == "folder":
        file.mkdir()
    else:
        file.symlink_to(file if kind == "loop" else file.with_name("gone.toml"))
    for act in (load_accepted, lambda path: append_accepted(path, CHAT)):
        with pytest.raises(StoreError, match="neither a file nor a link to one"):
            act(file)

    assert kind == "folder" or file.is_symlink()


def test_a_link_stays_a_link(file: Path) -> None:
    """
    An entry goes into the file that is linked to, where others find it, too.
    """
    shared = file.with_name("shared.toml")
    shared.write_text(FULL)
    file.symlink_to(shared)
    append_accepted(file, Acknowledged(commit="2f0c93ab", reason="x"))

    assert file.is_symlink()
    assert 2 == len(load_accepted(shared).acknowledged)
