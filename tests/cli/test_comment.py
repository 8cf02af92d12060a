"""`agent-perf comment`, against a server that plays both APIs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import respx
from click.testing import CliRunner, Result

from agent_perf.cli.comment_api import CommentApi, ForgeError
from agent_perf.cli.comment_thread import Comment, Thread, find_thread, own_comment
from agent_perf.cli.verbs.comment import verb
from agent_perf.errors import AgentPerfError, UsageError
from tests.cli.forge_server import PAGE_COUNT, TOKEN, State, serve

MARKER = "<!-- agent-perf:shop -->"
OLD, NEW = f"{MARKER}\n## ✓ PASS: old\n", f"{MARKER}\n## ✗ FAIL: new\n"
FORGES = ("github", "gitlab")
NO_CI = (
    *("GITHUB_ACTIONS", "GITHUB_EVENT_PATH", "GITHUB_REF", "GITHUB_RUN_ID", "GH_TOKEN"),
    *("GITLAB_CI", "CI_MERGE_REQUEST_PROJECT_ID", "CI_PIPELINE_URL", "GITHUB_REPOSITORY"),
)


@pytest.fixture
def server() -> Iterator[State]:
    with serve(State()) as state:
        yield state


@pytest.fixture(params=FORGES)
def forge(request: pytest.FixtureRequest, server: State) -> str:
    """Both; GitLab's token tells whose it is, that of a GitHub job does not."""
    name = str(request.param)
    server.me = "robot" if name == "gitlab" else None
    return name


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.md"
    path.write_text(NEW)
    return path


def variables(forge: str, server: State, **more: str) -> dict[str, str]:
    """What the CI sets around a pull request #7."""
    those = {
        "github": {
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_API_URL": server.url,
            "GITHUB_TOKEN": TOKEN,
        },
        "gitlab": {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": server.url,
            "CI_PROJECT_ID": "5",
            "CI_MERGE_REQUEST_IID": "7",
            "GITLAB_TOKEN": TOKEN,
        },
    }
    return dict.fromkeys(NO_CI, "") | {"NO_PROXY": "127.0.0.1"} | those[forge] | more


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(verb, arguments, env=environ)


def writes(server: State) -> list[str]:
    return [method for method, _ in server.asked if method != "GET"]


def test_the_first_report_is_a_new_comment(forge: str, server: State, report: Path) -> None:
    """
    Among comments of others, on several pages, there is none of ours: one is added.
    """
    server.comments = {n: (f"comment {n}", "ada") for n in range(1, 2 * PAGE_COUNT + 2)}
    done = run(str(report), **variables(forge, server))

    assert 0 == done.exit_code, done.exception
    assert ["POST"] == writes(server)
    assert NEW.strip() == server.comments[2 * PAGE_COUNT + 2][0].strip()
    assert 3 == sum(method == "GET" and "user" not in path for method, path in server.asked)


def test_the_next_one_replaces_it(forge: str, server: State, report: Path) -> None:
    """
    The comment is found on a later page and gets the new text; no other is touched or added.
    """
    author = server.me or "bot"
    server.comments = {n: (f"comment {n}", "ada") for n in range(1, PAGE_COUNT + 3)}
    server.comments[PAGE_COUNT + 1] = (OLD, author)
    before = dict(server.comments)
    done = run(str(report), **variables(forge, server))
    changed = {n for n, value in server.comments.items() if before.get(n) != value}

    assert 0 == done.exit_code, done.exception
    assert {PAGE_COUNT + 1} == changed
    assert NEW.strip() == server.comments[PAGE_COUNT + 1][0].strip()


def test_the_same_report_is_not_written_again(forge: str, server: State, report: Path) -> None:
    """
    Equal text is left alone: nobody is notified of nothing.
    """
    server.comments = {1: (NEW, server.me or "bot")}
    done = run(str(report), **variables(forge, server))

    assert 0 == done.exit_code
    assert [] == writes(server)


def test_a_deleted_comment_is_written_anew(forge: str, server: State, report: Path) -> None:
    """
    A comment that goes away between reading and writing is added instead.
    """
    server.comments, server.vanished = {1: (OLD, server.me or "bot")}, {1}
    done = run(str(report), **variables(forge, server))

    assert 0 == done.exit_code, done.exception
    assert "POST" == writes(server)[-1]
    assert NEW.strip() == server.comments[2][0].strip()


