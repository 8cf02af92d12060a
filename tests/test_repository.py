import subprocess
from pathlib import Path

import pytest

from agent_perf.errors import RepositoryError
from agent_perf.repository import WORKTREE, find_repository
from tests.shop import commit, git, make_shop, write


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = make_shop(tmp_path / "shop")
    for number in range(3):
        write(folder, "notes.txt", str(number))
        commit(folder, f"Note {number}")
    return folder


def test_refs_become_commits(shop) -> None:
    """Branches, tags, relative names and short hashes resolve to 40 hex digits."""
    repository = find_repository(shop / "benchmarks")
    git(shop, "tag", "v1", "HEAD~2")
    head = git(shop, "rev-parse", "HEAD")

    assert shop.resolve() == repository.root.resolve()
    assert head == repository.resolve("main") == repository.resolve(head[:8])
    assert git(shop, "rev-parse", "HEAD~2") == repository.resolve("v1")
    assert WORKTREE == repository.resolve(WORKTREE)


@pytest.mark.parametrize("ref", ["no-such-branch", "--help", "", "HEAD~99", "main..HEAD"])
def test_a_ref_that_does_not_exist_is_named(shop, ref) -> None:
    """Whatever is not a commit is refused by name, and is never taken for an option."""
    with pytest.raises(RepositoryError, match="no commit"):
        find_repository(shop).resolve(ref)


def test_a_range_begins_with_its_base(shop) -> None:
    """A..B gives A first, then what follows it, oldest first."""
    commits = find_repository(shop).commits("HEAD~2..HEAD")

    assert ["Note 0", "Note 1", "Note 2"] == [one.subject for one in commits]


def test_the_line_is_the_first_parents(shop) -> None:
    """Every commit up to a ref comes oldest first; those merged in are no part of the line."""
    git(shop, "checkout", "-q", "-b", "side", "HEAD~1")
    write(shop, "side.txt", "1")
    commit(shop, "Aside")
    git(shop, "checkout", "-q", "main")
    git(shop, "merge", "-q", "--no-ff", "-m", "Merge side", "side")
    line = find_repository(shop).line()

    assert ["Note 0", "Note 1", "Note 2", "Merge side"] == [one.subject for one in line[-4:]]
    assert line[:-1] == find_repository(shop).line("HEAD~1")


def test_known_commits_are_told_at_once(shop) -> None:
    """Of several ids, git tells those it knows, in the order asked for; of none, none."""
    repository = find_repository(shop)
    ids = [repository.resolve(ref) for ref in ("HEAD", "HEAD~2")]

    assert ["Note 2", "Note 0"] == [
        one.subject for one in repository.known([ids[0], "f" * 40, ids[1]])
    ]
    assert () == repository.known([]) == repository.known(["f" * 40])


def test_an_empty_range_is_refused(shop) -> None:
    """A range that runs backwards holds nothing, and says so."""
    with pytest.raises(RepositoryError, match="no commits in 'HEAD..HEAD~1'"):
        find_repository(shop).commits("HEAD..HEAD~1")


def test_default_base(shop) -> None:
    """A branch is compared with its merge base, the default branch with the commit before."""
    repository = find_repository(shop)
    main = git(shop, "rev-parse", "main")
    before = git(shop, "rev-parse", "main~1")
    git(shop, "checkout", "--quiet", "-b", "topic")
    write(shop, "notes.txt", "topic")
    topic = commit(shop, "On the branch")
    git(shop, "checkout", "--quiet", "main")

    assert main == repository.default_base(topic)
    assert before == repository.default_base(main)
    assert before == repository.default_base(WORKTREE)
    write(shop, "notes.txt", "changed")
    assert repository.is_dirty()
    assert main == repository.default_base(WORKTREE)


def test_a_first_commit_has_nothing_to_compare_with(tmp_path) -> None:
    """With one commit only, a base must be named."""
    repository = find_repository(make_shop(tmp_path / "shop"))

    with pytest.raises(RepositoryError, match="it is the first commit: name another base"):
        repository.default_base(repository.resolve("HEAD"))


def test_a_shallow_clone_says_how_to_deepen(shop, tmp_path) -> None:
    """In a shallow clone what is missing was cut off, and the way out is named."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", shop.as_uri(), str(clone)], check=True)
    repository = find_repository(clone)

    assert repository.is_shallow()
    for ask in (lambda: repository.resolve("HEAD~1"), lambda: repository.default_base("HEAD")):
        with pytest.raises(RepositoryError, match="fetch --unshallow"):
            ask()


def test_export_gives_the_files_of_the_commit(shop, tmp_path) -> None:
    """An export holds what was committed, and leaves the work tree alone."""
    write(shop, "notes.txt", "not committed")
    repository = find_repository(shop)
    repository.export(repository.resolve("HEAD~1"), tmp_path / "out")

    assert "1" == (tmp_path / "out/notes.txt").read_text()
    assert "not committed" == (shop / "notes.txt").read_text()


def test_no_repository_is_told(tmp_path) -> None:
    """A folder outside of every repository is refused."""
    with pytest.raises(RepositoryError, match="is not in a git repository"):
        find_repository(tmp_path)


def test_a_missing_git_is_told(tmp_path, monkeypatch) -> None:
    """Without git on PATH the message says to install it."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(RepositoryError, match="git is not installed"):
        find_repository(tmp_path)


def test_changed_files_are_listed(shop) -> None:
    """Between two commits, or up to the working tree: both names of what was moved, none if equal."""
    repository = find_repository(shop)
    base = git(shop, "rev-parse", "HEAD")
    git(shop, "mv", "notes.txt", "möbel notes.txt")
    head = commit(shop, "Move the notes")
    write(shop, "shop_app.py", "")

    assert {"notes.txt", "möbel notes.txt"} == set(repository.changed(base, head))
    assert ("shop_app.py",) == repository.changed(head, WORKTREE)
    assert () == repository.changed(head, head)
