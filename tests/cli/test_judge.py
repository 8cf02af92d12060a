"""``agent-perf judge``: files of other tools, from the command line to the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent_perf.cli.verbs.judge import verb as judge
from agent_perf.cli.verbs.report import verb as report
from agent_perf.errors import AgentPerfError, StoreError, UsageError
from tests.intake.documents import COMMITS, document, write
from tests.intake.reading import FILES
from tests.shop import git

NOISE = (1.0, 1.008, 0.991, 1.004, 0.996, 1.01, 0.99, 1.002, 0.999, 1.006)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    git(tmp_path, "init", "--quiet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_files(folder: Path, by: float, count: int = 10) -> list[str]:
    """Write files of processes that took turns, the head *by* times as slow; return options."""
    words = []
    for side, offset, factor in (("base", 0, 1.0), ("head", 1, by)):
        words.append(f"--{side}")
        for index in range(count):
            path = folder / f"{side}-{index}.json"
            median = 1e-6 * factor * NOISE[(index + 3 * offset) % 10]
            write(
                path,
                document(
                    {"test_get[lru]": median}, minute=2 * index + offset, commit=COMMITS[side]
                ),
            )
            words.append(path.name)
    return words


def ask(*words: str) -> Result:
    return CliRunner().invoke(judge, words, standalone_mode=False)


@pytest.mark.parametrize(("by", "code"), [(1.0, 0), (1.5, 1)])
def test_files_are_judged(project: Path, by: float, code: int) -> None:
    """
    Options take as many files as a shell gives them; the report is that of a comparison.
    """
    done = CliRunner().invoke(judge, make_files(project, by), prog_name="judge")
    report = json.loads((project / "reports/report.json").read_text())

    assert code == done.exit_code
    assert ["regressed" if code else "unchanged"] == [
        one["verdict"] for one in report["comparisons"]
    ]
    assert (
        "agent-perf accept 'tests/test_a.py::test_get[lru]' wall.median"
        in (project / "reports/index.html").read_text().replace("&#39;", "'")
    ) is bool(code)


def test_a_folder_for_reports_is_named_from_the_current_one(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What is typed in a folder of the project lies there; what the configuration says, in its top.
    """
    (project / "bench").mkdir()
    monkeypatch.chdir(project / "bench")
    words = make_files(project / "bench", 1.0, count=1)
    ask(*words, "--reports", "told")
    ask(*words)

    assert (project / "bench/told/report.json").is_file()
    assert (project / "reports/report.json").is_file()


def test_a_waiver_covers_them(project: Path) -> None:
    """
    What the report says to type accepts exactly what failed, brackets and all.
    """
    (project / "agent-perf-waivers.toml").write_text(
        '[[waiver]]\nbenchmark = "tests/test_a.py::test_get[lru]"\nmetric = "wall.median"\n'
        'reason = "x"\nuntil = 2999-01-01\n'
    )
    done = CliRunner().invoke(judge, make_files(project, 1.5), prog_name="judge")

    assert 0 == done.exit_code
    assert "WAIVED tests/test_a.py::test_get[lru] wall.median" in done.output


def test_one_process_a_side_is_undecided(project: Path) -> None:
    """
    One file a side ends with 4, or 0 if asked for.
    """
    words = make_files(project, 1.5, count=1)

    assert 4 == CliRunner().invoke(judge, words).exit_code
    assert 0 == CliRunner().invoke(judge, [*words, "--undecided", "pass"]).exit_code


def test_folders_stand_for_their_files(project: Path) -> None:
    """
    A folder gives its *.json; one without any is refused.
    """
    make_files(project, 1.0)
    for side in ("base", "head"):
        (project / side).mkdir()
        for path in project.glob(f"{side}-*.json"):
            path.rename(project / side / path.name)

    assert 0 == CliRunner().invoke(judge, ["--base", "base", "--head", "head"]).exit_code
    (project / "none").mkdir()
    error = ask("--base", "base", "--head", "none").exception
    assert isinstance(error, AgentPerfError)
    assert "no result in the folder none" in str(error)


def test_what_is_missing_is_named(project: Path) -> None:
    """
    A file that is not there, a side without files and a file of another tool end with an error.
    """
    words = make_files(project, 1.0, count=1)
    (project / "other.json").write_text('{"metric": {}}')

    assert "head" in str(ask("--base", "base-0.json").exception)
    assert "nix.json" in str(ask(*words, "nix.json").exception)
    assert isinstance(ask(*words, "other.json").exception, StoreError)


