"""Options that a mode of a verb does not heed: each is refused by its name."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from agent_perf.cli.app import cli
from agent_perf.cli.heeding import UNHEEDED
from agent_perf.errors import UsageError

HEEDED = {
    "load": (
        "--named --shape --rate --to --for --trace --access-log --users --closed --url --seed "
        "--within --bucket --max-in-flight --max-rate --target --time-budget --undecided "
        "--reports --format"
    ),
    "run": "--only --fresh --max-cost --cpu --tier --resources --format",
    "cases": "--only --edge --all --tier --format",
    "canary": ("--prometheus --step --for --p50 --p95 --p99 --markdown --undecided --format"),
    "calibrate": "--output --redis --database --http --model --format",
    "model": "--host --port --cassette --requests-per-min --tokens-per-min",
    "chaos": "--url --worker --allow-host --dry-run --undecided --reports --format",
    "smoke": "--health --chat --metrics --metric --within --retry-for --junit --format",
}
"""Verb to the options that each of its modes heeds, or refuses by their values."""

MODES = {
    ("load", "in virtual time"): ["shop.answer"],
    ("load", "in real time"): ["shop.answer", "--tier", "live"],
    ("load", "with --url"): ["--url", "http://127.0.0.1:1"],
    ("load", "with --find-knee"): ["shop.answer", "--find-knee"],
    ("run", "in virtual time"): [],
    ("run", "in real time"): ["--tier", "live"],
    ("cases", "in virtual time"): ["shop.answer"],
    ("cases", "in real time"): ["shop.answer", "--tier", "live"],
    ("canary", "with --prometheus"): ["--prometheus", "http://127.0.0.1:1"],
    ("canary", "without --prometheus"): [],
    ("canary", "with --prometheus and without --step"): ["--prometheus", "http://127.0.0.1:1"],
    ("canary", "with --prometheus and without --errors-metric"): [
        "--prometheus",
        "http://127.0.0.1:1",
    ],
    ("calibrate", "without a service"): [],
    ("calibrate", "without --live"): [],
    ("calibrate", "without a service and --live"): [],
    ("calibrate", "with a service"): ["--redis", "redis://127.0.0.1:1"],
    ("calibrate", "without --http"): ["--redis", "redis://127.0.0.1:1"],
    ("calibrate", "without --database"): ["--redis", "redis://127.0.0.1:1"],
    ("calibrate", "without --model"): ["--redis", "redis://127.0.0.1:1"],
    ("model", "with --cassette"): ["--cassette", "calls.json"],
}
"""Verb and mode, to the words that choose it."""

UNHEEDED_ONES = [
    (verb, mode, option)
    for verb, modes in UNHEEDED.items()
    for mode, options in modes.items()
    for option in options
]
WORDS = {"--tier": "client", "--cpu": "none", "--database-url": "embedded", "--model-tokens": "9"}


def options_of(verb: str) -> dict[str, click.Option]:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    return {one.opts[0]: one for one in command.params if isinstance(one, click.Option)}


@pytest.mark.parametrize("verb", HEEDED)
def test_each_option_is_heeded_by_all_modes_or_in_the_table(verb: str) -> None:
    """
    An option that is added to a verb has to be thought of in each of its modes.
    """
    known = set(HEEDED[verb].split())
    told = {option for options in UNHEEDED.get(verb, {}).values() for option in options}

    assert set(options_of(verb)) - {"--profile"} == known | told
    assert not known & told


def test_each_mode_of_the_table_is_asked() -> None:
    """
    Of each mode it is known which words choose it.
    """
    assert set(MODES) == {(verb, mode) for verb, modes in UNHEEDED.items() for mode in modes}


@pytest.mark.parametrize(
    ("verb", "mode", "option"), UNHEEDED_ONES, ids=lambda value: str(value).replace(" ", "-")
)
def test_what_is_not_heeded_is_refused_by_name(
    verb: str, mode: str, option: str, tmp_path, monkeypatch
) -> None:
    """
    Before anything is done, even where its value is the default.
    """
    monkeypatch.chdir(tmp_path)
    made = options_of(verb)[option]
    words = [option] if made.is_flag else [option, WORDS.get(option, "1")]
    done = CliRunner().invoke(cli, [verb, *MODES[verb, mode], *words])

    assert isinstance(done.exception, UsageError), done.output
    assert option in str(done.exception).split()[0].split("/")
    assert "has no meaning" in str(done.exception)


def test_what_is_only_configured_is_not_refused(tmp_path, monkeypatch) -> None:
    """
    A variable of the environment is of all commands; a load in virtual time leaves it alone.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AGENT_PERF_REDIS_URL", "redis://127.0.0.1:1/0")
    done = CliRunner().invoke(cli, ["load", "shop.answer"])

    assert "has no meaning" not in str(done.exception)
