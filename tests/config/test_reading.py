"""Reading the configuration: places, profiles, variables, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.config import Config, NamedLoad, NamedRequest, load_config, read_settings
from agent_perf.errors import ConfigError

_FILE = """
time_limit_s = 30
jobs = 2

[limits]
"work.*" = "+0"
"latency.p99" = ["warn", "25%"]

[profiles.ci]
time_limit_s = 60
[profiles.ci.limits]
"latency.p99" = "10%"

[profiles.dev]
jobs = 1
"""


_FAULT = "[chaos.a]\n[[chaos.a.faults]]\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder whose configuration has two profiles."""
    (tmp_path / "agent-perf.toml").write_text(_FILE)
    return tmp_path


def test_without_a_file_the_defaults_hold(tmp_path) -> None:
    """A project needs no configuration."""
    assert Config() == load_config(tmp_path, environ={})


def test_pyproject_and_own_file_have_one_schema(tmp_path) -> None:
    """The same keys work in both places, with dashes or underscores."""
    expected = Config(time_limit_s=5, limits={"work.*": "+0"}, under_test=("app",))
    body = 'time-limit-s = 5\nunder_test = ["app"]\n'
    own = tmp_path / "own"
    own.mkdir()
    (own / "agent-perf.toml").write_text(f'{body}[limits]\n"work.*" = "+0"\n')
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "pyproject.toml").write_text(
        f'[tool.agent-perf]\n{body}[tool.agent-perf.limits]\n"work.*" = "+0"\n'
    )

    assert expected == load_config(own, environ={}) == load_config(shared, environ={})


def test_a_profile_is_laid_over_the_file(root) -> None:
    """Its keys replace the file's; tables such as the limits are merged entry by entry."""
    config = load_config(root, profile="ci", environ={})

    assert (60, 2) == (config.time_limit_s, config.jobs)
    assert {"work.*": "+0", "latency.p99": "10%"} == config.limit_texts


@pytest.mark.parametrize(
    ("asked", "environ", "profile"),
    [
        ("ci", {}, "ci"),
        ("ci", {"AGENT_PERF_PROFILE": "dev"}, "ci"),
        (None, {"AGENT_PERF_PROFILE": "ci"}, "ci"),
        (None, {"AGENT_PERF_PROFILE": "dev", "CI": "true"}, "dev"),
        (None, {"CI": "true"}, "ci"),
        (None, {"CI": "false"}, "dev"),
        (None, {}, "dev"),
    ],
)
def test_flag_then_variable_then_custom_chooses_the_profile(root, asked, environ, profile) -> None:
    """A flag comes before AGENT_PERF_PROFILE, that before CI, and that before dev."""
    assert profile == read_settings(root, profile=asked, environ=environ).profile


def test_ci_without_such_a_profile_holds_none(tmp_path) -> None:
    """In a CI, a project whose only profile is prod is as its file says."""
    (tmp_path / "agent-perf.toml").write_text("[profiles.prod]\njobs = 1\n")

    assert "" == read_settings(tmp_path, environ={"CI": "1"}).profile


@pytest.mark.parametrize(
    ("asked", "environ", "said"),
    [
        ("dew", {}, "--profile 'dew': no such profile in agent-perf.toml; did you mean 'dev'?"),
        (None, {"AGENT_PERF_PROFILE": "prod"}, "AGENT_PERF_PROFILE 'prod': no such profile"),
    ],
)
def test_an_unknown_profile_is_refused(root, asked, environ, said) -> None:
    """Who names a profile means it: there is no falling back."""
    with pytest.raises(ConfigError) as caught:
        load_config(root, profile=asked, environ=environ)

    assert said in str(caught.value)


