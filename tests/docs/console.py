"""
The console blocks of a page, run as they stand there, one after the other in one shell.

In a block of kind ``console`` a line that begins with ``$`` is a command, and the lines below are what
a terminal shows: ``...`` in a line stands for any text, and as a line of its own for any lines. A
command that fails is followed by ``$ echo $?``. A block whose first line is ``# path/to/file`` is
the content of that file, and a block of kind ``diff`` a change to what is there.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
_MARK = "--- ran, with exit code "
_SHOWS_CODE = "echo $?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    Something that the reader does.

    Attributes:
        command: For the shell.
        shown: What the page says that it prints; None if it says nothing of it.
    """

    command: str
    shown: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of *step*: all that it *printed*, and its exit *code*."""

    step: Step
    printed: str
    code: int


def steps_of(page: str) -> Iterator[Step]:
    """Yield what *page* tells to do, in its order."""
    for kind, text in _BLOCK.findall(page):
        if kind == "console":
            yield from _commands(text)
        elif kind == "diff":
            yield Step(command=f"git apply --recount <<'END'\n{text}END")
        elif named := _FILE.match(text):
            path = shlex.quote(named[1])
            yield Step(command=f"mkdir -p \"$(dirname {path})\"; cat > {path} <<'END'\n{text}END")


def _commands(block: str) -> Iterator[Step]:
    begin = re.compile(r"^\$ ", re.MULTILINE)
    before, *parts = begin.split(block)
    assert not before, f"a console block begins with {before!r}; want '$ '"
    for part in parts:
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command = f"{command}\n{more}"
        yield Step(command=command, shown=shown)


def run_steps(steps: tuple[Step, ...], folder: Path, env: Mapping[str, str]) -> Iterator[Done]:
    """Run *steps* in one shell in *folder*, and yield what came of each that was come to."""
    script = folder.with_name(f"{folder.name}.sh")
    mark = f'code=$?; echo; echo "{_MARK}$code"; (exit $code)'
    script.write_text("".join(f"{step.command}\n{mark}\n" for step in steps))
    done = subprocess.run(
        ["bash", str(script)],
        cwd=folder,
        env=_environ(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    ends = re.split(rf"\n{_MARK}(\d+)\n", done.stdout)
    for step, printed, code in zip(steps, ends[::2], ends[1::2], strict=False):
        yield Done(step=step, printed=printed, code=int(code))


def _environ(env: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variables of a newcomer's shell, in which everything is installed.

    That is what PYTHONPATH is for: in the page's own environment `pip install` finds that all
    it was asked for is there, and fetches nothing.
    """
    kept = {"HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV_DISABLE_PROMPT"}
    return {
        **{name: value for name, value in os.environ.items() if name in kept},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}:{sysconfig.get_paths()['purelib']}",
        "PIP_NO_INDEX": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "A Person" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "person@example.org" for who in ("AUTHOR", "COMMITTER")},
        **env,
    }


def problem_of(done: Done, after: Step | None) -> str | None:
    """Return what is not as the page says; *after* is the step that follows."""
    told = f"$ {done.step.command}\n{done.printed}"
    if done.code and (after is None or after.command != _SHOWS_CODE):
        return f"{told}\nends with {done.code}, and the page does not show it"
    if done.step.shown is not None and not _shown(done.step.shown, done.printed):
        return f"{told}\nis not what the page shows:\n{done.step.shown}"
    return None


def _shown(shown: str, printed: str) -> bool:
    lines = [
        r"(?:.*\n)*?"
        if line.strip() == "..."
        else r".*?".join(re.escape(part.rstrip()) for part in line.split("...")) + r"[ ]*\n"
        for line in shown.splitlines()
    ]
    text = printed.rstrip("\n")
    return re.fullmatch("".join(lines), f"{text}\n" if text else "") is not None


def problems(page: Path, folder: Path, env: Mapping[str, str] | None = None) -> list[str]:
    """Do in *folder* all that *page* tells; return what comes of it otherwise than it says."""
    steps = tuple(steps_of(page.read_text()))
    assert any(step.shown is not None for step in steps), f"{page} tells nothing to do"
    done = tuple(run_steps(steps, folder, env or {}))
    found = [
        problem
        for one, after in zip(done, (*steps[1:], None), strict=False)
        if (problem := problem_of(one, after)) is not None
    ]
    if len(done) < len(steps):
        found.append(f"the shell ended before: $ {steps[len(done)].command}")
    return found
