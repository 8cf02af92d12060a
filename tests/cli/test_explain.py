"""``agent-perf explain``: of benchmarks, and of words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent_perf.cli.app import cli
from agent_perf.cli.explain import find_meanings
from agent_perf.cli.meanings import MEANINGS
from agent_perf.errors import UsageError
from agent_perf.gate import Level
from agent_perf.records import Outcome, Verdict
from tests.shop import APP, commit, make_shop, write

_ROOT = Path(__file__).parents[2]


def _invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose second of three commits regressed, as the current folder."""
    folder = make_shop(tmp_path / "shop")
    write(folder, "shop_app.py", APP.replace("LOOKUPS = 1", "LOOKUPS = 2"))
    commit(folder, "Look up twice")
    write(folder, "README.md", "A shop")
    commit(folder, "Say what it is")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.slow
def test_a_benchmark_is_explained_from_the_store_or_measured(shop) -> None:
    """The first time it is measured, then read; the cause, counts and the commit are told."""
    first = _invoke("explain", "shop.answer", "HEAD~2")
    _invoke("run", "HEAD~2..HEAD")
    again = _invoke("explain", "shop.answer", "HEAD~2")

    assert "is not stored for both commits: measuring it" in first.stderr
    assert "" == again.stderr
    assert "WHY one more tool call per request (1 → 2)" in again.stdout
    assert re.search(r"^tool calls +1 +2 +\+1$", again.stdout, re.MULTILINE)
    assert re.search(r"^tool\.call look up +base \|.*\| 1x", again.stdout, re.MULTILINE)
    assert "Look up twice  <- made it worse" in again.stdout
    assert "Say what it is\n" in again.stdout
    assert "1 more match: shop.answer@" in again.stdout


@pytest.mark.slow
def test_an_explanation_is_data_too(shop) -> None:
    """As JSON it has causes, counts, operations and commits."""
    told = json.loads(_invoke("explain", "shop.answer@1", "HEAD~2", "--format", "json").stdout)

    assert "shop.answer@1" == told["benchmark"]
    assert ["extra-tool-call"] == [cause["kind"] for cause in told["causes"]]
    assert (120, 240) == (
        told["work"]["base"]["tool_calls"],
        told["work"]["head"]["tool_calls"],
    )


def test_what_is_neither_benchmark_nor_word_is_refused(shop) -> None:
    """With what was probably meant."""
    _invoke("run", "HEAD")
    error = _invoke("explain", "shop.anser").exception

    assert isinstance(error, UsageError)
    assert "did you mean 'shop.answer@" in str(error)


@pytest.mark.parametrize(
    ("word", "kinds"),
    [
        ("4", ["exit code"]),
        ("undecided", ["verdict"]),
        ("n_plus_one", ["cause"]),
        ("slower-within-limit", ["verdict"]),
        ("UNCHANGED", ["verdict"]),
        ("work.db_statements", ["count"]),
        ("success_ratio", ["metric"]),
        ("agent.chat", []),
    ],
)
def test_words_are_found_as_people_write_them(word, kinds) -> None:
    """With dashes, underscores or spaces, and in capitals."""
    assert kinds == [one.kind for one in find_meanings(word)]


def test_every_word_of_a_decision_has_a_meaning() -> None:
    """Verdicts, outcomes, causes and exit codes: whatever is printed can be asked for."""
    said = {one.value for one in Verdict} | {one.value for one in Outcome}
    source = "".join(
        (_ROOT / f"agent_perf/gate/{name}.py").read_text() for name in ("causes", "cause_rules")
    )
    kinds = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source)) | {"serialised"}
    codes = set(
        re.findall(r"exit_code\b[^=\n]*= (\d)", (_ROOT / "agent_perf/errors.py").read_text())
    )
    known = {one.word for one in MEANINGS}

    assert said <= known
    assert kinds == {one.word for one in MEANINGS if one.kind == "cause"}
    assert codes <= {one.word for one in MEANINGS if one.kind == "exit code"}
    assert Level.ERROR.value not in known


def test_the_page_of_words_is_the_table(update_golden) -> None:
    """docs/words.md is made from the table that `explain` reads."""
    lines = [
        "# Words",
        "",
        (
            "What agent-perf prints, and what to do about it: `agent-perf explain WORD` tells the same "
            "in a terminal. This page is made from that table."
        ),
    ]
    for kind in dict.fromkeys(one.kind for one in MEANINGS):
        lines += [
            "",
            f"## {kind.capitalize()}s",
            "",
            f"| {kind} | means | what to do |",
            "|---|---|---|",
        ]
        lines += [
            f"| `{one.word}` | {one.text} | {one.way_out} |" for one in MEANINGS if one.kind == kind
        ]
    page = _ROOT / "docs/words.md"
    text = "\n".join(lines) + "\n"
    if update_golden:
        page.write_text(text)

    assert page.read_text() == text
