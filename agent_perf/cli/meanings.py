# ruff: noqa: ISC004 (rows of sentences, each in one pair of parentheses)
"""
What our words mean: exit codes, verdicts, outcomes, causes and work counts.

One table, which `agent-perf explain` and docs/words.md share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """
    What a word means, and what to do about it.

    Attributes:
        kind: ``exit code``, ``verdict``, ``outcome``, ``cause`` or ``count``.
        word: As it is printed.
        text: What it means, in a sentence or two.
        way_out: What to do; empty if nothing needs to be done.
    """

    kind: str
    word: str
    text: str
    way_out: str = ""


def _kind(kind: str, *rows: tuple[str, str, str]) -> tuple[Meaning, ...]:
    return tuple(Meaning(kind=kind, word=word, text=text, way_out=out) for word, text, out in rows)


MEANINGS: Final = (
    *_kind(
        "exit code",
        ("0", "Pass: nothing is worse than its limit, and every target is kept.", ""),
        (
            "1",
            "A regression beyond its limit, or a target missed. Certain, whatever else broke.",
            "Read the FAIL and WHY lines or the report; mend it, or accept it until a date with "
            "`agent-perf accept`.",
        ),
        (
            "2",
            "The command line, a ref, or the configuration cannot be used.",
            "The message names the value and what would do; `agent-perf config check` tells all "
            "that is wrong with the configuration.",
        ),
        (
            "3",
            "A benchmark, or the code that it measures, broke: it could not be imported, raised, "
            "hung or gave no number.",
            "The BROKEN line names it; the report has the traceback.",
        ),
        (
            "4",
            "Undecided: what was measured is too noisy, or too little, for an answer.",
            "Give more time (--time-budget), fewer benchmarks (--only) or a quieter machine "
            "(`agent-perf doctor`); --undecided pass lets it through.",
        ),
        (
            "5",
            "Nothing was measured, so there is nothing to judge.",
            "See that --only matches, and that the benchmark package has scenarios.",
        ),
        (
            "6",
            "The model calls of what was measured came to more dollars than allowed; measuring "
            "stopped, and what was finished is kept.",
            "Allow more with --max-cost, or name fewer benchmarks.",
        ),
        (
            "130",
            "Interrupted by Ctrl-C or SIGTERM. What was finished is kept.",
            "Give the command again, or `agent-perf sessions resume`.",
        ),
        ("141", "Nobody reads the output any more: a pipe was closed.", ""),
    ),
    *_kind(
        "verdict",
        (
            "regressed",
            "Worse than its limit allows. Of exact evidence a fact; of sampled evidence, fresh "
            "rounds put the whole interval beyond the limit.",
            "See the WHY lines, or `agent-perf explain BENCHMARK`.",
        ),
        ("slower within limit", "Worse, and by no more than the limit allows.", ""),
        (
            "unchanged",
            "Equal; or of sampled evidence, surely within the limit either way.",
            "",
        ),
        ("improved", "Better than before.", ""),
        (
            "undecided",
            "The interval holds both a regression and none: no answer, rather than a guess.",
            "More rounds (--time-budget, --rounds) or a quieter machine: docs/verdicts.md.",
        ),
        ("new", "The head has it and the base has not, so there is nothing to compare with.", ""),
        (
            "missing",
            "The base has it and the head has not.",
            "If it was removed on purpose, compare with a base after the removal.",
        ),
        ("errored", "It gave no value on one side.", "See its BROKEN line or the report."),
    ),
    *_kind(
        "outcome",
        ("pass", "The gate is open: exit code 0.", ""),
        ("fail", "Something regressed or missed its target: exit code 1.", ""),
        ("broken", "A benchmark gave no value, and nothing regressed: exit code 3.", ""),
        (
            "cost cut-off",
            "The model calls came to more dollars than allowed, and nothing regressed by then: "
            "exit code 6.",
            "",
        ),
        ("nothing measured", "There was no benchmark to judge: exit code 5.", ""),
        ("promote", "The candidate is surely within each limit: exit code 0 of a canary.", ""),
        (
            "hold",
            "The candidate is neither surely worse nor surely fine: exit code 4 of a canary.",
            "More time (--for), a higher rate, or a wider limit: docs/canary.md.",
        ),
        (
            "rollback",
            "The candidate is surely worse than half of a limit: exit code 1 of a canary.",
            "Keep the stable service; the finding names the metric and the step.",
        ),
    ),
    *_kind(
        "cause",
        (
            "extra-round-trip",
            "A request makes more Redis round trips than before, one after another.",
            "Fetch together (mget, a pipeline), or at the same time (asyncio.gather).",
        ),
        (
            "lost-cache-hit",
            "Requests that were answered from the cache no longer are.",
            "Look at what goes into the key, at the time to live, and at what invalidates.",
        ),
        (
            "n-plus-one",
            "One statement runs once per row of another (N+1).",
            "Join, select with IN, or load eagerly.",
        ),
        (
            "batching-off",
            "Events are delivered in more requests than before.",
            "Collect them again: a flush after each event, or a batch of one, does that.",
        ),
        (
            "connection-held",
            "A database connection is held while a model answers, so that others wait for it.",
            "Close the session or transaction before the model is called.",
        ),
        ("more-errors", "More requests fail, or fail in another way.", "See their categories."),
        (
            "pipeline-off",
            "Redis commands that shared a round trip no longer do.",
            "Put them back into one pipeline.",
        ),
        (
            "extra-model-call",
            "A request calls the model more often.",
            "Look for a retry, a new agent step, or a call that another already answers.",
        ),
        (
            "more-tokens",
            "Prompts or answers have grown, or a prompt cache is missed.",
            "Look at what the prompt now holds, and whether its beginning stays the same.",
        ),
        ("extra-tool-call", "A request calls a tool more often.", "Look for a repeated lookup."),
        (
            "extra-statement",
            "A request runs a statement more often, or a new one.",
            "Ask once, or cache what does not change.",
        ),
        ("extra-request", "A request makes more HTTP requests.", "Share, cache or batch them."),
        (
            "slower-operation",
            "Requests wait longer for one kind of operation, which is done as often.",
            "Look at its size: payloads, rows, tokens.",
        ),
        (
            "serialised",
            "Work that was done side by side is now done one after another.",
            "Look for an await in a loop where there was a gather.",
        ),
        ("more-work", "A work count grew that no rule has a story for.", "Its details name it."),
        (
            "unobserved-wait",
            "Requests take longer, and no counted work or observed operation grew.",
            "Look at waits inside the process: locks, semaphores, limits, sleeps.",
        ),
    ),
)
"""Every word that a decision prints, each once per kind."""
