from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import (
    Attempt,
    CloseNumber,
    Contains,
    ErrorCategory,
    Evaluation,
    Evaluator,
    ExactMatch,
    Example,
    FunctionJudge,
    JsonFields,
    Judge,
    Judgement,
    Matches,
    Similarity,
    Unjudged,
)
from agent_perf.components.evaluation.local_judges import last_number, normalise
from agent_perf.errors import ConfigError
from agent_perf.sim import simulate


def judge(one: Judge, output: str, expected: str | None) -> Judgement | Unjudged:
    example = Example(id="a", input="?", expected=expected, output=output)
    result: Evaluation = simulate(lambda _: Evaluator([one]).evaluate([example]))
    return result.rows[0].judgements[one.name]


@pytest.mark.parametrize(
    ("one", "output", "expected", "score"),
    [
        (ExactMatch(), "Paris", "Paris", 1),
        (ExactMatch(), "paris", "Paris", 0),
        (ExactMatch(normalised=True), " \tpaRIS. ", "Paris", 1),
        (ExactMatch(normalised=True), "cafe\u0301", "CAFÉ", 1),
        (ExactMatch(normalised=True), "straße", "STRASSE", 1),
        (ExactMatch(normalised=True), "Lyon", "Paris", 0),
        (Contains(), "It is PARIS, I think.", "Paris", 1),
        (Contains(), "It is Lyon.", "Paris", 0),
        (Contains(), "anything", "...", 0),
        (Contains(normalised=False), "paris", "Paris", 0),
        (Matches(pattern=r"\b4\d\b"), "it is 42", "", 1),
        (Matches(pattern=r"\b4\d\b"), "it is 421", "", 0),
        (CloseNumber(), "12 * 12 = 144", "144", 1),
        (CloseNumber(), "about 1,234.5 dollars", "$1234.5", 1),
        (CloseNumber(relative=0.01), "100.9", "100", 1),
        (CloseNumber(relative=0.01), "101.1", "100", 0),
        (CloseNumber(relative=0, absolute=0.5), "-0.5", "0", 1),
        (CloseNumber(), "no idea", "100", 0),
        (CloseNumber(), "1e3", "1000", 1),
        (JsonFields(), '{"a": 1, "b": "x", "c": 3}', '{"a": 1, "b": "x"}', 1),
        (JsonFields(), '{"a": 1, "b": "y"}', '{"a": 1, "b": "x"}', 0.5),
        (JsonFields(), '{"a": true}', '{"a": 1}', 0),
        (JsonFields(), '{"a": [true, {"b": 0}]}', '{"a": [1, {"b": 0}]}', 0),
        (JsonFields(), '{"a": [1, {"b": false}]}', '{"a": [1, {"b": 0}]}', 0),
        (JsonFields(), '{"a": [1.0, {"b": [2]}]}', '{"a": [1, {"b": [2]}]}', 1),
        (JsonFields(), '{"a": [1]}', '{"a": [1, 2]}', 0),
        (JsonFields(), '{"a": {"b": 1}}', '{"a": {"b": 1, "c": 2}}', 0),
        (JsonFields(), '{"a": ' + "[" * 5_000 + "]" * 5_000 + "}", '{"a": 1}', 0),
        (JsonFields(), '{"a": null}', '{"a": null}', 1),
        (JsonFields(), "{}", '{"a": null}', 0),
        (JsonFields(fields=("a",)), '{"a": 1}', '{"a": 1, "b": 2}', 1),
        (JsonFields(), "[1]", '{"a": 1}', 0),
        (JsonFields(), "oops", '{"a": 1}', 0),
    ],
)
def test_outputs_are_compared(one: Judge, output: str, expected: str, score: float) -> None:
    """
    Each judge compares as its docstring says.
    """
    said = judge(one, output, expected)

    assert isinstance(said, Judgement)
    assert (score, score == 1) == (said.score, said.passed)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (ExactMatch(), None),
        (Contains(), None),
        (CloseNumber(), "none"),
        (JsonFields(), "oops"),
        (JsonFields(), "{}"),
        (JsonFields(fields=("b",)), '{"a": 1}'),
    ],
)
def test_nothing_to_compare_with_is_no_score(one: Judge, expected: str | None) -> None:
    """
    An example without what a judge compares with is its error, and not the answer's.
    """
    said = judge(one, "x", expected)

    assert isinstance(said, Unjudged)
    assert ErrorCategory.VALIDATION is said.category


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_is_found_in_a_text(number: float) -> None:
    """
    A number as Python writes it is found at the end of a text, as it was.
    """
    assert number == last_number(f"7 and so it is {number!r}")


