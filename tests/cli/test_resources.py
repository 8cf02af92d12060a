"""The verbs about resources: what they print, keep, judge and refuse."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent_perf import codec
from agent_perf.cli.resource_compare import DuetOptions, compare_commands, compare_recordings
from agent_perf.cli.resource_text import resource_lines
from agent_perf.cli.resources import RecordOptions, record_process, show_recording
from agent_perf.errors import BrokenError, NothingMeasuredError, StoreError, UsageError
from agent_perf.stats import LOOKS
from tests.cli.command import agent_perf
from tests.records.test_resources import recording, series

PYTHON = [sys.executable, "-I", "-S", "-c"]
SLEEP = [*PYTHON, "import time; time.sleep(0.12)"]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(**given) -> RecordOptions:
    return RecordOptions(**{"folder": Path("kept"), "interval_s": 0.05, **given})


def keep(folder: Path, *runs) -> None:
    for index, run in enumerate(runs):
        codec.write_atomic(folder / f"{index}.json", codec.dump_resource_run(run))


def test_a_command_is_recorded_printed_and_kept(tmp_path) -> None:
    """
    From the command line, outside of any repository: its output is its own, no file is
    overwritten, and the price of sampling is told.
    """
    command = ("resources", "record", "--name", "server", "--interval", "0.05", "--", *SLEEP)
    first, second = agent_perf(tmp_path, *command), agent_perf(tmp_path, *command)
    folder = tmp_path / "reports/resources"

    assert (0, 0) == (first.returncode, second.returncode)
    assert ["server-1.json", "server-2.json"] == sorted(path.name for path in folder.iterdir())
    for word in ("server: ", "exit 0", "CPU time", "memory peak", "sampling", "% of a core"):
        assert word in first.stdout
    assert "written to reports/resources/server-1.json" == first.stderr.strip()


def test_a_running_process_is_recorded(here, capsys) -> None:
    """
    For as long as was asked for; as JSON it is the whole record.
    """
    assert 0 == record_process((), options(pid=os.getpid(), for_s=0.12, form="json"))
    run = codec.load_resource_run((here / "kept/process-1.json").read_bytes(), "it")

    assert ("stopped", f"process {os.getpid()}") == (run.end, run.command)
    assert run.tick_count == json.loads(capsys.readouterr().out)["tick_count"] >= 3


def test_requests_give_cpu_per_request(here, capsys) -> None:
    """
    The verb show prints it again from the file.
    """
    assert 0 == record_process(SLEEP, options(requests=100))
    printed = capsys.readouterr().out
    assert 0 == show_recording(here / "kept/process-1.json", "text")

    assert " a request" in printed
    assert printed == capsys.readouterr().out


def test_a_command_that_fails_is_broken_and_kept_all_the_same(here) -> None:
    """
    Exit code 3: what it took until then is not what it takes.
    """
    with pytest.raises(BrokenError, match="ended with exit 3"):
        record_process([*PYTHON, "raise SystemExit(3)"], options())

    assert (here / "kept/process-1.json").exists()


@pytest.mark.parametrize(
    ("command", "given", "told"),
    [
        ([], {}, "a command after `--`, or --pid"),
        (SLEEP, {"pid": 1}, "not both"),
        (SLEEP, {"name": "a/b"}, "name 'a/b'"),
        (SLEEP, {"interval_s": 0.01}, "interval of 0.01 s"),
        (SLEEP, {"db_url": "mysql://x"}, "no address of PostgreSQL"),
        ([], {"pid": 4194303}, "no process has the id"),
    ],
)
def test_what_cannot_be_recorded_is_refused(here, command, given, told) -> None:
    """
    With the value and the way out, and nothing is kept.
    """
    with pytest.raises(UsageError, match=told):
        record_process(command, options(**given))

    assert not (here / "kept").exists()


def test_recordings_are_judged_in_pairs(here, capsys) -> None:
    """
    Folders or patterns; a third more CPU in each of twelve pairs fails, for the later ones
    confirm the first, and the report has its charts.
    """
    # Whole periods of other lengths: no ratio is the same in all rounds.
    for side, change, period in (("base", 1.0, 5), ("head", 1.35, 7)):
        keep(
            here / side,
            *(
                recording(
                    series(),
                    cpu_account_s=change * (1 + index % period / 100),
                    started_s=float(index),
                )
                for index in range(12)
            ),
        )
    code = compare_recordings("base", "head/*.json", reports=Path("report"), form="text")
    told = capsys.readouterr()
    page = (here / "report/index.html").read_text()

    assert 1 == code, told.out
    assert "FAIL server resources.cpu" in told.out
    assert "warning" not in told.err
    assert "CPU, cores busy" in page
    assert "agent-perf resources compare base" in page
    assert 0 == compare_recordings("base", "base", reports=Path("report"), form="json")


def test_one_recording_a_side_is_undecided(here) -> None:
    """
    Exit code 4.
    """
    keep(here / "one", recording(series(), cpu_account_s=1.0))

    assert 4 == compare_recordings("one", "one/0.json", reports=Path("report"), form="text")


def test_doubts_are_told(here, capsys) -> None:
    """
    One side after the other, for other times, on other machines: compared, and warned of.
    """
    keep(here / "base", *(recording(cpu_account_s=1.0, started_s=float(i)) for i in range(5)))
    late = [
        recording(cpu_account_s=1.0, started_s=100.0 + i, duration_s=20.0, cores=8)
        for i in range(5)
    ]
    keep(here / "head", *late)
    compare_recordings("base", "head", reports=Path("report"), form="text")
    warned = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]

    assert 3 == len(warned)
    for words, line in zip(
        ("in turns", "10 s, head for 20 s", "2 and 8 cores"), warned, strict=True
    ):
        assert words in line


def test_recordings_that_do_not_pair_are_refused(here) -> None:
    """
    None, not as many, of two names, or no recording at all.
    """
    run = recording(cpu_account_s=1.0)
    keep(here / "one", run)
    keep(here / "two", run, run)
    keep(here / "mixed", run, replace(run, name="worker"))
    (here / "other.json").write_text("{}")
    for base, told in (
        ("none", "no recording at none"),
        ("two", "2 recordings at two and 1 at one"),
        ("mixed", "of server, worker; choose those of one by a pattern"),
    ):
        with pytest.raises(UsageError, match=told):
            compare_recordings(base, "one", reports=None, form="text")
    with pytest.raises(StoreError, match=r"other\.json holds"):
        compare_recordings("other.json", "one", reports=None, form="text")


def test_two_commands_take_turns(here, capsys) -> None:
    """
    48 MiB against 96: found in memory.peak at the first look and at the first of a confirmation,
    which are kept apart.
    """
    words = "'{}' -I -S -c 'x = bytearray({} << 20); import time; time.sleep(0.06)'"
    base, head = (words.format(sys.executable, mib) for mib in (48, 96))
    duet = DuetOptions(
        interval_s=0.05, rounds_max=LOOKS[0], folder=Path("kept"), reports=Path("report")
    )
    code = compare_commands(base, head, duet)
    told = capsys.readouterr()

    assert 1 == code, told.out
    assert "FAIL process memory.peak" in told.out
    assert f"round {LOOKS[0]} of the confirmation" in told.err
    for part in ("rounds", "confirmation"):
        assert LOOKS[0] == len(list((here / "kept" / part / "head").glob("*.json")))


def test_a_duet_of_commands_that_cannot_run_is_refused(here) -> None:
    """
    Words that no shell could read, none at all, or a command that fails.
    """
    with pytest.raises(UsageError, match="No closing quotation"):
        compare_commands("python 'x", "true", DuetOptions())
    with pytest.raises(UsageError, match="an empty command"):
        compare_commands("true", " ", DuetOptions())
    with pytest.raises(BrokenError, match="of the head ended with exit 1: false"):
        compare_commands("true", "false", DuetOptions())


def test_a_budget_of_nothing_measures_nothing(here) -> None:
    """
    An error of exit code 5, for there is nothing to judge.
    """
    with pytest.raises(NothingMeasuredError, match="no recording of the head"):
        compare_commands("true", "true", DuetOptions(time_budget_s=0.0))


def test_lines_tell_what_was_missed_and_left_out() -> None:
    """
    Ticks that came late, a pool's size, what a system does not tell.
    """
    held = series("db_connections", sample_peak=26.0)
    run = recording(
        held, missed_count=3, db_pool_size=50, notes=("disk_read: not measured, macOS",)
    )
    text = "\n".join(resource_lines(run))

    assert "21 ticks, one each 500 ms, 3 missed" in text
    assert "peak 26 of 50" in text
    assert "disk_read: not measured, macOS" in text