def test_a_dry_run_writes_nothing(forge: str, server: State, report: Path) -> None:
    """
    What would be done is told and the text printed; without a token nothing is even read.
    """
    server.comments = {4: (OLD, server.me or "bot")}
    done = run(str(report), "--dry-run", **variables(forge, server))
    asked = len(server.asked)
    blind = variables(forge, server) | {"GITHUB_TOKEN": "", "GITLAB_TOKEN": ""}
    unread = run(str(report), "--dry-run", **blind)

    assert "would update comment 4 of" in done.stderr
    assert NEW in done.stdout
    assert [] == writes(server)
    assert (0, asked) == (unread.exit_code, len(server.asked))
    assert "is not set, so nothing was read" in unread.stderr


@pytest.mark.parametrize(
    ("status", "headers", "kind", "said"),
    [
        (401, {}, UsageError, "is not valid, or has expired"),
        (403, {}, UsageError, "may not comment"),
        (404, {}, UsageError, "no such pull request"),
        (422, {}, ForgeError, "refused"),
        (403, {"x-ratelimit-remaining": "0", "retry-after": "60"}, ForgeError, "again in 60 s"),
        (429, {}, ForgeError, "asked too often"),
    ],
)
def test_refusals_are_named(
    forge: str,
    server: State,
    report: Path,
    status: int,
    headers: dict[str, str],
    kind: type[AgentPerfError],
    said: str,
) -> None:
    """
    Each refusal says which pull request, what the server said in one line, and the way out.
    """
    # A GitHub job is not told who it is, either: the first 403 is not about comments.
    server.refuse = [(status, headers)] * 2
    done = run(str(report), **variables(forge, server))

    assert isinstance(done.exception, kind)
    assert said in str(done.exception)
    assert {"github": "o/r#7", "gitlab": "5!7"}[forge] in str(done.exception)
    assert 1 == len(str(done.exception).splitlines())


@pytest.mark.parametrize("status", [401, 403, 404, 422, 429])
def test_the_token_is_never_told(forge: str, server: State, report: Path, status: int) -> None:
    """
    Not even if the server says it back to us.
    """
    server.refuse = [(status, {})] * 2
    done = run(str(report), **variables(forge, server))

    assert "***" in str(done.exception)
    assert TOKEN not in f"{done.output}{done.exception}{done.exception!r}"
    assert TOKEN not in repr(find_thread(variables(forge, server), {}))


def test_a_failing_server_is_asked_again(server: State, report: Path) -> None:
    """
    What only reads is tried three times, with longer pauses; what adds is not tried again.
    """
    thread = find_thread(variables("github", server), {})
    pauses: list[float] = []
    server.refuse = [(500, {}), (502, {})]
    with CommentApi(thread, pause=pauses.append) as api:
        assert [] == list(api.comments())
        server.refuse = [(500, {})] * 3
        with pytest.raises(ForgeError, match=r"HTTP 500 .*the server failed"):
            list(api.comments())
        server.refuse = [(500, {})]
        with pytest.raises(ForgeError, match="HTTP 500"):
            api.add(NEW)

    assert [1, 2, 1, 2] == pauses
    assert ["POST"] == writes(server)


def test_a_server_that_is_not_there(report: Path) -> None:
    """
    Who does not answer is named; a closed port is no traceback.
    """
    thread = find_thread(
        {"GITHUB_REPOSITORY": "o/r", "GITHUB_API_URL": "http://127.0.0.1:9"}, {}, number=7
    )
    with (
        CommentApi(thread, pause=lambda _: None) as api,
        pytest.raises(ForgeError, match=r"http://127\.0\.0\.1:9 was not reached"),
    ):
        api.whose()


def test_an_answer_that_is_no_json_is_named(report: Path) -> None:
    """
    A page of HTML with HTTP 200, as a proxy gives, is no comment: the address is asked about.
    """
    thread = find_thread(
        {"GITHUB_REPOSITORY": "o/r", "GITHUB_API_URL": "https://forge.example"}, {}, number=7
    )
    with (
        respx.mock() as forge,
        CommentApi(thread) as api,
        pytest.raises(ForgeError, match=r"HTTP 200 with what is no JSON; is it the address"),
    ):
        forge.get(url__startswith="https://forge.example/").respond(text="<html>Sign in</html>")
        list(api.comments())


def test_the_next_page_is_not_looked_for_elsewhere(server: State) -> None:
    """
    A page on another host would take the token there: it is refused.
    """
    server.comments = dict.fromkeys(range(PAGE_COUNT + 1), ("text", "ada"))
    server.elsewhere = True
    with (
        CommentApi(find_thread(variables("github", server), {})) as api,
        pytest.raises(ForgeError, match=r"elsewhere \(http://elsewhere\.example/"),
    ):
        list(api.comments())


