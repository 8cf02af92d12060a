from __future__ import annotations

from pathlib import Path

from agent_perf.asv_plugin.pages import verdict_view, version_views
from agent_perf.config import Config
from agent_perf.history import AsvShelf, AsvValue, ResultStore, machine_name
from agent_perf.records import Evidence
from agent_perf.report import render
from tests.runs import make_run


def value(version: str, seconds: float, requirement: str = "redis") -> AsvValue:
    return AsvValue(
        benchmark="client.time_get",
        commit="c" * 40,
        date_ms=1,
        machine="m",
        python="3.11",
        requirements={requirement: version},
        unit="s",
        evidence=Evidence.SAMPLED,
        value=seconds,
        interval=(seconds * 0.98, seconds * 1.02),
        sample_count=10,
    )


def test_nothing_stored_is_no_pass(tmp_path: Path) -> None:
    """
    Without a stored run the page says that nothing was measured.
    """
    view = verdict_view(tmp_path, Config(), {"c" * 40: "A commit"}, "shop")

    assert "NOTHING MEASURED" in render(view, "html")
    assert () == view.rows


def test_targets_are_those_of_the_configuration(tmp_path: Path) -> None:
    """
    The page shows what the project holds a run to, and not what its scenario declares alone.
    """
    run = make_run(targets={"latency.p95": 2.0, "latency.p50": 1.0})
    config = Config(targets={"shop.*": {"latency.p95": "15ms"}})
    ResultStore(root=tmp_path / config.results, machine=machine_name()).save(run)
    table = verdict_view(tmp_path, config, {run.commit: "A commit"}, "shop").targets

    assert table is not None
    assert {("latency.p95", "15\u00a0ms"), ("latency.p50", "1\u00a0s")} == {
        (row[1], row[3]) for row in table.rows
    }


def test_versions_and_their_steps() -> None:
    """
    The page of a requirement names the version at which something became dearer, and by
    how much.
    """
    values = (value("7.1.0", 30e-6), value("8.0.0", 45e-6), value("8.1.0", 46e-6))
    views = version_views(AsvShelf(values=values, skipped=()))
    pages = {name: render(view, "html") for name, view in views.items()}

    assert ["redis"] == list(pages)
    assert "redis 8.0.0" in pages["redis"]
    assert "+50" in pages["redis"]


def test_one_version_is_no_history() -> None:
    """
    A requirement with one version, or none, has no page.
    """
    values = (value("7.1.0", 30e-6), value("", 30e-6, "httpx"))

    assert {} == version_views(AsvShelf(values=values, skipped=()))
