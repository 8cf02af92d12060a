"""
The asv environment type ``agent-perf``.

One virtual environment per Python and requirement matrix; per commit only links and one
path file, 0.1 s instead of a build: what is under test comes from the commit, the harness
from a snapshot taken when asv was started.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from asv import environment, util
from asv.console import log

from agent_perf.asv_plugin.interpreter import find_python
from agent_perf.asv_plugin.options import read_options
from agent_perf.asv_plugin.requirements import gather_needs
from agent_perf.asv_plugin.snapshot import take_snapshot
from agent_perf.config import load_config
from agent_perf.errors import AgentPerfError
from agent_perf.suite import arrange

_REQUIREMENTS: Final = "agent-perf-requirements.txt"
_CONSTRAINTS: Final = "agent-perf-constraints.txt"


class Repo(Protocol):
    """What we ask of asv's repository."""

    def checkout(self, path: str, commit_hash: str) -> None:
        """Write the files of a commit to *path*."""

    def get_decorated_hash(self, commit_hash: str, hash_length: int) -> str:
        """Return a commit's short name for people."""


class AgentPerfEnvironment(environment.Environment):  # type: ignore[misc]  # asv is untyped.
    """
    A virtual environment with the checkout on its path instead of a built package.

    Args:
        conf: asv's configuration; ``agent_perf`` in it as in Options.
        python: ``3.12``; must be on PATH.
        requirements: Package to exact version, from the matrix.
        tagged_env_vars: As asv gives them.
    """

    tool_name = "agent-perf"

    def __init__(
        self,
        conf: Any,
        python: str,
        requirements: dict[str, str],
        tagged_env_vars: dict[tuple[str, str], str],
    ) -> None:
        executable = find_python(python)
        if executable is None:
            raise environment.EnvironmentUnavailable(
                f"no Python {python} on PATH that runs; install it, or take it out of `pythons`"
            )
        for name in ("build_command", "install_command", "uninstall_command"):
            if getattr(conf, name):
                raise util.UserError(
                    f"`{name}` is set, and environment_type agent-perf builds nothing: it puts "
                    "the checkout on the path; remove the command or choose `virtualenv`"
                )
        root = Path.cwd()
        self._executable, self._uv = executable, find_uv()
        with _refused_plainly():
            self._config = load_config(root)
            options = read_options(getattr(conf, "agent_perf", {}))
            self._needs = gather_needs(
                root,
                Path(conf.benchmark_dir).resolve(),
                options,
                requirements,
                with_hashes=self._uv is not None,
            )
            self._harness = take_snapshot(
                Path(conf.env_dir).resolve(), tuple(self._config.under_test)
            )
        # The base reads these two before it sets them.
        self._python, self._requirements = python, requirements
        super().__init__(conf, python, requirements, tagged_env_vars)
        self._folder = Path(self._path)

    @classmethod
    def matches(cls, python: str) -> bool:
        """Return True if there is such a Python."""
        return find_python(python) is not None

    def check_presence(self) -> bool:
        """Return True if the environment is there, and filled as it should be now."""
        try:
            info = self.load_info_file(self._path)
            filled = (
                (self._folder / _REQUIREMENTS).read_text("utf-8"),
                (self._folder / _CONSTRAINTS).read_text("utf-8"),
            )
            self.run_executable("python", ["-c", "pass"])
        except (util.UserError, OSError, subprocess.CalledProcessError):
            return False
        expected = {"tool_name": self.tool_name, "python": self._python}
        return filled == (self._needs.requirements, self._needs.constraints) and all(
            info.get(key) == value for key, value in expected.items()
        )

    def install_project(self, conf: Any, repo: Repo, commit_hash: str) -> None:
        """
        Put *commit_hash* on the environment's path.

        Raises:
            ProcessError: If git fails, or the commit lacks what is to be under test; asv then
                marks its benchmarks as failed and goes on.
        """
        if self._get_installed_commit_hash() == commit_hash:
            self._set_commit_hash(commit_hash)
            return
        self._set_installed_commit_hash(None)
        log.info(f"Laying out {repo.get_decorated_hash(commit_hash, 8)} for {self.name}")
        self.checkout_project(repo, commit_hash)
        overlay = self._folder / "overlay"
        shutil.rmtree(overlay, ignore_errors=True)
        checkout = Path(self._build_root) / self._repo_subdir
        try:
            tree = arrange(
                checkout,
                commit=commit_hash,
                config=self._config,
                overlay=overlay,
                harness=self._harness,
            )
        except AgentPerfError as error:
            log.error(str(error))
            raise util.ProcessError(["agent-perf", "lay-out"], 1, "", str(error)) from error
        # The harness last: in a user's repository it is not part of the tree.
        path = dict.fromkeys((*tree.path, self._harness.parent))
        lines = "".join(f"{folder}\n" for folder in path)
        (self._site_packages() / "agent-perf.pth").write_text(lines, "utf-8")
        self._set_installed_commit_hash(commit_hash)

    def run(self, args: list[str], **kwargs: Any) -> Any:
        """Run the environment's Python with *args*."""
        log.debug(f"Running '{' '.join(args)}' in {self.name}")
        return self.run_executable("python", args, **kwargs)

    def _setup(self) -> None:
        log.info(f"Creating environment for {self.name}")
        environ = os.environ | self.build_env_vars
        self._call(_venv_command(self._uv, self._executable, self._folder), environ)
        (self._folder / _REQUIREMENTS).write_text(self._needs.requirements, "utf-8")
        (self._folder / _CONSTRAINTS).write_text(self._needs.constraints, "utf-8")
        log.info(f"Installing requirements for {self.name}")
        self._call(_install_command(self._uv, self._folder), environ)

    def _call(self, command: list[str], environ: dict[str, str]) -> None:
        util.check_call(command, env=environ, timeout=self._install_timeout)

    def _get_install_checksum(self) -> list[object]:
        config = self._config
        layout = [str(self._harness), list(config.under_test), list(config.source)]
        return [*super()._get_install_checksum(), *layout]

    def _site_packages(self) -> Path:
        return self._folder / "lib" / f"python{self._python}" / "site-packages"


def find_uv() -> str | None:
    """Return the uv beside this Python, or on PATH; None if there is neither."""
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")


def _venv_command(uv: str | None, python: Path, folder: Path) -> list[str]:
    if uv is None:
        return [str(python), "-m", "venv", str(folder)]
    return [uv, "venv", "--quiet", "--no-project", "--python", str(python), str(folder)]


def _install_command(uv: str | None, folder: Path) -> list[str]:
    python = str(folder / "bin" / "python")
    files = ["-r", str(folder / _REQUIREMENTS), "-c", str(folder / _CONSTRAINTS)]
    if uv is None:
        return [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *files]
    return [uv, "pip", "install", "--quiet", "--python", python, *files]


@contextlib.contextmanager
def _refused_plainly() -> Iterator[None]:
    """Turn our errors into asv's, which it prints without a traceback."""
    try:
        yield
    except AgentPerfError as error:
        raise util.UserError(str(error)) from error
