"""
How far judges agree, beyond what chance would give.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations
from typing import Literal

from agent_perf.components.evaluation.examples import Judgement
from agent_perf.components.evaluation.outcome import Evaluation, Row
from agent_perf.errors import ConfigError


class Majority(Enum):
    """What most judges of one attempt say."""

    PASSED = "passed"
    FAILED = "failed"
    TIE = "tie"
    UNJUDGED = "unjudged"
    """No judge said anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """
    What the judges of one attempt say together.

    Attributes:
        majority: Passed or failed; TIE if as many say the one as the other.
        votes: Judges that said something.
        score_mean: Mean of their scores, 0 to 1; None without any.
    """

    majority: Majority
    votes: int
    score_mean: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAgreement:
    """
    How two judges agree on passed or failed.

    Attributes:
        judges: Their names.
        count: Attempts that both judged.
        agreement: Share of these on which they say the same; None without any.
        kappa: Cohen's kappa; None if chance alone would make them agree always, or nothing
            was judged by both.
    """

    judges: tuple[str, str]
    count: int
    agreement: float | None
    kappa: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """
    How the judges of an evaluation agree.

    Attributes:
        pairs: Each two judges.
        alpha: Krippendorff's alpha of passed and failed, all judges together; None if it is
            not defined.
        alpha_scores: The same of scores, with interval differences.
        ties: Attempts on which as many judges say passed as failed.
    """

    pairs: tuple[PairAgreement, ...]
    alpha: float | None
    alpha_scores: float | None
    ties: int


def agreement_of(evaluation: Evaluation) -> Agreement:
    """Return how the judges of *evaluation* agree; what is not judged is left out."""
    rows, names = evaluation.rows, tuple(evaluation.judging)
    judged = [_judgements(row) for row in rows]
    return Agreement(
        pairs=tuple(_pair(names, judged) for names in combinations(names, 2)),
        alpha=krippendorff_alpha([[one.passed for one in said.values()] for said in judged]),
        alpha_scores=krippendorff_alpha(
            [[one.score for one in said.values()] for said in judged], level="interval"
        ),
        ties=sum(consensus_of(row).majority is Majority.TIE for row in rows),
    )


def consensus_of(row: Row) -> Consensus:
    """Return what the judges of *row* say together."""
    said = _judgements(row).values()
    votes, passed = len(said), sum(one.passed for one in said)
    if not votes:
        return Consensus(majority=Majority.UNJUDGED, votes=0, score_mean=None)
    majority = Majority.TIE
    if 2 * passed != votes:
        majority = Majority.PASSED if 2 * passed > votes else Majority.FAILED
    mean = math.fsum(one.score for one in said) / votes
    return Consensus(majority=majority, votes=votes, score_mean=mean)


def cohens_kappa(one: Sequence[Hashable], other: Sequence[Hashable]) -> float | None:
    """
    Return the agreement of two raters beyond chance: 1 always, 0 as by chance.

    None without ratings, or if both always say one and the same thing.

    Args:
        one: What the first says of each unit.
        other: What the second says of them, as many.

    Source: Cohen, *A coefficient of agreement for nominal scales* (1960), formula 1.
    """
    if len(one) != len(other):
        raise ConfigError(f"{len(one)} and {len(other)} ratings; want as many of each")
    count = len(one)
    if not count:
        return None
    agreed = sum(a == b for a, b in zip(one, other, strict=True))
    left, right = Counter(one), Counter(other)
    # In whole numbers: products by n², so that "always the same" is not a rounding away.
    by_chance = sum(left[value] * right[value] for value in left)
    if by_chance == count * count:
        return None
    return (agreed * count - by_chance) / (count * count - by_chance)


def krippendorff_alpha(
    units: Sequence[Sequence[float]], *, level: Literal["nominal", "interval"] = "nominal"
) -> float | None:
    """
    Return the agreement of any number of raters beyond chance; ratings may be missing.

    None if no unit has two ratings, or all ratings are the same.

    Args:
        units: For each unit its ratings, in any order.
        level: Whether ratings are names, or numbers whose distance counts.

    Source: Krippendorff, *Computing Krippendorff's Alpha-Reliability* (2011), sections C and
    E, with the differences of nominal and interval data.
    """
    pairable = [Counter(unit) for unit in units if len(unit) >= 2]
    totals: Counter[float] = Counter()
    observed = 0.0
    for counts in pairable:
        totals.update(counts)
        observed += _disagreement(counts, level) / (counts.total() - 1)
    expected = _disagreement(totals, level)
    if not expected:
        return None
    return 1 - (totals.total() - 1) * observed / expected


def _disagreement(counts: Counter[float], level: Literal["nominal", "interval"]) -> float:
    """Return the sum of distances between all ordered pairs of ratings."""
    if len(counts) < 2:
        return 0.0
    total = counts.total()
    if level == "nominal":
        return float(total * total - sum(count * count for count in counts.values()))
    # Scores may all differ: all pairs of ten thousand would take minutes. From the mean, for the
    # difference of two large sums would have few digits left.
    mean = math.fsum(count * value for value, count in counts.items()) / total
    return 2 * total * math.fsum(n * (value - mean) ** 2 for value, n in counts.items())


def _judgements(row: Row) -> dict[str, Judgement]:
    return {name: one for name, one in row.judgements.items() if isinstance(one, Judgement)}


def _pair(names: tuple[str, str], judged: Sequence[Mapping[str, Judgement]]) -> PairAgreement:
    first, second = names
    both = [said for said in judged if first in said and second in said]
    one = [said[first].passed for said in both]
    other = [said[second].passed for said in both]
    agreed = sum(a == b for a, b in zip(one, other, strict=True))
    return PairAgreement(
        judges=names,
        count=len(both),
        agreement=agreed / len(both) if both else None,
        kappa=cohens_kappa(one, other),
    )
