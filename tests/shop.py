"""A small project to measure: a git repository with an app and scenarios."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

APP = """\
LOOKUPS = 1


async def answer(world):
    for _ in range(LOOKUPS):
        await world.tool("look up")
    return "hit"
"""

BENCHMARKS = """\
from agent_perf import scenario
from shop_app import answer


@scenario("shop.answer", users=(1, 5), requests=120)
async def answers(world):
    async def request(ask):
        return await answer(world)

    yield request
"""


def git(folder: Path, *arguments: str) -> str:
    """Run git in *folder*, with an identity of its own; return what it prints."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    identity = ["-c", "user.name=A Person", "-c", "user.email=person@example.org"]
    done = subprocess.run(
        ["git", *identity, "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
    )
    return done.stdout.strip()


def make_shop(folder: Path) -> Path:
    """Make the project in *folder*, with one commit on main; return *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    write(folder, "shop_app.py", APP)
    write(folder, "benchmarks/__init__.py", "")
    write(folder, "benchmarks/shop.py", BENCHMARKS)
    write(folder, ".gitignore", ".agent-perf/\nreports/\n__pycache__/\n")
    commit(folder, "Open the shop")
    return folder


def write(folder: Path, name: str, text: str) -> None:
    """Write *text* to file *name* of the project."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def commit(folder: Path, subject: str) -> str:
    """Commit everything; return the commit's id."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", subject)
    return git(folder, "rev-parse", "HEAD")
