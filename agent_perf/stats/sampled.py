"""
All duets of a suite, judged together: what regressed, and who wants more rounds.

A regression is told if fresh rounds show it, and then with a probability of error that
holds for the whole suite: whatever led to a suspicion, the fresh rounds know nothing of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.errors import ConfigError
from agent_perf.records import DuetRun
from agent_perf.stats.duet import LOOKS, Answer, Stand, stand
from agent_perf.stats.trimmed import trimmed_mean
from agent_perf.stats.usable_rounds import UsableRounds, usable_rounds

SUSPICION_MISS: Final = 0.15
"""
Probability that first rounds suspect a change at its limit, over all looks.

It costs fresh rounds, not false alarms. With .05, a slow-down by 20 % under noise of 5 % a
round is found after 43 rounds in all, with .15 after 37, with .30 after 34; and of changes
at the very limit, which take 53, 55 and 58 rounds, each third would be suspected for nothing.
"""

_JOINT_MISS: Final = 0.001
"""
Of the bound of first and fresh rounds together, at one look.

Where fresh rounds refute a suspicion, the whole must be harmless for the case to be: over
all looks that adds 0.7 % at most to the changes beyond their limit that are called fine.
"""

SUITE_MISS: Final = 0.006
"""
Probability that a suite, none of whose changes is beyond its limit, has a regression.

It is that of t quantiles, and 1 % is promised: for trimmed means they are a little too
short. With .010, 16 of 1,000 suites of 80 metrics, all at the very limit, had one; with
.006, 12 of 2,000 (seeded simulation, Gaussian noise).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledCase:
    """
    A duet with its limit, and what its rounds say.

    Attributes:
        duet: The rounds.
        limit_ratio: Largest change for the worse; None if it is not gated.
        rounds: First rounds that count.
        fresh_rounds: Rounds of the confirmation that count; none if there is none.
        first: What the first rounds say, BEYOND with SUSPICION_MISS.
    """

    duet: DuetRun
    limit_ratio: float | None
    rounds: UsableRounds
    fresh_rounds: UsableRounds
    first: Stand

    @property
    def limit(self) -> float | None:
        """Log of the largest ratio allowed."""
        return None if self.limit_ratio is None else math.log1p(self.limit_ratio)

    @property
    def is_suspected(self) -> bool:
        """Whether the first rounds call for a confirmation."""
        return self.first.answer is Answer.BEYOND

    def fresh(self, miss_probability: float) -> Stand:
        """Return what the fresh rounds say, BEYOND with *miss_probability*."""
        return _stand(self.fresh_rounds, self.limit_ratio, miss_probability)

    @property
    def together(self) -> Stand:
        """What first and fresh rounds say together, at the last look of the fresh ones."""
        look = max((look for look in LOOKS if look <= len(self.fresh_rounds.worse)), default=0)
        mean = trimmed_mean(
            (*self.rounds.worse[: self.first.round_count], *self.fresh_rounds.worse[:look])
        )
        reach = mean.reach(_JOINT_MISS)
        within = self.limit is not None and mean.centre + reach < self.limit
        return Stand(
            answer=Answer.WITHIN if within else Answer.OPEN,
            round_count=self.first.round_count + look,
            worse=mean,
            reach=reach,
        )


def sampled_cases(
    duets: Sequence[DuetRun], limits: Sequence[float | None]
) -> tuple[SampledCase, ...]:
    """
    Return each duet with its limit.

    Raises:
        ConfigError: If there is not one limit for each, or one is not finite and > 0.
    """
    if len(duets) != len(limits):
        raise ConfigError(f"{len(duets)} duets and {len(limits)} limits; want one for each")
    for duet, limit in zip(duets, limits, strict=True):
        if limit is not None and not 0 < limit < math.inf:
            raise ConfigError(
                f"limit of {limit * 100:g} % for {duet.metric} of {duet.benchmark}; it is "
                'sampled, and noise exceeds "+0": allow some per cent, or switch it "off"'
            )
    return tuple(_case(duet, limit) for duet, limit in zip(duets, limits, strict=True))


