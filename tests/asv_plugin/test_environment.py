from __future__ import annotations

import sys
from pathlib import Path

import pytest
from asv.config import Config
from asv.environment import EnvironmentUnavailable
from asv.util import UserError

from agent_perf.asv_plugin.environment import AgentPerfEnvironment

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\ndependencies = []\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def environment(
    python: str = PYTHON, requirements: dict[str, str] | None = None, **conf: object
) -> AgentPerfEnvironment:
    config = Config.from_json({"repo": ".", "project": "shop", **conf})
    return AgentPerfEnvironment(config, python, requirements or {}, {})


def test_name_tells_what_varies(root: Path) -> None:
    """
    Results are kept under the type, the Python and the matrix's versions.
    """
    assert f"agent-perf-py{PYTHON}" == environment().name
    assert f"agent-perf-py{PYTHON}-redis5.0.8" == environment(requirements={"redis": "5.0.8"}).name


def test_absent_python_is_passed_over(root: Path) -> None:
    """
    A Python that is not on PATH makes its environment unavailable, which asv tells and
    goes on.
    """
    with pytest.raises(EnvironmentUnavailable, match=r"no Python 9\.7 on PATH"):
        environment("9.7")
    assert AgentPerfEnvironment.matches(PYTHON)
    assert not AgentPerfEnvironment.matches("9.7")


@pytest.mark.parametrize("name", ["build_command", "install_command", "uninstall_command"])
def test_commands_are_refused(root: Path, name: str) -> None:
    """
    A build that would not be run is refused and not passed over.
    """
    with pytest.raises(UserError, match=f"`{name}` is set"):
        environment(**{name: ["make"]})


def test_our_errors_are_asv_s(root: Path) -> None:
    """
    What cannot be used ends asv with one line and no traceback.
    """
    with pytest.raises(UserError, match="unknown key 'extra'"):
        environment(agent_perf={"extra": []})
    with pytest.raises(UserError, match="want an exact version"):
        environment(requirements={"redis": ">=5"})


def test_an_environment_that_is_not_there(root: Path) -> None:
    """
    Before it is made, an environment is absent.
    """
    assert not environment().check_presence()
