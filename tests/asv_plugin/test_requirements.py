from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from agent_perf.asv_plugin.options import Options
from agent_perf.asv_plugin.requirements import gather_needs, name_of, own_requirements
from agent_perf.errors import ConfigError

PYPROJECT = """
[project]
name = "shop"
dependencies = ["Redis[hiredis]>=5", "agent-perf>=0.1", "asv", "fastapi>=0.110"]

[project.optional-dependencies]
agents = ["openai>=1.50"]
"""

CONSTRAINTS = """\
# Pinned.
redis==8.1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
fastapi==0.110.0 ; python_full_version < '3.12' \\
    --hash=sha256:cc
redis_tools==1.0
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "constraints.txt").write_text(CONSTRAINTS)
    (tmp_path / "benchmarks").mkdir()
    return tmp_path


def lines(
    root: Path, options: Options | None = None, matrix: dict[str, str] | None = None
) -> list[str]:
    needs = gather_needs(root, root / "benchmarks", options or Options(), matrix or {})
    return needs.requirements.splitlines()


def test_project_and_harness_without_themselves(root: Path) -> None:
    """
    The project's dependencies and ours are installed; agent-perf is a snapshot instead,
    and asv is not needed where benchmarks run, but asv_runner in this very version is.
    """
    found = lines(root)

    assert "Redis[hiredis]>=5" in found
    assert "fastapi>=0.110" in found
    assert any(name_of(line) == "msgspec" for line in found)
    assert f"asv-runner=={metadata.version('asv_runner')}" in found
    assert not {"agent-perf", "asv"} & {name_of(line) for line in found}


def test_matrix_version_replaces_the_project_s(root: Path) -> None:
    """
    A version of the matrix takes the place of the specifier, and keeps the extras.
    """
    found = lines(root, matrix={"redis": "5.0.8"})

    assert ["redis==5.0.8", "redis[hiredis]==5.0.8"] == [
        line for line in found if name_of(line) == "redis"
    ]


def test_matrix_without_version(root: Path) -> None:
    """
    An empty version installs the package in any version.
    """
    assert "pydantic" in lines(root, matrix={"pydantic": ""})


@pytest.mark.parametrize("version", [">=5", "~=5.0", "[extra]", "../wheels/redis.whl", "5 6"])
def test_matrix_ranges_are_refused(root: Path, version: str) -> None:
    """
    Whatever is no exact version is refused: asv could not tell such results apart.
    """
    with pytest.raises(ConfigError, match="want an exact version"):
        lines(root, matrix={"redis": version})


def test_extras(root: Path) -> None:
    """
    Extras are those of the project; an unknown one is refused with those there are.
    """
    assert "openai>=1.50" in lines(root, Options(extras=("agents",)))
    with pytest.raises(ConfigError, match=r"extra 'agent'.*it has: agents"):
        lines(root, Options(extras=("agent",)))


def test_requirement_files(root: Path) -> None:
    """
    Requirement files are read line by line, without comments; a missing one is named.
    """
    (root / "more.txt").write_text("# more\nhttpx==0.28.1  # pinned\n\nrich @ file:///x#sub\n")

    assert {"httpx==0.28.1", "rich @ file:///x#sub"} <= set(
        lines(root, Options(requirements=("more.txt",)))
    )
    with pytest.raises(ConfigError, match=r"less\.txt.*\"requirements\""):
        lines(root, Options(requirements=("less.txt",)))


def test_dynamic_dependencies_must_be_listed(root: Path) -> None:
    """
    A project whose dependencies only its build system knows is asked for a file.
    """
    (root / "pyproject.toml").write_text('[project]\nname = "x"\ndynamic = ["dependencies"]\n')
    (root / "more.txt").write_text("httpx\n")

    with pytest.raises(ConfigError, match="requirements"):
        lines(root)
    assert "httpx" in lines(root, Options(requirements=("more.txt",)))


def test_broken_pyproject_is_named(root: Path) -> None:
    """
    A pyproject.toml that is no TOML is an error with its name.
    """
    (root / "pyproject.toml").write_text("[project\n")

    with pytest.raises(ConfigError, match=r"pyproject\.toml is not valid TOML"):
        lines(root)


def test_constraints_without_the_matrix(root: Path) -> None:
    """
    The pin of a package that the matrix varies goes, with its hashes, and no other.
    """
    found = constraints(root, {"redis": "5.0.8"})

    assert "redis==8.1.0" not in found
    assert "sha256:aa" not in found
    assert "redis_tools==1.0" in found
    assert "sha256:cc" in found


def constraints(root: Path, matrix: dict[str, str], **named: bool) -> str:
    options = Options(constraints=("constraints.txt",))
    return gather_needs(root, root / "benchmarks", options, matrix, **named).constraints


def test_constraints_that_agree_stay(root: Path) -> None:
    """
    Without a matrix, and where it names the pinned version, the file stays as it is.
    """
    assert CONSTRAINTS == constraints(root, {})
    assert CONSTRAINTS == constraints(root, {"redis": "8.1.0"})
    assert "redis==8.1.0" not in constraints(root, {"redis": "8.1"})


def test_hashes_go_where_they_cannot_be_checked(root: Path) -> None:
    """
    For pip, which refuses hashes beside requirements without one, only versions are left.
    """
    assert (
        "# Pinned.\nredis==8.1.0\nfastapi==0.110.0 ; python_full_version < '3.12'\n"
        "redis_tools==1.0\n"
    ) == constraints(root, {}, with_hashes=False)


def test_pympler_only_for_memory_benchmarks(root: Path) -> None:
    """
    Pympler, which every process would pay for, is installed where a mem_* needs it.
    """
    assert "pympler" not in lines(root)
    (root / "benchmarks" / "a.py").write_text("class A:\n    def mem_entries(self): return []\n")
    assert "pympler" in lines(root)


def test_own_requirements_are_those_of_the_source() -> None:
    """
    What agent-perf requires is known, whether it is installed or run from a checkout.
    """
    assert {"msgspec", "redis", "sqlalchemy"} <= {name_of(line) for line in own_requirements()}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Redis[hiredis]>=5", "redis"),
        ("time_machine ; python_version<'3.13'", "time-machine"),
        ("ruamel.yaml==1", "ruamel-yaml"),
        ("# comment", ""),
        ("", ""),
    ],
)
def test_names_are_normalized(line: str, name: str) -> None:
    """
    A requirement's name is in lower case, with dashes.
    """
    assert name == name_of(line)
