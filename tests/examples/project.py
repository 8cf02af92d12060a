"""An example as a user has it: a repository of its own, in which the README's commands run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"

_LIMIT_S = 400
"""On a busy machine: by itself the slowest takes a tenth of that."""


@dataclass(frozen=True)
class Project:
    """A copy of an example, committed on its branch ``main``."""

    root: Path

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``python -m`` *words*, as somebody at a shell: in no CI, and with no key."""
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AGENT_PERF_", "PYTEST_", "GITHUB_", "GITLAB_", "CI"))
            and not name.endswith("_API_KEY")
        }
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.root,
            env=clean,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )

    def git(self, *words: str) -> None:
        """Run git here, whatever the user's configuration says."""
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        subprocess.run(
            ["git", *identity, "-c", "commit.gpgSign=false", *words],
            cwd=self.root,
            check=True,
            capture_output=True,
            timeout=60,
        )

    def make_slower(self) -> None:
        """Do what the README says: a branch, the patch, a commit."""
        self.git("switch", "--quiet", "--create", "slower")
        self.git("apply", "slower.patch")
        self.git("commit", "--quiet", "--all", "--message", "Make it simpler")


def copy_example(name: str, into: Path) -> Project:
    """Return the example *name*, copied to a new repository in *into*."""
    root = into / name
    shutil.copytree(EXAMPLES / name, root, ignore=shutil.ignore_patterns("__pycache__"))
    project = Project(root)
    project.git("init", "--quiet", "--initial-branch=main")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "Begin")
    return project


def told_lines(name: str) -> list[str]:
    """Return the lines that the README of *name* says the patch yields."""
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^(?:FAIL|WHY) .*$", readme, re.MULTILINE)