def open_duets(
    duets: Sequence[DuetRun],
    limits: Sequence[float | None],
    rounds_max: int = LOOKS[-1],
) -> frozenset[int]:
    """
    Return the indices of the duets that want another first round.

    It may be asked after every round: between two looks the answer does not depend on
    what was measured.

    Args:
        duets: As for judge_duets; without rounds if not yet measured.
        limits: Likewise.
        rounds_max: First rounds that the budget allows each duet, those that do not count
            included.

    Raises:
        ConfigError: As judge_duets.
    """
    return frozenset(
        index
        for index, case in enumerate(sampled_cases(duets, limits))
        if not case.rounds.refusal
        and len(case.duet.base) < min(rounds_max, LOOKS[-1])
        and case.first.answer is Answer.OPEN
        and (case.limit is not None or case.first.round_count == 0)
    )


def open_confirmations(
    duets: Sequence[DuetRun],
    limits: Sequence[float | None],
    rounds_max: int = LOOKS[-1],
) -> frozenset[int]:
    """
    Return the indices of the duets that want another round of confirmation.

    Ask it once open_duets is empty, or the time for first rounds is over: how many are
    suspected decides how sure a confirmation must be. If it is asked earlier, and more
    become suspected, one that was settled may be open again.

    Args:
        duets: As for judge_duets; a suspected one may have no confirmation yet.
        limits: Likewise.
        rounds_max: Rounds of confirmation that the budget allows each duet.

    Raises:
        ConfigError: As judge_duets.
    """
    cases = dict(enumerate(sampled_cases(duets, limits)))
    settled = upheld(cases)
    suspects = [index for index, case in cases.items() if case.is_suspected]
    strictest = SUITE_MISS / max(1, len(suspects))
    return frozenset(
        index
        for index in suspects
        if index not in settled
        and not cases[index].fresh_rounds.refusal
        and _fresh_count(cases[index].duet) < min(rounds_max, LOOKS[-1])
        and not _is_refuted(cases[index], strictest)
    )


def upheld(cases: Mapping[int, SampledCase]) -> frozenset[int]:
    """
    Return the keys of the suspected cases whose fresh rounds show a change beyond its limit.

    With K suspects it is the largest set of m that are all sure at SUITE_MISS / (K - m + 1):
    one is sure at a K-th, or all at the whole. None of them is wrong with a probability of
    1 - SUITE_MISS, as long as fresh rounds are independent of the first, and of each other
    or correlated to the same side, as metrics of one benchmark are.

    Source: Hochberg, *Biometrika* 75 (1988); Sarkar, *Annals of Statistics* 26 (1998), for
    correlated ones.
    """
    suspects = {key: case for key, case in cases.items() if case.is_suspected}
    divisor = 1
    while divisor <= len(suspects):
        sure = frozenset(_sure(suspects, SUITE_MISS / divisor))
        if len(sure) > len(suspects) - divisor:
            return sure
        # Asked for more sureness, no more will be sure: skip where even these were too few.
        divisor = max(divisor + 1, len(suspects) - len(sure) + 1)
    return frozenset()


def _case(duet: DuetRun, limit_ratio: float | None) -> SampledCase:
    rounds, again = usable_rounds(duet), duet.confirmation
    return SampledCase(
        duet=duet,
        limit_ratio=limit_ratio,
        rounds=rounds,
        fresh_rounds=UsableRounds() if again is None else usable_rounds(again),
        first=_stand(rounds, limit_ratio, SUSPICION_MISS),
    )


def _stand(rounds: UsableRounds, limit_ratio: float | None, beyond_miss: float) -> Stand:
    limit = None if limit_ratio is None or rounds.is_stepped else math.log1p(limit_ratio)
    return stand(rounds.worse, limit, beyond_miss)


def _sure(cases: Mapping[int, SampledCase], miss_probability: float) -> Iterable[int]:
    return (
        key for key, case in cases.items() if case.fresh(miss_probability).answer is Answer.BEYOND
    )


def _is_refuted(case: SampledCase, miss_probability: float) -> bool:
    """Return whether fresh rounds are harmless, and all rounds together as well."""
    return (
        case.fresh(miss_probability).answer is Answer.WITHIN
        and case.together.answer is Answer.WITHIN
    )


def _fresh_count(duet: DuetRun) -> int:
    return 0 if duet.confirmation is None else len(duet.confirmation.base)
