"""Remarks beside the code, as GitHub and GitLab take them."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from agent_perf.report import (
    Place,
    error_command,
    github_commands,
    gitlab_code_quality,
    make_remarks,
)
from agent_perf.report.annotations import LEVEL_MAX
from agent_perf.report.view import Case
from tests.report.views import VIEWS

PLACE = Place(path="benchmarks/agent,1:2.py", line=7)


def unescaped(command: str) -> tuple[str, dict[str, str], str]:
    """Read a workflow command as the runner does (actions/runner, ActionCommand.TryParseV2)."""
    found = re.fullmatch(r"::([a-z]+) (.*?)::(.*)", command, re.DOTALL)
    assert found is not None

    def plain(text: str) -> str:
        for code, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            text = text.replace(code, sign)
        return text

    pairs = (pair.partition("=") for pair in found[2].split(","))
    return found[1], {key: plain(value) for key, _, value in pairs}, plain(found[3])


def test_what_is_written_is_read() -> None:
    """
    Title, file, line and message come out of the runner's parser as they went in.
    """
    view = replace(
        VIEWS["nothing"](),
        cases=(
            Case(
                group="a@1, b::c%",
                name="latency.p95",
                state="failure",
                kind="change-above-limit",
                message="100 % more\r\n::error::forged",
            ),
        ),
    )
    (command,) = github_commands(make_remarks(view, {"a@1, b::c%": PLACE}))
    level, properties, message = unescaped(command)

    assert "error" == level
    assert {
        "file": "benchmarks/agent,1:2.py",
        "line": "7",
        "title": "a@1, b::c% latency.p95: change above limit",
    } == properties
    assert "latency.p95: 100 % more\r\n::error::forged" == message
    assert 1 == len(command.splitlines())


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("small", {"error"}),
        ("undecided", {"warning"}),
        ("broken", {"error"}),
        ("nothing", {"error"}),
        ("all_waived", {"notice"}),
        ("passed", set()),
    ],
)
def test_levels(name: str, levels: set[str]) -> None:
    """
    What fails is an error, what has no answer a warning, what is accepted a notice.
    """
    assert levels == {remark.level for remark in make_remarks(VIEWS[name](), {})}


def test_one_remark_for_a_benchmark() -> None:
    """
    Six metrics of one benchmark are one remark, which names all of them and the cause once.
    """
    view = VIEWS["small"]()
    remarks = make_remarks(view, {})
    chat = next(one for one in remarks if one.names[0] == "agent.chat@200")
    failed = [case for case in view.cases if case.group == "agent.chat@200" and case.kind]

    assert len(failed) > 1
    assert all(f"{case.name}: {case.message}" in chat.message for case in failed)
    assert 1 == chat.message.count(failed[0].text)


def test_no_more_than_are_shown() -> None:
    """
    GitHub shows ten of a level: the tenth of eleven names those that are left out.
    """
    case = Case(group="", name="m", state="failure", kind="k", message="worse")
    cases = tuple(replace(case, group=f"b{index}") for index in range(LEVEL_MAX + 1))
    commands = github_commands(make_remarks(replace(VIEWS["nothing"](), cases=cases), {}))
    level, properties, message = unescaped(commands[-1])

    assert LEVEL_MAX == len(commands)
    assert ("error", "2 more benchmarks", "b9, b10") == (level, properties["title"], message)


def test_code_quality() -> None:
    """
    GitLab wants these fields in each entry, a relative path, and fingerprints that differ.
    """
    view = VIEWS["small"]()
    remarks = make_remarks(view, {"agent.chat@200": PLACE})
    entries = json.loads(gitlab_code_quality(remarks, default_path="benchmarks"))

    assert len(remarks) == len(entries) == len({one["fingerprint"] for one in entries})
    assert all(
        {"description", "check_name", "fingerprint", "severity", "location"} == set(one)
        for one in entries
    )
    assert {"major"} == {one["severity"] for one in entries}
    assert {"path": PLACE.path, "lines": {"begin": 7}} in [one["location"] for one in entries]


def test_a_finding_keeps_its_fingerprint() -> None:
    """
    Other figures are the same finding, so that GitLab does not call it fixed and new.
    """
    view = VIEWS["small"]()
    moved = replace(view, cases=tuple(replace(one, message="other") for one in view.cases))

    def prints(one: object) -> list[str]:
        report = gitlab_code_quality(make_remarks(one, {}), default_path="b")  # type: ignore[arg-type]
        return [entry["fingerprint"] for entry in json.loads(report)]

    assert prints(view) == prints(moved)


def test_a_pass_is_an_empty_list() -> None:
    """
    GitLab compares with an empty report, and not with a missing one.
    """
    assert [] == json.loads(
        gitlab_code_quality(make_remarks(VIEWS["passed"](), {}), default_path="b")
    )


def test_an_error_without_a_report() -> None:
    """
    What keeps anything from being judged is told beside the diff as well.
    """
    assert "::error title=agent-perf::no base%0Ahere" == error_command("no base\nhere")
