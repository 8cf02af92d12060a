import pytest

from agent_perf.config import Config, load_config
from agent_perf.errors import ConfigError


def test_without_a_file_the_defaults_hold(tmp_path) -> None:
    """A project needs no configuration."""
    assert Config() == load_config(tmp_path)


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

    assert expected == load_config(own) == load_config(shared)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "benchmark = 'b'",
            "unknown key 'benchmark' in agent-perf.toml; did you mean 'benchmarks'",
        ),
        ("frobnicate = 1", "unknown key 'frobnicate' in agent-perf.toml; known keys: benchmarks,"),
        ("time_limit_s = 'long'", "Expected `float`, got `str` - at `$.time_limit_s`"),
        ("time_limit_s = -1", "time_limit_s = -1.0; want seconds > 0"),
        ("time_limit_s = nan", "want seconds > 0"),
        ("undecided = 'maybe'", 'undecided = "maybe"; want "fail" or "pass"'),
        ("benchmarks = ", "is not valid TOML"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, text, said) -> None:
    """A wrong key or value is refused with the file, the value and what would do."""
    (tmp_path / "agent-perf.toml").write_text(text)

    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)

    assert said in str(caught.value)
    assert "agent-perf.toml" in str(caught.value)


def test_two_places_are_one_too_many(tmp_path) -> None:
    """Which of two files holds would be a guess, so both together are refused."""
    (tmp_path / "agent-perf.toml").write_text("")
    (tmp_path / "pyproject.toml").write_text("[tool.agent-perf]\n")

    with pytest.raises(ConfigError, match="keep one of them"):
        load_config(tmp_path)