def test_a_comment_of_others_is_not_ours() -> None:
    """
    Who quotes the marker, or writes it at the beginning of a comment of theirs, keeps it.
    """
    theirs = Comment(id=1, body=OLD, author="mallory")
    quoted = Comment(id=2, body=f"> {OLD}", author="robot", is_bot=True)
    ours = Comment(id=3, body=f"\n{OLD}", author="robot", is_bot=True)
    other = Comment(id=4, body="<!-- agent-perf:other -->", author="robot", is_bot=True)

    assert ours == own_comment([theirs, quoted, other, ours], MARKER, None)
    assert ours == own_comment([theirs, quoted, other, ours], MARKER, "robot")
    assert own_comment([theirs, quoted, other], MARKER, None) is None


@pytest.mark.parametrize(
    ("event", "ref", "number"),
    [
        ({"pull_request": {"number": 3}}, "", 3),
        ({"issue": {"number": 4, "pull_request": {}}}, "", 4),
        ({"workflow_run": {"pull_requests": [{"number": 5}]}}, "", 5),
        ({}, "refs/pull/6/merge", 6),
        ({"issue": {"number": 4}, "pull_request": None}, "refs/heads/main", None),
        ({"workflow_run": {"pull_requests": []}}, "", None),
    ],
)
def test_events_name_the_pull_request(
    event: dict[str, object], ref: str, number: int | None
) -> None:
    """
    Each kind of event says it elsewhere; an issue that is none, and a push, name none.
    """
    environ = {"GITHUB_REPOSITORY": "o/r", "GITHUB_REF": ref}
    if number is None:
        with pytest.raises(UsageError, match="--pr NUMBER"):
            find_thread(environ, event)
    else:
        assert f"o/r#{number}" == find_thread(environ, event).name
        assert "o/r#9" == find_thread(environ, event, number=9).name


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "neither GITHUB_REPOSITORY nor GITLAB_CI"),
        ({"GITHUB_REPOSITORY": "../x"}, "want owner/name"),
        ({"GITHUB_REPOSITORY": "o/.."}, "want owner/name"),
        ({"GITHUB_REPOSITORY": "o/r", "GITHUB_API_URL": "http://ghe.example"}, "in the clear"),
        ({"GITLAB_CI": "true"}, "CI_MERGE_REQUEST_IID"),
    ],
)
def test_what_is_missing_is_named(environ: dict[str, str], said: str) -> None:
    """
    Without a pull request, or with an API in the clear, nothing is sent.
    """
    with pytest.raises(UsageError, match=said):
        find_thread(environ, {}, number=7 if "GITHUB_REPOSITORY" in environ else None)


def test_a_token_is_asked_for(forge: str, server: State, report: Path) -> None:
    """
    Without a token the variable is named, with how to set it.
    """
    blind = variables(forge, server) | {"GITHUB_TOKEN": "", "GITLAB_TOKEN": ""}
    done = run(str(report), **blind)

    assert isinstance(done.exception, UsageError)
    assert "_TOKEN is not set: give it to the step" in str(done.exception)
    assert [] == server.asked


@pytest.mark.parametrize(("text", "said"), [(None, "agent-perf ci"), ("# mine", "does not begin")])
def test_a_report_is_wanted(tmp_path: Path, text: str | None, said: str) -> None:
    """
    A file that is not there, or that is not ours, is refused before anything is sent.
    """
    path = tmp_path / "report.md"
    if text is not None:
        path.write_text(text)
    done = run(str(path), "--dry-run")

    assert isinstance(done.exception, UsageError)
    assert said in str(done.exception)


def test_the_run_is_linked(server: State, report: Path) -> None:
    """
    In a GitHub job the comment ends with a link to the run, where the whole report is.
    """
    event = report.with_name("event.json")
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    environ = variables("github", server, GITHUB_ACTIONS="true", GITHUB_EVENT_PATH=str(event))
    environ |= {"GITHUB_RUN_ID": "12", "GITHUB_SERVER_URL": "https://github.example"}
    run(str(report), **environ)

    assert "(https://github.example/o/r/actions/runs/12)" in server.comments[1][0]


def test_a_thread_without_a_token_sends_none() -> None:
    """
    An empty token is no header, so that no server is asked to judge it.
    """
    thread = Thread(
        forge="gitlab", name="", api_url="", comments="", comment="", token="", token_name="X"
    )

    assert {} == thread.headers
