"""`agent-perf ci` on a small real repository, as a CI runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent_perf.cli.ci import CODE_QUALITY
from agent_perf.cli.verbs.ci import verb
from agent_perf.errors import RepositoryError
from tests.cli.command import agent_perf
from tests.shop import APP, commit, git, make_shop, write

NO_CI = {"GITHUB_ACTIONS": "", "GITLAB_CI": "", "GITHUB_STEP_SUMMARY": "", "GITHUB_OUTPUT": ""}


def ci(*arguments: str, **environ: str) -> Result:
    """Run the verb in this process, with the variables of no CI but *environ*."""
    return CliRunner().invoke(verb, arguments, env=NO_CI | environ)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """main, and a branch that looks up twice; measured before, so that tests judge only."""
    folder = make_shop(tmp_path_factory.mktemp("ci") / "shop")
    git(folder, "checkout", "--quiet", "-b", "mine")
    write(folder, "shop_app.py", APP.replace("LOOKUPS = 1", "LOOKUPS = 2"))
    commit(folder, "Look up twice")
    assert 0 == agent_perf(folder, "run", "main..HEAD").returncode
    return folder


@pytest.fixture(autouse=True)
def _inside(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop)


def test_github_is_told(shop: Path, tmp_path: Path) -> None:
    """
    GITHUB_BASE_REF names the base; annotations, summary and outputs tell of the regression.
    """
    summary, output = tmp_path / "summary", tmp_path / "output"
    summary.write_text("what a step before wrote")
    done = agent_perf(
        shop,
        "ci",
        **NO_CI
        | {
            "GITHUB_ACTIONS": "true",
            "GITHUB_BASE_REF": "main",
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_OUTPUT": str(output),
        },
    )
    values = dict(line.split("=", 1) for line in output.read_text().splitlines())

    assert 1 == done.returncode
    assert "FAIL shop.answer@1 work.tool_calls observed=120->240(+100%) limit=+0%" in done.stdout
    assert "\n::error file=benchmarks/shop.py,line=5,title=shop.answer@1 " in done.stdout
    assert "what a step before wrote\n\n" in summary.read_text()
    assert "## ✗ FAIL: shop.answer@" in summary.read_text()
    assert "(by GITHUB_BASE_REF)" in (shop / "reports/index.html").read_text()
    assert {
        "verdict": "fail",
        "exit-code": "1",
        "base": git(shop, "rev-parse", "main"),
        "head": git(shop, "rev-parse", "HEAD"),
        "report": "reports/index.html",
        "markdown": "reports/report.md",
    } == values


def test_gitlab_is_told(shop: Path, tmp_path: Path) -> None:
    """
    The base is the commit that GitLab names; the code quality report lies beside the others.
    """
    base = git(shop, "rev-parse", "main")
    done = ci("--reports", str(tmp_path), GITLAB_CI="true", CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
    entries = json.loads((tmp_path / CODE_QUALITY).read_text())

    assert 1 == done.exit_code
    assert "::error" not in done.stdout
    assert {"benchmarks/shop.py"} == {one["location"]["path"] for one in entries}
    assert {"index.html", "junit.xml", "report.json", "report.md"} < {
        path.name for path in tmp_path.iterdir()
    }


@pytest.mark.slow
def test_at_a_shell_it_says_what_the_ci_will(tmp_path: Path) -> None:
    """
    Without a CI's variables: the same verdict, and nothing that only a CI can read.
    """
    done = ci("--reports", str(tmp_path))

    assert 1 == done.exit_code
    assert "FAIL shop.answer@1 work.tool_calls" in done.stdout
    assert "::" not in done.stdout
    assert not (tmp_path / CODE_QUALITY).exists()


@pytest.mark.slow
def test_json_stays_json(tmp_path: Path) -> None:
    """
    With --format json the annotations go to standard error, where the runner reads them too.
    """
    done = ci("--format=json", "--annotations=github", "--base=main", f"--reports={tmp_path}")

    assert "fail" == json.loads(done.stdout)["outcome"]
    assert "::error file=benchmarks/shop.py" in done.stderr


def test_a_base_that_is_not_there_is_told_to_the_ci(tmp_path: Path) -> None:
    """
    A clone without the target branch ends with 2, with the way out, as an annotation too.
    """
    output = tmp_path / "output"
    done = ci(GITHUB_ACTIONS="true", GITHUB_BASE_REF="next", GITHUB_OUTPUT=str(output))

    assert isinstance(done.exception, RepositoryError)
    assert 2 == done.exception.exit_code
    assert "::error title=agent-perf::GITHUB_BASE_REF names branch 'next'" in done.stderr
    assert "fetch-depth: 0" in str(done.exception)
    assert "verdict=error\nexit-code=2\n" == output.read_text()


@pytest.mark.slow
def test_a_full_summary_is_told(tmp_path: Path) -> None:
    """
    GitHub refuses a summary above 1 MiB whole: what a step wrote before stays, and that is told.
    """
    summary = tmp_path / "summary"
    summary.write_text("x" * (1024 * 1024 - 100))
    done = ci(f"--reports={tmp_path}", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))

    assert 1 == done.exit_code
    assert 1024 * 1024 - 100 == summary.stat().st_size
    assert "the report is not in it" in done.stderr


@pytest.mark.parametrize("text", ["5 parsecs", "-1", "nan", "", "m"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    """
    A budget is a length of time, and what was written is named.
    """
    done = ci("--time-budget", text)

    assert 2 == done.exit_code
    assert f"{text!r} is no length of time" in done.stderr
