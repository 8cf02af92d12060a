"""Hostile names on what verbs print and write of services: no terminal and no path obeys them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_perf.cli.canary_text import canary_document, canary_markdown, result_lines
from agent_perf.cli.load_report import Telling, tell_load
from agent_perf.cli.next_commands import this_again
from agent_perf.cli.output import plain
from agent_perf.cli.smoke import _line
from agent_perf.cli.smoke_junit import write_junit
from agent_perf.live.canary import Answer, CanaryResult, SideSeen, StepResult
from agent_perf.live.smoke import CheckOutcome, CheckResult, SmokeResult
from agent_perf.records import LoadRun
from agent_perf.report.markdown import escape_markdown
from tests.report import hostile
from tests.report.hostile import NAMES, harmless

WRITABLE = [name for name in NAMES if name != "surrogate"]
"""What files hold is what was taken down, where halves of surrogates are written out."""


@pytest.mark.parametrize("name", WRITABLE)
@pytest.mark.parametrize("build", [hostile.service_run, hostile.chaos_run])
def test_a_load_prints_what_nothing_obeys(
    build: Callable[[str], LoadRun],
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    Lines are as many as with a plain name, hold no control character, and files stay in their
    folder.
    """
    counts = []
    for text in (harmless(NAMES[name]), NAMES[name]):
        folder = tmp_path / "reports" / str(len(counts)) / "load"
        telling = Telling(folder=folder, title=text, form="text", undecided="fail")
        tell_load(build(text), telling)
        told = capsys.readouterr()
        counts.append(told.out.count("\n"))

        assert told.out.replace("\n", "").isprintable()
        assert told.err.replace("\n", "").isprintable()
        assert [folder] == list(folder.parent.iterdir())
        assert [".json", ".svg"] == sorted(one.suffix for one in folder.iterdir() if one.is_file())
    assert counts[0] == counts[1]
    assert ["reports"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("name", NAMES)
def test_a_smoke_test_tells_what_nothing_obeys(name: str, tmp_path: Path) -> None:
    """
    A line is a line, and JUnit has the elements that it has with a plain name.
    """
    shapes = []
    for text in (harmless(NAMES[name]), NAMES[name]):
        checks = tuple(
            CheckResult(name=text, request=text, outcome=outcome, detail=text, status=500)
            for outcome in CheckOutcome
        )
        path = tmp_path / "smoke.xml"
        write_junit(path, SmokeResult(url=text, waited_s=0.0, checks=checks))
        root = ET.parse(path).getroot()
        shapes.append([(one.tag, sorted(one.attrib)) for one in root.iter()])

        assert all(_line(check).isprintable() for check in checks)
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_canary_tells_what_nothing_obeys(name: str) -> None:
    """
    What a service said of its failure is on one line of the terminal, and not in the Markdown;
    notes are there, escaped.
    """
    lines, pages = [], []
    for text in (harmless(NAMES[name]), NAMES[name]):
        side = SideSeen(
            requests=9, failed=1, errors={text: 1}, detail=text, p50_s=None, p95_s=None, p99_s=None
        )
        step = StepResult(
            number=1,
            share=0.5,
            answer=Answer.OPEN,
            length_s=1.0,
            stable=side,
            candidate=side,
            findings=(),
            notes=(text,),
        )
        result = CanaryResult(stable=text, candidate=text, steps=(step,), planned=1)
        lines.append([plain(line) for line in result_lines(result)])
        pages.append(
            canary_markdown(result).replace(f": {escape_markdown(plain(text))}\n", ": note\n")
        )

        assert all(line.isprintable() for line in lines[-1])
        assert "canary" == json.loads(json.dumps(canary_document(result, exit_code=4)))["schema"]
    assert len(lines[0]) == len(lines[1])
    assert pages[0] == pages[1]
    assert ": note\n" in pages[0]


def test_the_command_of_a_report_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Passwords of services on a command line do not come into the report that repeats it.
    """
    monkeypatch.setenv("SHOP_TOKEN", "planted-3f2a9c")
    url = "--redis-url=redis://:planted-77ab10cd@127.0.0.1/1"
    monkeypatch.setattr("sys.argv", ["x", "load", "shop.ask", url, "planted-3f2a9c"])

    line = this_again("Again").line

    assert "planted" not in line
    assert line.startswith("agent-perf load shop.ask '--redis-url=redis://[redacted]@127.0.0.1/1'")