@given(text=st.text())
def test_normalising_twice_changes_nothing_more_than_once(text: str) -> None:
    """
    What is normalised has no upper case left to fold, no double space, no end to strip.
    """
    once = normalise(text)

    assert "  " not in once
    assert once == once.strip(" .,;:!?")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (True, Judgement(score=1.0, passed=True)),
        (False, Judgement(score=0.0, passed=False)),
        (0.7, Judgement(score=0.7, passed=True)),
        (0.3, Judgement(score=0.3, passed=False)),
        (Judgement(score=0.1, passed=True), Judgement(score=0.1, passed=True)),
    ],
)
@pytest.mark.parametrize("wait", [False, True])
def test_functions_may_say_it_in_several_ways(
    said: Judgement | bool | float, expected: Judgement, wait: bool
) -> None:
    """
    A function gives a judgement, whether it passes, or a score; at once or awaited.
    """

    async def later(_: Attempt) -> Judgement | bool | float:
        await asyncio.sleep(1)
        return said

    one = FunctionJudge("mine", later if wait else lambda _: said, version="1")

    assert expected == judge(one, "x", "x")


async def letters(texts: Sequence[str]) -> list[list[float]]:
    return [[float(text.count(letter)) for letter in "abc"] for text in texts]


@pytest.mark.parametrize(
    ("output", "expected", "score"),
    [("abc", "cba", 1.0), ("aab", "b", 1 / math.sqrt(5)), ("a", "b", 0.0), ("x", "a", 0.0)],
)
def test_similarity_is_the_cosine(output: str, expected: str, score: float) -> None:
    """
    Vectors of letters: the same direction is 1, a right angle 0, and no direction 0.
    """
    said = judge(Similarity(letters, version="1"), output, expected)

    assert isinstance(said, Judgement)
    assert pytest.approx(score) == said.score
    assert (score > 0.8) == said.passed


def test_similarity_asks_once_per_batch() -> None:
    """
    Five attempts in batches of three are two calls, each paid for; one without an expected
    text is in neither.
    """
    asked: list[int] = []

    async def embed(texts: Sequence[str]) -> list[list[float]]:
        asked.append(len(texts))
        return await letters(texts)

    one = Similarity(embed, version="1", batch_max=3, cost_usd_max=0.25)
    rows = [
        Example(id=f"e{n}", input="?", expected=None if n == 1 else "a", output="a")
        for n in range(5)
    ]
    result: Evaluation = simulate(lambda _: Evaluator([one]).evaluate(rows))

    assert [4, 4] == asked
    assert ("e1",) == result.failed
    assert 0.5 == result.cost_usd


def test_vectors_that_do_not_fit_are_an_error() -> None:
    """
    Too few vectors, or of another length, are no similarity.
    """

    async def one_only(texts: Sequence[str]) -> list[list[float]]:
        return [[1.0]]

    async def uneven(texts: Sequence[str]) -> list[list[float]]:
        return [[1.0], [1.0, 2.0]]

    for embed in (one_only, uneven):
        assert isinstance(judge(Similarity(embed, version="1"), "a", "b"), Unjudged)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Matches(pattern="("),
        lambda: CloseNumber(relative=-1),
        lambda: CloseNumber(absolute=math.inf),
        lambda: FunctionJudge("", bool, version="1"),
        lambda: FunctionJudge("x", bool, version="1", passes_from=2),
        lambda: Similarity(letters, version="1", passes_from=-1),
        lambda: Similarity(letters, version="1", batch_max=0),
    ],
)
def test_what_cannot_be_meant_is_refused(make: object) -> None:
    """
    Settings out of range are errors when the judge is made.
    """
    with pytest.raises(ConfigError):
        make()
