"""The doctor in a small project, from the command line to the report."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from agent_perf.cli.doctor import BROKEN, HEALTHY, TOO_NOISY, Diagnosis, exit_code_of
from agent_perf.cli.doctor_text import noise_lines
from agent_perf.errors import StoreError
from agent_perf.history import NoiseStore
from agent_perf.records import Failure
from agent_perf.suite import Fitness, HealthCheck, NoiseFindings
from tests.cli.command import agent_perf
from tests.report.duet_samples import NOISE
from tests.shop import commit, make_shop, write

MICRO = """\
class Work:
    def time_sum(self):
        return sum(range(2000))

    def time_sort(self):
        return sorted(range(2000), key=lambda n: -n)
"""

FINDINGS = NoiseFindings(
    metrics=NOISE.metrics,
    failures=(),
    found_count=40,
    unmeasured=(),
    spent_s=48.0,
    interrupted=False,
)
GOOD = HealthCheck(name="Cores", fitness=Fitness.GOOD, found="4")
QUIET = replace(NOISE, metrics=NOISE.metrics[1:])


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = make_shop(tmp_path / "shop")
    write(folder, "benchmarks/micro.py", MICRO)
    commit(folder, "Benchmark work")
    return folder


@pytest.mark.slow
def test_noise_is_measured_kept_and_told_in_reports(shop) -> None:
    """The machine's noise is printed, stored, and stands under "How sure" of the next report."""
    done = agent_perf(
        shop, "doctor", "--only", "*time_sum", "--time-budget", "30", "--format", "json"
    )
    told = json.loads(done.stdout)
    compared = agent_perf(shop, "compare", "HEAD~1", "worktree", "--time-budget", "5")
    # The same code: without --fresh it would be spared, and no machine would matter.
    options = ("--only", "*time_sum", "--time-budget", "5", "--fresh")
    between = agent_perf(shop, "compare", "HEAD", "worktree", *options)
    report = json.loads((shop / "reports/report.json").read_text())

    assert done.returncode in {HEALTHY, TOO_NOISY}, done.stderr
    assert {"checks", "noise", "findings"} == set(told)
    metrics = {one["metric"]: one for one in told["noise"]["metrics"]}
    assert {"cpu.median", "cpu.mean", "cpu.p95"} == set(metrics)
    assert {"micro.Work.time_sum"} == {one["benchmark"] for one in metrics.values()}
    assert 0 < metrics["cpu.median"]["noise_ratio"] < 1
    assert metrics["cpu.median"]["design_effect"] > 0
    assert [0.15, 0.1, 0.05] == [
        one["limit_ratio"] for one in metrics["cpu.median"]["rounds_needed"]
    ]
    assert compared.returncode in {0, 4}
    assert between.returncode in {0, 4}
    assert told["noise"]["measured_at"] == report["machine_noise"]["measured_at"]
    assert "varies by ±" in (shop / "reports/index.html").read_text()


def test_without_noise_only_the_machine_is_looked_at(tmp_path) -> None:
    """No project is needed for that, and nothing is written."""
    done = agent_perf(tmp_path, "doctor", "--no-noise")

    assert 0 == done.returncode, done.stderr
    assert re.search(r"^✓ Python +CPython 3\.", done.stdout, re.MULTILINE)
    assert re.search(r"^. Cores ", done.stdout, re.MULTILINE)
    assert "is not in a git repository" in done.stdout
    assert [] == list(tmp_path.iterdir())


def test_outside_a_project_noise_cannot_be_measured(tmp_path) -> None:
    assert 2 == agent_perf(tmp_path, "doctor").returncode


@pytest.mark.slow
def test_a_project_without_micro_benchmarks_is_told_so(tmp_path) -> None:
    """Scenarios run in virtual time: there is no noise to measure, and nothing is wrong."""
    done = agent_perf(make_shop(tmp_path / "shop"), "doctor", "--time-budget", "5")

    assert 0 == done.returncode, done.stderr
    assert "Noise is not known: there is no micro-benchmark" in done.stdout
    assert not list(tmp_path.glob("shop/.agent-perf/results/*/noise-*"))


