"""Runs that are cut off and taken up again."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent_perf.components import (
    Evaluation,
    Evaluator,
    ExactMatch,
    Example,
    Journal,
    Message,
    ModelSystem,
    ModelUnavailableError,
    Reply,
    RetryPolicy,
    RubricJudge,
    Tool,
)
from agent_perf.components.evaluation.purse import PICO
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.evaluation.judging import USAGE, Grader, grades, model, sent

COUNT = 12
ASKED = [Example(id=f"e{n}", input=f"question {n}", expected=f"Question {n}") for n in range(COUNT)]
CALL_PICO = 100 * 1_000_000 + 10 * 10_000_000


class Bill:
    """A model that answers and grades, and keeps account of what it did for whom."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.calls = 0
        self.failing = False

    async def __call__(self, messages: list[Message], _: list[Tool]) -> Reply:
        self.calls += 1
        judged = messages[-1].content.startswith("<attempts>")
        # The later an example, the longer it takes: nothing ends in step.
        names = [f"judge {row['question']}" for row in sent(messages)] if judged else []
        await asyncio.sleep(1 + self.calls % 3)
        if self.failing:
            raise ModelUnavailableError("down")
        self.done.update(names or [f"answer {messages[-1].content}"])
        text = grades(messages, 4) if judged else messages[-1].content.capitalize()
        return Reply(text=text, usage=USAGE)


def evaluator(bill: Bill, max_cost_usd: float | None = None) -> Evaluator:
    judges = [RubricJudge(model(bill), "good?", batch_max=3), ExactMatch()]
    return Evaluator(
        judges,
        system=ModelSystem("parrot", model(bill)),
        concurrency=4,
        max_cost_usd=max_cost_usd,
        retry=RetryPolicy(attempts=1),
    )


def run(
    bill: Bill, folder: Path, cut_s: float | None = None, max_cost_usd: float | None = None
) -> Evaluation | None:
    """Return what an evaluation comes to; None if it was cut off."""

    async def main(loop: SimLoop) -> Evaluation | None:
        journal = Journal(folder, "run", fsync_lines=None)
        task = loop.create_task(evaluator(bill, max_cost_usd).evaluate(ASKED, journal=journal))
        await asyncio.wait([task], timeout=cut_s)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        return None if task.cancelled() else task.result()

    return simulate(main)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Evaluation]:
    """The journal of a run that nothing disturbed, and what came of it."""
    folder = tmp_path_factory.mktemp("whole")
    result = run(Bill(), folder)
    assert result is not None
    return (folder / "run.jsonl").read_bytes(), result


def test_a_finished_run_is_read_back_for_nothing(
    whole: tuple[bytes, Evaluation], tmp_path: Path
) -> None:
    """
    Taken up after its end, a run is the same in every figure, and nobody is asked.
    """
    (tmp_path / "run.jsonl").write_bytes(whole[0])
    bill = Bill()

    assert whole[1] == run(bill, tmp_path)
    assert 0 == bill.calls
    assert whole[0] == (tmp_path / "run.jsonl").read_bytes()


@settings(max_examples=100)
@given(cut=st.integers(0, 10_000))
def test_a_crash_at_any_byte_is_survived(whole: tuple[bytes, Evaluation], cut: int) -> None:
    """
    Whatever part of the journal a crash left: the results are those of an undisturbed run,
    what was saved is not asked for again, and calls left open count with their bound.
    """
    data, expected = whole
    left = data[: cut % (len(data) + 1)]
    lines = [json.loads(line) for line in left[: left.rfind(b"\n") + 1].splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "run.jsonl").write_bytes(left)
        bill = Bill()
        result = run(bill, Path(folder))

    assert result is not None
    assert expected.rows == result.rows
    done = [line for line in lines if line["t"] == "done"]
    kept = sum(len(line["items"]) for line in done if line.get("calls"))
    assert 2 * COUNT == sum(bill.done.values()) + kept
    bounds = {line["call"]: line["bound_pico"] for line in lines if line["t"] == "call"}
    for call in (call for line in done for call in line.get("calls", ())):
        del bounds[call]
    spent = sum(line.get("cost_pico", 0) for line in done) + bill.calls * CALL_PICO
    assert spent + sum(bounds.values()) == round(result.cost_usd * PICO)
    assert sum(bounds.values()) == round(result.assumed_usd * PICO)


