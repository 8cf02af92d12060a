"""Evaluation of a system by judges, within a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent_perf.components.door import open_door

if TYPE_CHECKING:
    from agent_perf.components.evaluation.agreement import (
        Agreement,
        Consensus,
        Majority,
        PairAgreement,
        agreement_of,
        cohens_kappa,
        consensus_of,
        krippendorff_alpha,
    )
    from agent_perf.components.evaluation.evaluator import (
        Evaluator,
    )
    from agent_perf.components.evaluation.examples import (
        Attempt,
        Example,
        Judge,
        Judgement,
        Output,
        System,
        Unjudged,
    )
    from agent_perf.components.evaluation.function_judges import (
        FunctionJudge,
        Similarity,
    )
    from agent_perf.components.evaluation.journal import (
        Journal,
    )
    from agent_perf.components.evaluation.llm_judges import (
        PairwiseJudge,
        RubricJudge,
    )
    from agent_perf.components.evaluation.local_judges import (
        CloseNumber,
        Contains,
        ExactMatch,
        JsonFields,
        Matches,
    )
    from agent_perf.components.evaluation.memory import (
        ResultCache,
    )
    from agent_perf.components.evaluation.meter import (
        Meter,
    )
    from agent_perf.components.evaluation.model import (
        JudgeModel,
    )
    from agent_perf.components.evaluation.outcome import (
        Evaluation,
        EvaluatorStats,
        Row,
        StepTotals,
    )
    from agent_perf.components.evaluation.standing import (
        Ratio,
        Standing,
        judge_standings,
        system_standings,
        wilson,
    )
    from agent_perf.components.evaluation.standing_text import (
        standings_markdown,
        standings_text,
    )
    from agent_perf.components.evaluation.systems import (
        FunctionSystem,
        ModelSystem,
    )
    from agent_perf.components.evaluation.terms import (
        Progress,
    )

__all__ = [
    "Agreement",
    "Attempt",
    "CloseNumber",
    "Consensus",
    "Contains",
    "Evaluation",
    "Evaluator",
    "EvaluatorStats",
    "ExactMatch",
    "Example",
    "FunctionJudge",
    "FunctionSystem",
    "Journal",
    "JsonFields",
    "Judge",
    "JudgeModel",
    "Judgement",
    "Majority",
    "Matches",
    "Meter",
    "ModelSystem",
    "Output",
    "PairAgreement",
    "PairwiseJudge",
    "Progress",
    "Ratio",
    "ResultCache",
    "Row",
    "RubricJudge",
    "Similarity",
    "Standing",
    "StepTotals",
    "System",
    "Unjudged",
    "agreement_of",
    "cohens_kappa",
    "consensus_of",
    "judge_standings",
    "krippendorff_alpha",
    "standings_markdown",
    "standings_text",
    "system_standings",
    "wilson",
]

__getattr__, __dir__ = open_door(
    __name__,
    {
        "agreement": (
            "Agreement",
            "Consensus",
            "Majority",
            "PairAgreement",
            "agreement_of",
            "cohens_kappa",
            "consensus_of",
            "krippendorff_alpha",
        ),
        "evaluator": ("Evaluator",),
        "examples": (
            "Attempt",
            "Example",
            "Judge",
            "Judgement",
            "Output",
            "System",
            "Unjudged",
        ),
        "function_judges": (
            "FunctionJudge",
            "Similarity",
        ),
        "journal": ("Journal",),
        "llm_judges": (
            "PairwiseJudge",
            "RubricJudge",
        ),
        "local_judges": (
            "CloseNumber",
            "Contains",
            "ExactMatch",
            "JsonFields",
            "Matches",
        ),
        "memory": ("ResultCache",),
        "meter": ("Meter",),
        "model": ("JudgeModel",),
        "outcome": (
            "Evaluation",
            "EvaluatorStats",
            "Row",
            "StepTotals",
        ),
        "standing": (
            "Ratio",
            "Standing",
            "judge_standings",
            "system_standings",
            "wilson",
        ),
        "standing_text": (
            "standings_markdown",
            "standings_text",
        ),
        "systems": (
            "FunctionSystem",
            "ModelSystem",
        ),
        "terms": ("Progress",),
    },
)