def test_a_variable_comes_before_the_profile_and_says_so(root) -> None:
    """AGENT_PERF_TIME_LIMIT_S wins over profile and file; origins tell which value is whose."""
    environ = {"AGENT_PERF_TIME_LIMIT_S": "7.5", "AGENT_PERF_INSTRUCTIONS": "yes"}
    found = read_settings(root, profile="ci", environ=environ)

    assert (7.5, True, 2) == (
        found.config.time_limit_s,
        found.config.instructions,
        found.config.jobs,
    )
    assert "AGENT_PERF_TIME_LIMIT_S" == found.origins[("time_limit_s",)]
    assert "profile" == found.origins[("limits", "latency.p99")]
    assert "file" == found.origins[("limits", "work.*")]
    assert ("undecided",) not in found.origins


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("AGENT_PERF_TIME_LIMT_S", "3", "did you mean 'AGENT_PERF_TIME_LIMIT_S'"),
        ("AGENT_PERF_JOBS", "many", 'AGENT_PERF_JOBS=many: jobs = "many"; want a whole number'),
        ("AGENT_PERF_JOBS", "0", "want a whole number >= 1"),
        ("AGENT_PERF_TIME_LIMIT_S", "nan", "want a finite number"),
        ("AGENT_PERF_LIMITS", "10%", "limits is a table or list; set it in the file"),
        ("AGENT_PERF_TIER", "wires", 'want "stub" or "client" or "wire"'),
    ],
)
def test_a_wrong_variable_is_refused(tmp_path, variable, text, said) -> None:
    """Of a variable that begins with AGENT_PERF_, somebody expects something."""
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, environ={variable: text})

    assert said in str(caught.value)
    assert variable in str(caught.value)


def test_the_value_of_an_unknown_variable_is_not_told(tmp_path) -> None:
    """It may be somebody's secret, and a CI keeps what is printed."""
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, environ={"AGENT_PERF_PROMETHEUS_TOKEN": "hunter2"})

    assert "unknown variable AGENT_PERF_PROMETHEUS_TOKEN; " in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["AGENT_PERF_REDIS_URL", "AGENT_PERF_JUNK_1", "OTHER", "CI"])
