"""`agent-perf schema`."""

from __future__ import annotations

import json

import jsonschema
import pytest
from click.testing import CliRunner

from agent_perf.cli.verbs.schema import SCHEMAS, verb


@pytest.mark.parametrize("kind", SCHEMAS)
def test_it_prints_a_schema(kind: str) -> None:
    """
    What is printed is a valid JSON Schema with a title.
    """
    done = CliRunner().invoke(verb, [kind])
    schema = json.loads(done.output)

    assert 0 == done.exit_code
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"]


def test_an_unknown_kind_is_named() -> None:
    """
    A kind that there is none of ends with 2, and with those that there are.
    """
    done = CliRunner().invoke(verb, ["pdf"])

    assert 2 == done.exit_code
    assert "'pdf'" in done.output
    assert "report" in done.output
