"""What shells offer: in real shells, and quickly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.command import ROOT
from tests.shop import make_shop, write


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a profile, a load and an `agent-perf` of its own on the path."""
    folder = make_shop(tmp_path / "shop")
    write(folder, "agent-perf.toml", "[profiles.nightly]\n[loads.launch]\nrate_hz = 3\n")
    program = tmp_path / "bin/agent-perf"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m agent_perf "$@"\n')
    program.chmod(0o755)
    return folder


def _run(shop: Path, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{shop.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=shop,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def _bash(shop: Path, line: str) -> list[str]:
    """Return what a real bash would offer at the end of *line*."""
    words = line.split(" ")
    script = (
        'eval "$(agent-perf completion bash)"\n'
        f"COMP_WORDS=({' '.join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}\n"
        '_agent_perf_completion agent-perf; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = _run(shop, ["bash", "--norc", "-c", script])
    assert "" == done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("agent-perf comp", ["compare", "completion"]),
        ("agent-perf load shop", ["shop.answer"]),
        ("agent-perf compare ma", ["main"]),
        ("agent-perf compare --prof", ["--profile"]),
        ("agent-perf --profile ", ["nightly"]),
        ("agent-perf load --named ", ["launch"]),
    ],
)
def test_bash_offers_verbs_options_and_names(shop, line, offered) -> None:
    """Names of the project come from its files and from git, without importing its code."""
    assert offered == _bash(shop, line)


def test_a_broken_project_offers_nothing_and_says_nothing(shop) -> None:
    """A message in the middle of a command line helps nobody."""
    write(shop, "agent-perf.toml", "nonsense = 1\n")

    assert [""] == [" ".join(_bash(shop, "agent-perf load sh"))]
    assert ["compare", "completion"] == _bash(shop, "agent-perf comp")


def test_an_answer_is_quick(shop) -> None:
    """It takes less CPU time than a person notices: 0.5 s on a slow core, mostly Python's start."""
    start_s = time.process_time()
    before = os.times()
    _run(
        shop,
        [sys.executable, "-m", "agent_perf"],
        COMP_WORDS="agent-perf load sh",
        COMP_CWORD="2",
        _AGENT_PERF_COMPLETE="bash_complete",
    )
    after = os.times()
    spent_s = (
        after.children_user
        + after.children_system
        - before.children_user
        - before.children_system
        + time.process_time()
        - start_s
    )

    assert spent_s < 0.5


@pytest.mark.slow
def test_fish_offers_verbs(shop) -> None:
    """In a real fish."""
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    script = "agent-perf completion fish | source; complete -C 'agent-perf comp'"
    done = _run(shop, ["fish", "--no-config", "-c", script], HOME=str(shop))

    assert ["compare", "completion"] == [line.split("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_zsh_reads_its_script(shop) -> None:
    """A real zsh defines the function, and gets verbs with their texts by its protocol."""
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    script = (
        'compdef() { print "for $2" }; eval "$(agent-perf completion zsh)"; '
        "whence -w _agent_perf_completion; "
        "COMP_WORDS='agent-perf comp' COMP_CWORD=1 _AGENT_PERF_COMPLETE=zsh_complete agent-perf"
    )
    done = _run(shop, ["zsh", "-f", "-c", script])

    assert "_agent_perf_completion: function" in done.stdout
    assert "compare\nJudge HEAD against BASE" in done.stdout
