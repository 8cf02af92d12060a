"""The JSON Schema of the configuration agrees with what reads it."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agent_perf.config import Config, config_schema, key_texts, load_config
from agent_perf.errors import ConfigError

_ROOT = Path(__file__).parents[2]
_COMMITTED = _ROOT / "agent_perf/config/schema/config-1.json"
_VALIDATOR = Draft202012Validator(config_schema())

_values = st.one_of(
    st.sampled_from(["fail", "pass", "client", "wire", "10%", "150ms", "spike", "..", "a/b", ""]),
    st.integers(-2, 3),
    st.sampled_from([-1.5, 0.5, 30.0]),
    st.booleans(),
    st.lists(st.sampled_from(["app", "warn", "error", "20%"]), max_size=3),
)
_keys = st.sampled_from(
    [
        *(item.name for item in fields(Config)),
        "time-limit-s", "under-test", "benchmark", "rate_hz", "shape", "for-s",
    ]
)  # fmt: skip
_tables = st.dictionaries(_keys, _values, max_size=3)
_nested = st.one_of(_values, _tables, st.dictionaries(st.sampled_from(["a", "b.*"]), _tables))
_documents = st.one_of(
    st.dictionaries(_keys, _values, max_size=2),
    st.builds(lambda key, value: {key: value}, _keys, _nested),
    st.builds(lambda table: {"profiles": {"prod": table}}, _tables),
    st.builds(lambda table: {"loads": {"launch": table}}, _tables),
)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


@given(document=_documents)
def test_schema_and_reader_accept_the_same(tmp_path_factory, document) -> None:
    """What an editor marks as wrong is refused, and nothing else is."""
    root = tmp_path_factory.getbasetemp()
    text = "\n".join(f"{json.dumps(key)} = {_toml(value)}" for key, value in document.items())
    (root / "agent-perf.toml").write_text(text)
    try:
        load_config(root, environ={})
        read = True
    except ConfigError:
        read = False

    assert read == _VALIDATOR.is_valid(tomllib.loads(text)), text


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md", "docs/history.md"])
def test_the_schema_accepts_what_the_pages_show(page) -> None:
    """Each example of a configuration in the docs is one."""
    text = (_ROOT / page).read_text()
    tables = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]

    for table in tables:
        inner = table.get("tool", {}).get("agent-perf", table)
        if "waiver" not in inner and "acknowledged" not in inner:
            _VALIDATOR.validate(inner)
    assert tables or page == "docs/history.md"


def test_the_page_has_a_row_for_each_key() -> None:
    """The table of settings names all keys that there are, and no other."""
    page = (_ROOT / "docs/configuration.md").read_text()

    assert {one.name for one in fields(Config)} == set(
        re.findall(r"^\| `(\w+)` \| ", page, re.MULTILINE)
    )


def test_the_committed_schema_is_the_one_that_is_made(update_golden) -> None:
    """Editors read the file in the repository: it may not fall behind the code."""
    text = json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"
    if update_golden:
        _COMMITTED.write_text(text)

    assert _COMMITTED.read_text() == text


def test_every_key_says_what_it_is() -> None:
    """An editor shows a text for each key: that of the docstring."""
    assert {item.name for item in fields(Config)} == set(key_texts(Config))