@pytest.mark.slow
def test_a_broken_benchmark_ends_with_3(tmp_path) -> None:
    shop = make_shop(tmp_path / "shop")
    write(shop, "benchmarks/micro.py", "def time_it():\n    raise ValueError('no')\n")

    done = agent_perf(shop, "doctor", "--time-budget", "5")

    assert 3 == done.returncode
    assert "micro.time_it gave no value (raised: ValueError: no)" in done.stderr


@pytest.mark.parametrize(
    ("diagnosis", "code"),
    [
        (Diagnosis(checks=(GOOD,)), HEALTHY),
        (Diagnosis(checks=(replace(GOOD, fitness=Fitness.WARNING),)), HEALTHY),
        (Diagnosis(checks=(replace(GOOD, fitness=Fitness.BROKEN),)), BROKEN),
        (Diagnosis(checks=(GOOD,), noise=QUIET, findings=FINDINGS), HEALTHY),
        (Diagnosis(checks=(GOOD,), noise=NOISE, findings=FINDINGS), TOO_NOISY),
        (
            Diagnosis(checks=(GOOD,), noise=QUIET, findings=replace(FINDINGS, unmeasured=("b",))),
            TOO_NOISY,
        ),
        (Diagnosis(checks=(GOOD,), noise=NOISE, findings=replace(FINDINGS, interrupted=True)), 130),
        (
            Diagnosis(
                checks=(GOOD,),
                noise=QUIET,
                findings=replace(
                    FINDINGS,
                    failures=(
                        Failure(benchmark="b", commit="worktree", category="raised", message="x"),
                    ),
                ),
            ),
            BROKEN,
        ),
    ],
)
def test_exit_codes(diagnosis, code) -> None:
    """Warnings are no failure; too much noise is 4, as everything that is undecided."""
    assert code == exit_code_of(diagnosis)


def test_advice_in_plain_words() -> None:
    """What varies most comes first, with what it means, by name."""
    lines = list(noise_lines(NOISE, FINDINGS))
    text = "\n".join(lines)

    assert " ±14.2 %      –      –      –  cache.Memory.cpu_get_hit cpu.p95" == lines[2]
    assert "  ±1.2 %      5      5      8  pool.Checkout.cpu_fast cpu.p95" == lines[3]
    assert (
        "2 of 40 benchmarks were measured against themselves in 12 rounds or more, in 48 s." in text
    )
    assert "1 of 2 metrics vary by more than 10 % between rounds: cache.Memory.cpu_get_hit" in text
    assert "A limit of 15 % cannot be judged for 1 of 2 metrics: cache.Memory.cpu_get_hit" in text
    assert "cried wolf in 3 of 24 rounds" in text
    assert "rounds differ 7 times as much" in text
    assert "To judge a limit of 15 %: 1.0 s for a typical benchmark" in text


def test_quiet_and_biased_machines_are_told() -> None:
    leaning = replace(QUIET.metrics[0], bias_ratio=0.08, design_effect=None)
    text = "\n".join(noise_lines(replace(QUIET, metrics=(leaning,)), FINDINGS))

    assert "No metric varies by more than 10 % between rounds; the most is ±1.2 %." in text
    assert "pool.Checkout.cpu_fast cpu.p95 favours a side (+8.0 % for equal code)" in text
    assert "alike" not in text


def test_sessions_are_kept_and_the_last_one_counts(tmp_path) -> None:
    """A store without sessions has none; damaged files are told."""
    store = NoiseStore(root=tmp_path, machine="bench-1")
    assert store.latest() is None

    later = replace(NOISE, measured_at="2026-02-01T00:00:00Z", spent_s=1.0)
    path = store.save(later)
    store.save(NOISE)

    assert later == store.latest()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match="is not a whole agent-perf file"):
        store.latest()


def test_a_file_that_does_not_import_ends_with_3(shop) -> None:
    """Nothing is measured before it is mended: not "too noisy", but broken, with its name."""
    write(shop, "benchmarks/worse.py", "import nothing_of_that_name\n")
    done = agent_perf(shop, "doctor", "--format", "json")

    assert BROKEN == done.returncode
    checks = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert "broken" == checks["Scenarios"]["fitness"]
    assert "nothing_of_that_name" in checks["Scenarios"]["found"]