@pytest.mark.parametrize(
    ("name", "code", "line"),
    [
        ("k6-1.1.0/handle-summary.json", 1, "FAIL http_req_duration success_ratio observed=90.25%"),
        ("locust-2.47.0/stats.json", 1, "FAIL Aggregated success_ratio observed=95.88%"),
        ("aiperf-0.13.0/good.json", 0, "PASS no base"),
        ("aiperf-0.13.0/goodput0.json", 1, "FAIL tiny@4 goodput observed=0/s"),
        ("guidellm-0.8.1/partial.json", 1, "FAIL concurrent@2 success_ratio observed=70%"),
        ("guidellm-0.8.1/failed.json", 3, "BROKEN synchronous failed: 20 of 20 requests failed"),
        ("hyperfine-1.15.0/failing.json", 3, "5 of 5 runs failed (exit code 3)"),
        ("asv-0.6.6/914d6a73-existing.json", 3, "BROKEN b.time_fails"),
    ],
)
def test_one_file_is_held_to_targets(project: Path, name: str, code: int, line: str) -> None:
    """
    Of a service 99.9 % are answered, and a benchmark that gave no value is no pass, whatever
    its tool ended with.
    """
    done = CliRunner().invoke(judge, ["--head", str(FILES / name)])

    assert code == done.exit_code
    assert line in done.output
    assert (project / "reports/index.html").exists()


def test_targets_of_the_project_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without any repository, too: they replace those of a service, and one that no file tells
    of is undecided.
    """
    monkeypatch.chdir(tmp_path)
    own = '[targets."http_req_duration"]\nsuccess_ratio = "90%"\n"latency.p95" = "{}"\n'
    k6 = str(FILES / "k6-1.1.0/handle-summary.json")
    (tmp_path / "agent-perf.toml").write_text(own.format("16ms"))
    kept = CliRunner().invoke(judge, ["--head", k6])
    (tmp_path / "agent-perf.toml").write_text(own.format("15ms"))
    missed = CliRunner().invoke(judge, ["--head", k6])
    (tmp_path / "agent-perf.toml").write_text('[targets."*"]\ngoodput = "5"\n')
    untold = CliRunner().invoke(
        judge, ["--head", str(FILES / "aiperf-0.13.0/partial.jsonl"), "--format", "json"]
    )

    assert (0, 1) == (kept.exit_code, missed.exit_code)
    assert "observed=15.37ms limit=15ms" in missed.output
    assert "goodput" in untold.output
    assert "no file has it" in untold.output


def test_nothing_to_hold_it_to_is_no_pass(project: Path) -> None:
    """
    A time without base and target says nothing.
    """
    error = ask("--head", str(FILES / "hyperfine-1.15.0/two-commands.json")).exception

    assert isinstance(error, UsageError)
    assert "nothing to hold the head to" in str(error)


@pytest.mark.parametrize(("by", "code"), [(1.0, 0), (1.5, 1)])
def test_rounds_of_one_file_are_judged(project: Path, by: float, code: int) -> None:
    """
    Twelve runs of a command on either side are twelve rounds, with the first to suspect and
    the rest to confirm.
    """
    held = json.loads((FILES / "hyperfine-1.15.0/two-commands.json").read_text())
    for side, factor, offset in (("base", 1.0, 0), ("head", by, 3)):
        for result in held["results"]:
            result["times"] = [0.1 * factor * NOISE[(n + offset) % 10] for n in range(12)]
        (project / f"{side}.json").write_text(json.dumps(held))
    done = CliRunner().invoke(judge, ["--base", "base.json", "--head", "head.json"])

    assert code == done.exit_code
    assert "hyperfine does not tell when" in done.output


def test_what_is_named_twice_counts_once(project: Path) -> None:
    """
    A file that two patterns find is no second process, nor is a side of one tool comparable
    with a side of another.
    """
    words = make_files(project, 1.0, count=1)

    assert "is named twice" in str(ask(*words, "head-0.json").exception)
    other = str(FILES / "k6-1.1.0/handle-summary.json")
    assert "name files of one tool" in str(ask(*words, other).exception)


def test_a_report_of_files_alone(project: Path) -> None:
    """
    `report FILE` shows what `judge` would say, and ends with 0.
    """
    done = CliRunner().invoke(report, [str(FILES / "locust-2.47.0/stats.json")])
    error = CliRunner().invoke(report, ["a", "b"], standalone_mode=False).exception

    assert 0 == done.exit_code
    assert "GET flaky, sometimes" in (project / "reports/index.html").read_text()
    assert "want one range" in str(error)


def test_targets_that_hold_are_shown(project: Path) -> None:
    """
    With headroom; of a share that should be large, what is below its target is missed.
    """
    CliRunner().invoke(report, [str(FILES / "locust-2.47.0/stats.json")])
    page = (project / "reports/report.md").read_text()
    held = json.loads((project / "reports/report.json").read_text())["benchmarks"]

    assert {"latency.p95": 2.0, "success_ratio": 0.999} == next(
        one["targets"] for one in held if one["name"] == "GET /hello"
    )
    assert "99.2\u00a0%" in (project / "reports/index.html").read_text()
    assert "missed by 4.025\u00a0%" in page