def test_a_call_left_open_counts_for_ever(whole: tuple[bytes, Evaluation], tmp_path: Path) -> None:
    """
    What a crash left open counts in the run that follows, and in all after that.
    """
    begun = whole[0].split(b"\n", 3)[:3]
    (tmp_path / "run.jsonl").write_bytes(b"\n".join(begun) + b"\n")
    first, second = run(Bill(), tmp_path), run(Bill(), tmp_path)

    assert first is not None
    assert first.assumed_usd > 0
    assert first == second


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    """
    A run id belongs to its judges and its system; the budget may change.
    """
    run(Bill(), tmp_path, cut_s=3.0)
    run(Bill(), tmp_path, cut_s=3.0, max_cost_usd=5.0)
    other = Evaluator([ExactMatch()])

    with pytest.raises(ConfigError, match="other judges or another system"):
        simulate(lambda _: other.evaluate([], journal=Journal(tmp_path, "run")))


def test_a_changed_example_is_another_example(tmp_path: Path) -> None:
    """
    An answer that was saved for another text under the same id is not taken.
    """
    grader = Grader()

    async def main(loop: SimLoop) -> list[Evaluation]:
        results = []
        for output in ("x", "y"):
            judge = RubricJudge(model(grader), "good?")
            example = Example(id="a", input="?", expected="x", output=output)
            results.append(
                await Evaluator([judge]).evaluate([example], journal=Journal(tmp_path, "run"))
            )
        return results

    simulate(main)
    assert ["x", "y"] == [sent(call)[0]["answer"] for call in grader.calls]


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    """
    A failure is not saved as a result: the next run tries it again, and pays for it again.
    """
    bill = Bill()
    bill.failing = True
    first = run(bill, tmp_path)
    bill.failing = False
    second = run(bill, tmp_path)

    assert first is not None
    assert second is not None
    assert COUNT == len(first.failed)
    assert () == second.failed
    assert second.assumed_usd == first.cost_usd > 0


def test_a_larger_budget_finishes_the_rest(tmp_path: Path) -> None:
    """
    What was left undone for lack of dollars is done when there are more; no call twice.
    """
    bill = Bill()
    first = run(bill, tmp_path, max_cost_usd=0.003)
    second = run(bill, tmp_path, max_cost_usd=1.0)

    assert first is not None
    assert second is not None
    assert first.undone
    assert first.cost_usd <= 0.003
    assert () == second.undone
    assert {1} == set(bill.done.values())


class Resuming(RuleBasedStateMachine):
    """Runs, cuts, torn lines and outages in any order, on one journal and one budget."""

    BUDGET_USD = 0.02

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.bill = Bill()
        self.saved: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(cut_s=st.floats(0, 12), failing=st.booleans())
    def cut_off(self, cut_s: float, failing: bool) -> None:
        self.bill.failing = failing
        run(self.bill, self.folder, cut_s, self.BUDGET_USD)

    @rule()
    def complete(self) -> None:
        self.bill.failing = False
        result = run(self.bill, self.folder, None, self.BUDGET_USD)
        assert result is not None
        # What a model can be paid for is right; what it cannot is told.
        assert {row.example.id for row in result.rows if row.missing} == set(result.undone)
        assert all(row.output == row.example.expected for row in result.rows if not row.missing)

    @rule(share=st.floats(0, 1))
    def tear(self, share: float) -> None:
        """A crash in the middle of writing the next line."""
        path = self.folder / "run.jsonl"
        if path.exists():
            torn = b'{"t":"done","step":"system","calls":[1],"items":[["e0","x","y"]]}'
            path.write_bytes(path.read_bytes() + torn[: int(share * len(torn))])

    @invariant()
    def nothing_saved_is_paid_for_again(self) -> None:
        # Whoever was answered was saved at that very instant, so nobody is answered twice.
        assert not [name for name, times in self.bill.done.items() if times > 1]

    @invariant()
    def the_budget_holds(self) -> None:
        assert self.bill.calls * CALL_PICO <= self.BUDGET_USD * PICO


TestResuming = Resuming.TestCase
TestResuming.settings = settings(max_examples=50, stateful_step_count=10)
