"""The alert rules come when they have to, and not otherwise: their own tests can fail."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.names import exported_names, named_metrics

FOLDER = Path(__file__).parents[2] / "deploy/prometheus"
RULES = FOLDER / "agent-perf.rules.yml"
TESTS = FOLDER / "agent-perf.rules_test.yml"
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool on PATH")


def test_every_alert_has_a_test() -> None:
    """
    In promtool's file, with what it says.
    """
    tested = re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", TESTS.read_text())

    assert set(ALERTS) == set(tested)


def test_rules_ask_for_metrics_that_there_are(tmp_path: Path) -> None:
    """
    Each name is one that our components export under the names of the guide.
    """
    expressions = re.sub(r"#.*|(summary|description|alert): .*", "", RULES.read_text())

    assert named_metrics(expressions) <= exported_names(tmp_path)


def promtool(folder: Path, rules: str) -> int:
    """Return the exit code of the rules' tests, with *rules* for the rules."""
    (folder / RULES.name).write_text(rules)
    (folder / TESTS.name).write_text(TESTS.read_text())
    command = ["promtool", "test", "rules", str(folder / TESTS.name)]
    return subprocess.run(command, capture_output=True, check=False).returncode


@needs_promtool
@pytest.mark.slow
def test_prometheus_takes_them(tmp_path: Path) -> None:
    """
    promtool takes rules and example configuration, and the rules pass their tests.
    """
    for kind, name in (("rules", RULES.name), ("config", "prometheus.yml")):
        subprocess.run(["promtool", "check", kind, str(FOLDER / name)], check=True)

    assert 0 == promtool(tmp_path, RULES.read_text())


MUTATIONS = {
    "a guard": (r"\n +and sum by [^\n]*(\n[^\n]*\]\)\))?", ""),
    "the time it has to last": (r"for: \d+m", "for: 0s"),
    "any limit": (r"(?<= )[<>] [\d.]+", "> 1e9"),
    "the other direction": (r"> 0\.001", "< 0.001"),
    "the least": (r"min_over_time", "max_over_time"),
    "the queue": (r"min_over_time\(agent_perf_events_waiting\[5m\]\) > 0", "vector(1) > 0"),
    "what is set aside": (r" - agent_perf_budget_reserved_usd", ""),
}


@needs_promtool
@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_changed_rule_is_noticed(mutation: str, tmp_path: Path) -> None:
    """
    Without any one of its parts a rule fails its tests, each place by itself.
    """
    pattern, instead = MUTATIONS[mutation]
    text = RULES.read_text()
    places = list(re.finditer(pattern, text))

    unnoticed = []
    for place in places:
        changed = text[: place.start()] + instead + text[place.end() :]
        if promtool(tmp_path, changed) == 0:
            unnoticed.append(f"line {text.count(chr(10), 0, place.start()) + 1}: {place[0]}")

    assert places
    assert [] == unnoticed
