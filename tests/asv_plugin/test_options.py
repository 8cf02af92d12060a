from __future__ import annotations

import pytest

from agent_perf.asv_plugin.options import Options, read_options
from agent_perf.errors import ConfigError


def test_nothing_said() -> None:
    """
    Without options, the project's dependencies are all there is.
    """
    assert Options() == read_options({})


def test_all_options() -> None:
    """
    Lists of JSON become tuples.
    """
    table = {"extras": ["a"], "requirements": ["r.txt"], "constraints": ["c.txt"]}

    assert Options(extras=("a",), requirements=("r.txt",), constraints=("c.txt",)) == read_options(
        table
    )


def test_unknown_key_is_refused() -> None:
    """
    A misspelt key is named, with the one that was probably meant.
    """
    with pytest.raises(ConfigError, match=r"'constraint'.*did you mean 'constraints'"):
        read_options({"constraint": []})


def test_wrong_type_is_refused() -> None:
    """
    A value of the wrong type is named with its place.
    """
    with pytest.raises(ConfigError, match=r"\$\.extras"):
        read_options({"extras": "agents"})
