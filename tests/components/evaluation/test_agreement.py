from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import (
    Evaluation,
    Evaluator,
    FunctionJudge,
    Majority,
    agreement_of,
    cohens_kappa,
    consensus_of,
    krippendorff_alpha,
)
from agent_perf.errors import ConfigError
from agent_perf.sim import simulate
from tests.components.evaluation.judging import examples


def judged(*columns: str) -> Evaluation:
    """Return an evaluation with a judge per column: + passes, - fails, ? breaks."""

    def judge(number: int, column: str) -> FunctionJudge:
        words = iter(column)

        def say(_: object) -> bool:
            word = next(words)
            if word == "?":
                raise ConnectionError
            return word == "+"

        return FunctionJudge(f"j{number}", say, version="1")

    judges = [judge(number, column) for number, column in enumerate(columns)]
    asked = examples(len(columns[0]))
    return simulate(lambda _: Evaluator(judges, concurrency=1).evaluate(asked))


def test_kappa_of_fifty_grants() -> None:
    """
    Of 50 proposals both readers say yes to 20 and no to 15; 5 and 10 they dispute: kappa is
    (0.7 - 0.5) / (1 - 0.5).
    """
    one = [1] * 20 + [1] * 5 + [0] * 10 + [0] * 15
    other = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15

    assert 0.4 == pytest.approx(cohens_kappa(one, other))


def test_kappa_is_not_defined_where_chance_is_certain() -> None:
    """
    Raters who say one thing only agree by chance alone; without ratings there is nothing.
    """
    assert cohens_kappa([1, 1], [1, 1]) is None
    assert cohens_kappa([], []) is None
    with pytest.raises(ConfigError, match="1 and 2 ratings"):
        cohens_kappa([1], [1, 2])


# Krippendorff (2011), section C: four observers, twelve units, some not observed.
OBSERVED = [
    [1, 1, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [5, 5, 5],
    [1, 1],
    [3],
]


def test_alpha_of_the_papers_example() -> None:
    """
    The paper's example with missing data has an alpha of .743 for names, .849 for numbers.
    """
    assert 0.743 == pytest.approx(krippendorff_alpha(OBSERVED), abs=5e-4)
    assert 0.849 == pytest.approx(krippendorff_alpha(OBSERVED, level="interval"), abs=5e-4)


def slow_alpha(units: list[list[int]], *, interval: bool) -> float | None:
    """Return alpha from all pairs of values, one by one: 1 - Do / De."""

    def distance(a: float, b: float) -> float:
        return (a - b) ** 2 if interval else float(a != b)

    units = [unit for unit in units if len(unit) > 1]
    values = [value for unit in units for value in unit]
    if not values:
        return None
    n = len(values)
    within = sum(
        sum(distance(a, b) for a, b in itertools.permutations(unit, 2)) / (len(unit) - 1)
        for unit in units
    )
    between = sum(distance(a, b) for a, b in itertools.permutations(values, 2))
    return 1 - (within / n) / (between / (n * (n - 1))) if between else None


@given(units=st.lists(st.lists(st.integers(0, 3), max_size=5), max_size=8), interval=st.booleans())
def test_alpha_agrees_with_its_definition(units: list[list[int]], interval: bool) -> None:
    """
    Counted by values, alpha is what counting all pairs gives.
    """
    level = "interval" if interval else "nominal"
    expected = slow_alpha(units, interval=interval)

    assert pytest.approx(expected) == krippendorff_alpha(units, level=level)


def test_alpha_of_scores_that_all_differ() -> None:
    """
    Ten thousand attempts with two scores each, which differ by a hundredth: 1 - 6 d² / n, by the
    variance of equidistant numbers, and not by all of their 200 million pairs.
    """
    units = [[index / 10_000, index / 10_000 + 0.01] for index in range(10_000)]

    assert 1 - 6e-4 == pytest.approx(krippendorff_alpha(units, level="interval"), abs=1e-6)


@given(ratings=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12))
def test_kappa_agrees_with_its_definition(ratings: list[tuple[bool, bool]]) -> None:
    """
    Kappa is agreement less chance, by the most that there could be beyond chance.
    """
    one, other = [a for a, _ in ratings], [b for _, b in ratings]
    n = len(ratings)
    if not n:
        return
    agreed = sum(a == b for a, b in ratings) / n
    chance = sum(one.count(v) / n * other.count(v) / n for v in (True, False))
    expected = None if chance > 1 - 1e-9 else (agreed - chance) / (1 - chance)

    assert pytest.approx(expected) == cohens_kappa(one, other)


def test_judges_are_compared_on_what_both_judged() -> None:
    """
    An attempt that one judge has nothing to say of does not count for its pairs.
    """
    agreement = agreement_of(judged("++--", "+?--", "+-+-"))
    first = agreement.pairs[0]

    assert [("j0", "j1"), ("j0", "j2"), ("j1", "j2")] == [one.judges for one in agreement.pairs]
    assert (3, 1.0, 1.0) == (first.count, first.agreement, first.kappa)
    assert (4, 0.5, 0.0) == (
        agreement.pairs[1].count,
        agreement.pairs[1].agreement,
        agreement.pairs[1].kappa,
    )


def test_majorities_and_ties_are_told() -> None:
    """
    More for than against passes, as many is a tie, and no word at all is neither.
    """
    result = judged("++-?", "+--?", "--??")
    said = [consensus_of(row) for row in result.rows]

    assert [Majority.PASSED, Majority.FAILED, Majority.FAILED, Majority.UNJUDGED] == [
        one.majority for one in said
    ]
    assert [3, 3, 2, 0] == [one.votes for one in said]
    assert [pytest.approx(2 / 3), pytest.approx(1 / 3), 0.0, None] == [
        one.score_mean for one in said
    ]
    assert 1 == agreement_of(judged("+-", "--")).ties
    assert Majority.TIE is consensus_of(judged("+", "-").rows[0]).majority
