from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_perf.components import Evaluator, ExactMatch, Journal, RubricJudge
from agent_perf.components.evaluation.journal import Done, Item, Reserved
from agent_perf.errors import ConfigError, StoreError
from agent_perf.sim import simulate
from tests.components.evaluation.judging import Grader, examples, model

LINES = (
    Reserved(call=1, bound_pico=7),
    Done(
        step="judge x",
        calls=(1,),
        cost_pico=5,
        tokens=(1, 2, 3, 4),
        latencies_s=(0.1,),
        items=(Item(example="e", digest="d", text="\n\u2028ü", score=0.5, passed=True),),
    ),
)


def written(folder: Path) -> Journal:
    journal = Journal(folder, "run")
    list(journal.open("c"))
    for line in LINES:
        journal.append(line)
    journal.close()
    return journal


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """
    Lines come back as they were, in their order, line feeds within texts included.
    """
    journal = written(tmp_path)

    assert list(LINES) == list(journal.open("c"))
    journal.close()


def test_a_line_is_there_at_once(tmp_path: Path) -> None:
    """
    What was appended survives the death of the process: the kernel has it.
    """
    journal = Journal(tmp_path, "run", fsync_lines=None)
    list(journal.open("c"))
    journal.append(LINES[0])

    assert 2 == len(journal.path.read_bytes().splitlines())
    journal.close()


@pytest.mark.parametrize(("fsync_lines", "expected"), [(1, 4), (3, 2), (None, 1)])
def test_the_disk_is_waited_for_as_often_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync_lines: int | None, expected: int
) -> None:
    """
    A header and four lines are synced after each line, after three, or at the end.
    """
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    journal = Journal(tmp_path, "run", fsync_lines=fsync_lines)
    list(journal.open("c"))
    for _ in range(4):
        journal.append(LINES[0])
    journal.close()

    assert expected == len(synced)


def test_only_one_writes(tmp_path: Path) -> None:
    """
    Two evaluations cannot write one journal; when the first is closed the second can.
    """
    first, second = Journal(tmp_path, "run"), Journal(tmp_path, "run")
    first.open("c")
    with pytest.raises(StoreError, match="another evaluation writes it"):
        second.open("c")
    first.close()
    second.open("c")
    second.close()


def test_one_journal_serves_one_run_at_a_time(tmp_path: Path) -> None:
    """
    The same journal for two evaluations at once is refused to the second, and the first
    goes on.
    """
    journal = Journal(tmp_path, "run")
    journal.open("c")
    with pytest.raises(StoreError, match="another evaluation writes it"):
        journal.open("c")
    journal.append(LINES[0])
    journal.close()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data.replace(b'"call":1', b'"call":x', 1), "line 2 is damaged"),
        (lambda data: b"hello\n" + data, "line 1 is damaged"),
        (lambda data: data.split(b"\n", 1)[1], "not a journal of this version"),
        (lambda data: data.replace(b'"format":1', b'"format":9'), "not a journal of this"),
        (lambda data: data + data, "line 4: a second header"),
        (lambda data: data.replace(b"done", b"gone"), "line 3 is damaged"),
        (lambda data: data.replace("ü".encode(), b"\xff"), "line 3 is damaged"),
    ],
)
def test_damage_is_not_passed_over(
    tmp_path: Path, damage: Callable[[bytes], bytes], said: str
) -> None:
    """
    Only the last line may be torn: other damage is told with its line, and nothing is paid.
    """
    path = written(tmp_path).path
    path.write_bytes(damage(path.read_bytes()))
    journal = Journal(tmp_path, "run")

    with pytest.raises(StoreError, match=said):
        list(journal.open("c"))
    journal.close()


def test_a_torn_line_is_removed(tmp_path: Path) -> None:
    """
    Half a line at the end goes before anything is written behind it.
    """
    path = written(tmp_path).path
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"t":"call","call":9,"bound_p')
    journal = Journal(tmp_path, "run")

    assert list(LINES) == list(journal.open("c"))
    assert whole == path.read_bytes()
    journal.close()


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    If the disk takes a part of a line, the part is removed, and the error says so.
    """
    journal = Journal(tmp_path, "run")
    list(journal.open("c"))
    journal.append(LINES[0])
    before = journal.path.read_bytes()
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: real(file, data[:5], at))
    with pytest.raises(StoreError, match="a part of a line"):
        journal.append(LINES[1])

    assert before == journal.path.read_bytes()
    journal.close()


def test_what_cannot_be_saved_is_not_paid_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When the disk is full the evaluation ends with that, and makes no call.
    """
    grader = Grader()
    evaluator = Evaluator([RubricJudge(model(grader), "good?")])
    real = os.pwrite

    def full(file: int, data: bytes, at: int) -> int:
        if b'"t":"run"' in data:
            return real(file, data, at)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StoreError, match="No space left"):
        simulate(lambda _: evaluator.evaluate(examples(5), journal=Journal(tmp_path, "run")))

    assert [] == grader.calls


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    """
    A folder below a file is an error with its path.
    """
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="run.jsonl"):
        Journal(tmp_path / "file", "run").open("c")


@pytest.mark.parametrize("run_id", ["", "..", "a/b", "a b", "x" * 101])
def test_odd_run_ids_are_refused(tmp_path: Path, run_id: str) -> None:
    """
    A run id names a file in the folder, and no other.
    """
    with pytest.raises(ConfigError, match="run_id"):
        Journal(tmp_path, run_id)
    with pytest.raises(ConfigError, match="fsync_lines=0"):
        Journal(tmp_path, "run", fsync_lines=0)


def test_a_local_evaluation_writes_one_line_per_batch(tmp_path: Path) -> None:
    """
    A thousand comparisons are four lines beside the header: no line for each.
    """
    journal = Journal(tmp_path, "run")
    simulate(lambda _: Evaluator([ExactMatch()]).evaluate(examples(1_000), journal=journal))

    assert 1 + 4 == len(journal.path.read_bytes().splitlines())
