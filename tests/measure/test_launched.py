"""Commands that are started so that the system's account of them is their own."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from agent_perf.errors import BrokenError, TimeLimitError, UsageError
from agent_perf.measure import execute, record_command
from agent_perf.measure.launched import Account, Launched
from agent_perf.records import CommandSpec, Environment
from agent_perf.units import MIB

BARE = (sys.executable, "-I", "-S", "-c")
ENVIRONMENT = Environment(python="3.11", harness="a" * 64, scenario="b" * 64)

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def spec(code: str, **changes) -> CommandSpec:
    """Return a bare interpreter that runs *code*."""
    options = {"timeout_s": 20.0, "warmup": 0, "executions": 1} | changes
    return CommandSpec(name="it.runs", command=(*BARE, code), environment=ENVIRONMENT, **options)


def account_of(code: str) -> Account:
    with Launched((*BARE, code)) as launched:
        assert launched.wait(20.0)
        return launched.account()


def test_the_peak_of_an_instant_is_told() -> None:
    """Memory that is held for less than any tick counts, within two MiB of what was asked for."""
    small, large = (account_of(f"bytearray({mib} * 2**20)") for mib in (0, 64))

    assert abs(large.memory_bytes - small.memory_bytes - 64 * MIB) < 2 * MIB


def test_the_memory_of_who_starts_it_does_not_count() -> None:
    """Of a process that holds 200 MiB, a child that holds next to nothing has its own account."""
    ours = bytearray(b"x") * (200 * MIB)

    assert account_of("pass").memory_bytes < 20 * MIB
    assert len(ours) == 200 * MIB


def test_time_is_that_of_the_command_alone() -> None:
    """Wall time holds what it slept; CPU time is not touched by that."""
    account = account_of("import time; time.sleep(0.2)")

    assert account.wall_s > 0.2
    assert account.cpu_s < 0.2
    assert 0 == account.exit_code


def test_exit_codes_and_signals_are_told() -> None:
    """An exit code is positive, a signal negative, as subprocess has them."""
    assert 3 == account_of("raise SystemExit(3)").exit_code
    assert -9 == account_of("import os; os.kill(os.getpid(), 9)").exit_code


def test_what_was_started_is_gone_at_the_end() -> None:
    """Whoever leaves early ends the command and its children."""
    code = "import subprocess, time; p = subprocess.Popen(['sleep', '60']); time.sleep(60)"
    with Launched((*BARE, code)) as launched:
        process = psutil.Process(launched.pid)
        deadline_s = time.monotonic() + 20
        while not process.children() and time.monotonic() < deadline_s:
            time.sleep(0.01)
        (child,) = process.children()

    for one in (process, child):
        one.wait(10)
        assert not one.is_running()


def test_what_cannot_be_started_is_refused_with_the_reason(tmp_path: Path) -> None:
    """No program, no folder, no words: each is told."""
    with pytest.raises(UsageError, match="cannot start 'no-such-program': No such file"):
        Launched(["no-such-program"])
    with pytest.raises(UsageError, match="cannot start 'true': No such file"):
        Launched(["true"], folder=tmp_path / "none")
    with pytest.raises(UsageError, match="no command"):
        Launched([])


@linux
def test_it_runs_on_the_core_that_it_is_given() -> None:
    """It is pinned before it begins."""
    core = min(os.sched_getaffinity(0))
    code = f"import os; raise SystemExit(os.sched_getaffinity(0) != {{{core}}})"

    with Launched((*BARE, code), core=core) as launched:
        launched.wait()
        assert 0 == launched.account().exit_code


def test_an_execution_has_its_own_surroundings(tmp_path: Path) -> None:
    """Folder, variables, import path, standard input and a fixed hash seed are as asked for."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "here.py").write_text("")
    code = (
        "import os, sys; assert os.path.exists('here.py'); assert os.environ['DAY'] == '1'; "
        "assert sys.stdin.read() == 'refunds'; assert os.environ['PYTHONHASHSEED']; "
        "assert sys.argv[1:] == ['a b']; assert os.environ['PYTHONPATH'].startswith('/x')"
    )
    one = spec(code, env={"DAY": "1"}, stdin="refunds", cwd="inside")
    one = CommandSpec(
        **{name: getattr(one, name) for name in one.__dataclass_fields__}
        | {"command": ("python", *one.command[1:], "a b")}
    )

    assert execute(one, root=tmp_path, path=(Path("/x"),)).wall_s > 0


def test_an_execution_that_fails_says_what_it_said(tmp_path: Path) -> None:
    """Another exit code is a broken benchmark with its standard error; one allowed is not."""
    code = "import sys; print('no orders today', file=sys.stderr); raise SystemExit(4)"

    with pytest.raises(BrokenError, match=r"(?s)ended with exit 4:\nno orders today"):
        execute(spec(code), root=tmp_path)
    assert execute(spec(code, exit_codes=(0, 4)), root=tmp_path).cpu_s > 0
    with pytest.raises(UsageError, match="no folder 'none'"):
        execute(spec(code, cwd="none"), root=tmp_path)


def test_an_execution_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    """Its time is over after its limit, and it is told which one."""
    start_s = time.monotonic()
    with pytest.raises(TimeLimitError, match=r"after 0\.2 s and stopped; give it a longer"):
        execute(spec("import time; time.sleep(60)", timeout_s=0.2), root=tmp_path)

    assert time.monotonic() - start_s < 20


@linux
def test_a_command_that_is_stopped_is_told_of() -> None:
    """Who waits for a command that a signal has stopped hears of it, and may let it go on."""
    told: list[int] = []

    def go_on(pid: int) -> None:
        told.append(pid)
        os.kill(pid, signal.SIGCONT)

    code = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
    run = record_command((*BARE, code), name="it", interval_s=0.05, on_stopped=go_on)

    assert "exit 0" == run.end
    assert 1 == len(told)