def test_variables_of_others_are_left_alone(tmp_path, name) -> None:
    """What this project's tests and its self-test put there is no setting."""
    assert Config() == load_config(tmp_path, environ={name: "x", "AGENT_PERF_JOBS": ""})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("benchmark = 'b'", ":1: unknown key 'benchmark'; did you mean 'benchmarks'"),
        ("\nfrobnicate = 1", ":2: unknown key 'frobnicate'; known keys: baselines,"),
        ("time_limit_s = 'long'", 'time_limit_s = "long"; want a number, got text'),
        ("time_limit_s = -1", "time_limit_s = -1; want a number > 0"),
        ("time_limit_s = nan", "want a finite number"),
        ("undecided = 'maybe'", 'undecided = "maybe"; want "fail" or "pass"'),
        ("benchmarks = '../x'", 'want a folder below the root, as "benchmarks"'),
        ("benchmarks = ", "is not valid TOML"),
        ("time-limit-s = 1\ntime_limit_s = 1", ":2: 'time_limit_s' and 'time-limit-s' are one"),
        ("[limits]\n'work.*' = 3", ':2: limits."work.*" = 3; want text or a list'),
        ("[loads.spike]\nrate = 3", ":2: unknown key 'rate' in [loads.spike]; did you mean"),
        ("loads.spike = 3", ":1: loads.spike = 3; want a table"),
        ("profiles = 3", ":1: profiles = 3; want tables"),
        ("profiles.ci = 3", ":1: profiles.ci = 3; want a table"),
        (
            "[requests.a]\npath = 'x'",
            ':2: path = "x"; want one that begins with "/" in [requests.a]',
        ),
        ("[requests.a]\njson = { top_p = [nan] }", "json.top_p[0] = nan; want a finite number"),
        ("[limits]\n'work.*' = ['fatal', '3%']", '"work.*"[0] = "fatal"; want "error" or "warn"'),
        (f"{_FAULT}kind = 'sloth'", 'faults[0].kind = "sloth"; want "latency" or "bandwidth" or'),
        (f"{_FAULT}at_s = -1\nkind = 'kill'", "faults[0].at_s = -1; want a number > 0"),
        (f"{_FAULT}at_s = inf\nkind = 'kill'", "faults[0].at_s = inf; want a finite number"),
        (f"{_FAULT}kind = 'kill'", "faults[0] has no 'at_s'; add it"),
        (f"{_FAULT}fors = 3", "faults[0].fors is unknown; did you mean 'for_s'?"),
        ("[profiles.ci]\njob = 3", ":2: unknown key 'job' in [profiles.ci]; did you mean 'jobs'"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, text, said) -> None:
    """A wrong key or value is refused with the file, the line, the value and what would do."""
    (tmp_path / "agent-perf.toml").write_text(text)

    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, environ={})

    assert said in str(caught.value)
    assert "agent-perf.toml" in str(caught.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path) -> None:
    """Who has three slips in a file mends them in one go, those of other profiles included."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\n\n[tool.agent-perf]\njobs = 0\nnope = 1\n'
        "[tool.agent-perf.profiles.prod]\ntier = 3\n"
    )

    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, environ={"AGENT_PERF_JOBS": "0"})

    starts = [line.partition(" ")[0] for line in str(caught.value).splitlines()]
    assert ["pyproject.toml:5:", "pyproject.toml:6:", "pyproject.toml:8:"] == starts[:3]
    assert "AGENT_PERF_JOBS=0:" == starts[3]


def test_two_places_are_one_too_many(tmp_path) -> None:
    """Which of two files holds would be a guess, so both together are refused."""
    (tmp_path / "agent-perf.toml").write_text("")
    (tmp_path / "pyproject.toml").write_text("[tool.agent-perf]\n")

    with pytest.raises(ConfigError, match="keep one of them"):
        load_config(tmp_path, environ={})


def test_loads_have_names(tmp_path) -> None:
    """A load is a table of its own, with dashes or underscores."""
    (tmp_path / "agent-perf.toml").write_text(
        '[loads.launch]\nshape = "spike"\nrate-hz = 20\nfor_s = 60\n'
    )

    assert {"launch": NamedLoad(shape="spike", rate_hz=20, for_s=60)} == load_config(
        tmp_path, environ={}
    ).loads


def test_a_configuration_is_valid_wherever_it_is_made() -> None:
    """Code that makes one by hand is held to the same, with all slips in one message."""
    with pytest.raises(ConfigError) as caught:
        Config(time_limit_s=-1, jobs=0)

    assert "time_limit_s = -1" in str(caught.value)
    assert "jobs = 0" in str(caught.value)


def test_named_requests(tmp_path: Path) -> None:
    """What smoke, canary, chaos and loads ask has a name, and unknown keys are refused there, too."""
    (tmp_path / "agent-perf.toml").write_text(
        '[requests.chat]\npath = "/chat"\njson = { message = "hi" }\ntimeout-s = 2\nstream = true\n'
    )
    assert {
        "chat": NamedRequest(path="/chat", json={"message": "hi"}, timeout_s=2, stream=True)
    } == load_config(tmp_path).requests

    (tmp_path / "agent-perf.toml").write_text('[requests.chat]\npth = "/chat"\n')
    with pytest.raises(ConfigError, match=r":2: unknown key 'pth' in \[requests.chat\]; did you"):
        load_config(tmp_path)


def test_services_have_two_names(tmp_path: Path) -> None:
    """Where Redis and the database are is said by name; another name is refused."""
    (tmp_path / "agent-perf.toml").write_text('[services]\nredis = "embedded"\n')

    assert {"redis": "embedded"} == load_config(tmp_path, environ={}).services

    (tmp_path / "agent-perf.toml").write_text('[services]\npostgres = "embedded"\n')
    with pytest.raises(ConfigError, match=r":2: services.postgres is unknown; want redis or dat"):
        load_config(tmp_path, environ={})
