from pathlib import Path

import pytest

from agent_perf.codec import BaselineFile
from agent_perf.errors import StoreError, UsageError
from agent_perf.gate import Baselines
from tests.stats.example import make_run


def baseline(name: str = "main", commit: str = "c" * 40) -> BaselineFile:
    return BaselineFile(name=name, commit=commit, runs=(make_run(commit=commit),))


@pytest.fixture
def kept(tmp_path: Path) -> Baselines:
    return Baselines(root=tmp_path / "deep" / "baselines")


def test_save_and_load(kept: Baselines) -> None:
    """
    What is loaded is what was saved, and its file carries its name.
    """
    path = kept.save(baseline(), replace=False)

    assert kept.root / "main.json" == path
    assert baseline() == kept.load("main")


def test_names_in_order(kept: Baselines) -> None:
    """
    Names come in alphabetical order; files that are no baselines are not among them.
    """
    assert () == kept.names()

    for name in ("v2.1", "main"):
        kept.save(baseline(name), replace=False)
    (kept.root / "README.md").write_text("x")
    (kept.root / "Main Copy.json").write_text("x")
    assert ("main", "v2.1") == kept.names()


def test_nothing_is_overwritten_silently(kept: Baselines) -> None:
    """
    A name that is taken stays as it is, unless replacing is asked for.
    """
    kept.save(baseline(commit="1" * 40), replace=False)

    with pytest.raises(UsageError, match="--replace"):
        kept.save(baseline(commit="2" * 40), replace=False)
    assert "1" * 40 == kept.load("main").commit

    kept.save(baseline(commit="2" * 40), replace=True)
    assert "2" * 40 == kept.load("main").commit


def test_promote(kept: Baselines) -> None:
    """
    Promoting copies the runs under the new name, and leaves the old.
    """
    kept.save(baseline("candidate"), replace=False)
    kept.promote("candidate", "main", replace=False)

    assert baseline("main") == kept.load("main")
    assert ("candidate", "main") == kept.names()


def test_promote_overwrites_only_when_told(kept: Baselines) -> None:
    """
    Promoting onto a name that is taken needs to be asked for.
    """
    kept.save(baseline("candidate", commit="2" * 40), replace=False)
    kept.save(baseline("main", commit="1" * 40), replace=False)

    with pytest.raises(UsageError, match="already"):
        kept.promote("candidate", "main", replace=False)
    assert "1" * 40 == kept.load("main").commit

    kept.promote("candidate", "main", replace=True)
    assert "2" * 40 == kept.load("main").commit


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../main", "a/b", "Main", ".hidden", "a b", "x" * 101]
)
def test_no_name(kept: Baselines, name: str) -> None:
    """
    A name that is no plain file name is refused, before anything is read or written.
    """
    with pytest.raises(UsageError, match="baseline name"):
        kept.load(name)
    with pytest.raises(UsageError, match="baseline name"):
        kept.save(baseline(name), replace=True)


def test_unknown(kept: Baselines) -> None:
    """
    A baseline that is not there is named, with those that are.
    """
    kept.save(baseline("main"), replace=False)

    with pytest.raises(UsageError, match=r"no baseline 'mian'.*known: main"):
        kept.load("mian")
    with pytest.raises(UsageError, match="no baseline 'mian'"):
        kept.promote("mian", "next", replace=False)


def test_a_cut_file_is_told(kept: Baselines) -> None:
    """
    Half a file is an error, and not an empty baseline.
    """
    path = kept.save(baseline(), replace=False)
    path.write_bytes(path.read_bytes()[:200])

    with pytest.raises(StoreError, match=r"main\.json"):
        kept.load("main")


def test_a_renamed_file_is_told(kept: Baselines) -> None:
    """
    A file renamed by hand is not taken for the other baseline.
    """
    kept.save(baseline("candidate"), replace=False).rename(kept.root / "main.json")

    with pytest.raises(StoreError, match="holds baseline 'candidate'"):
        kept.load("main")
