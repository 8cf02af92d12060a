"""Cost, resources, capacity and recommendations, from runs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from agent_perf import gate
from agent_perf.records import LevelTotal, OperationTotal, Run
from agent_perf.report import View, build_view, render
from agent_perf.report.capacity import estimates
from agent_perf.report.drawing import Table
from agent_perf.report.remedies import REMEDIES
from agent_perf.report.standing import gather
from tests.gate.backend import GOOD, LOST
from tests.gate.deciding import decide
from tests.report.views import VIEWS
from tests.runs import make_run

SECOND = 1_000_000_000


def view_of(base: Run, head: Run) -> View:
    return build_view(
        decide([base], [head]),
        base_runs={base.benchmark: base},
        head_runs={head.benchmark: head},
    )


def cells(table: Table | None, column: int) -> list[str]:
    assert table is not None
    return [row[column] for row in table.rows]


def paid(cheap: int, dear: int) -> Run:
    """A run of 100 requests that pays for two models."""
    return make_run(
        counts={"llm_cost_nanousd": cheap + dear, "llm_tokens_in": 30_000, "llm_tokens_out": 5_000},
        details={
            "llm_cost_nanousd:small": cheap,
            "llm_cost_nanousd:large": dear,
            "llm_tokens_in:small": 20_000,
            "llm_tokens_in:large": 10_000,
            "llm_tokens_out:small": 4_000,
            "llm_tokens_out:large": 1_000,
        },
    )


def test_cost_by_model() -> None:
    """
    Each model has its dollars per request and per 1,000 requests, the one that changed first.
    """
    page = view_of(paid(20_000_000, 100_000_000), paid(30_000_000, 100_000_000))

    assert ["small", "large"] == cells(page.cost, 1)
    assert ["$0.0002", "$0.001"] == cells(page.cost, 2)
    assert ["$0.0003", "$0.001"] == cells(page.cost, 3)
    assert ["+50.0\u00a0%", "="] == cells(page.cost, 4)
    assert ["200", "100"] == cells(page.cost, 6)
    assert 0.0003 == page.document["cost"][1]["head_usd_per_request"]  # type: ignore[index]


def test_a_base_that_does_not_tell_its_models_is_not_free() -> None:
    """
    A run stored without the cost of each model has a cost that is not known.
    """
    base = replace(paid(20_000_000, 100_000_000), details={})
    page = view_of(base, paid(20_000_000, 100_000_000))

    assert ["–", "–"] == cells(page.cost, 2)
    assert ["–", "–"] == cells(page.cost, 4)


def test_no_model_no_cost() -> None:
    """
    Without a paid call there is no section on cost.
    """
    run = make_run()

    assert None is view_of(run, replace(run, commit="d" * 40)).cost


def held(each_s: float, requests: int = 100, most: int | None = 50) -> Run:
    """A run of ten seconds whose requests each hold a connection for so long."""
    total_ns = round(each_s * SECOND * requests)
    return make_run(
        latency_ns=(SECOND,) * requests,
        path=("",) * requests,
        levels={
            "db_in_use": LevelTotal(peak=5, held_ns=total_ns, length_ns=10 * SECOND, most=most)
        },
        operations={
            "db.wait": OperationTotal(count=10, busy_ns=5 * SECOND, critical_ns=5 * SECOND)
        },
    )


def test_capacity_by_the_utilisation_law() -> None:
    """
    Fifty connections, each held for 0.2 s a request, are full at 250 requests a second; at ten
    a second two of them are in use, four per cent.
    """
    (one,) = estimates(
        gather(
            decide([held(0.1)], [held(0.2)]),
            {"shop.answer@1": held(0.1)},
            {"shop.answer@1": held(0.2)},
            (),
        )
    )
    page = view_of(held(0.1), held(0.2))

    assert (250.0, 500.0) == (one.full_at_hz, one.base_full_at_hz)
    assert (10.0, 0.04) == (one.rate_hz, one.used_ratio)
    assert ["500/s\u00a0→\u00a0250/s"] == cells(page.capacity, 6)
    assert ["4\u00a0%"] == cells(page.capacity, 4)


def test_a_larger_pool_is_not_the_pool_of_the_base() -> None:
    """
    Twice the pool, held as long, is full at twice the rate: the base is told by its own pool.
    """
    page = view_of(held(0.2, most=25), held(0.2, most=50))

    assert ["25\u00a0→\u00a050"] == cells(page.capacity, 2)
    assert ["125/s\u00a0→\u00a0250/s"] == cells(page.capacity, 6)


def test_no_bound_no_capacity() -> None:
    """
    Without a bounded pool, or of too few requests, nothing is estimated.
    """
    assert None is view_of(held(0.1, most=None), held(0.2, most=None)).capacity
    assert None is view_of(held(0.1, requests=10), held(0.2, requests=10)).capacity


def test_resources_tell_levels_waits_and_bytes() -> None:
    """
    What was held, waited for and sent stands with base, head and change; the changed first.
    """
    base, head = held(0.1), replace(held(0.2), counts={"bytes_sent": 102_400})
    page = view_of(base, head)
    found = dict(
        zip(
            cells(page.resources, 1),
            zip(
                cells(page.resources, 2),
                cells(page.resources, 3),
                cells(page.resources, 4),
                strict=True,
            ),
            strict=True,
        )
    )

    assert ("1", "2", "+100\u00a0%") == found["Database connections in use, mean"]
    assert ("0\u00a0B", "1\u00a0KiB", "from 0") == found["Bytes sent per request"]
    assert "=" == found["Wait for a database connection, per request"][2]
    assert cells(page.resources, 4)[-1] == "="


def test_recommendations_are_in_every_format_for_reading() -> None:
    """
    Fact and action stand on the page, in Markdown and in JSON.
    """
    page = view_of(GOOD, LOST)
    (one, *_) = page.recommendations

    assert page.document["recommendations"]
    for format_ in ("html", "md"):
        text = render(page, format_)  # type: ignore[arg-type]
        assert one.action in text
        assert "as before" in text or one.is_new or format_ == "html"


def test_next_step_mends_the_first_cause() -> None:
    """
    The next step names what mends the cause that the page tells first.
    """
    page = view_of(GOOD, LOST)
    (fact,) = (fact for fact in page.facts if fact.question == "Next step")

    assert page.facts[0].points[0].text.startswith("Cache hits lost")
    assert fact.points[0].text.startswith("Look at what became part of the cache's key")
    assert fact.points[0].text.endswith("Or accept the new values with a reason.")


def test_every_cause_has_a_remedy() -> None:
    """
    Each kind of cause that the rules know can be mended; only plain counts of work cannot say how.
    """
    sources = [
        (Path(gate.__file__).parent / name).read_text() for name in ("cause_rules.py", "causes.py")
    ]
    kinds = set(re.findall(r'"([a-z]+(?:-[a-z+]+)+|serialised)"', " ".join(sources)))

    assert kinds - {"more-work"} == set(REMEDIES)


def test_sections_are_left_out_of_a_history() -> None:
    """
    A report over a range has none of them.
    """
    page = VIEWS["history"]()

    assert (None, None, None, ()) == (
        page.cost,
        page.resources,
        page.capacity,
        page.recommendations,
    )
