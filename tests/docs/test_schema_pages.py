"""The reference of our JSON files is made from their schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_FILES = {
    "report-json": ("report-1", "report.json of compare, ci and history", "report"),
    "canary-json": ("canary-1", "canary's result", "canary"),
    "load-json": ("load-1", "report.json of loads", "load"),
}


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _named(ref: str) -> str:
    name = ref.rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _values(values: list[Any]) -> str:
    return ", ".join(f"`{json.dumps(value)}`" for value in values)


def _kind(rule: Mapping[str, Any] | bool) -> str:
    """Return what a value is, in a few words."""
    if isinstance(rule, bool):
        return "any"
    if "$ref" in rule:
        return _named(rule["$ref"])
    if "const" in rule:
        return _values([rule["const"]])
    if "enum" in rule:
        return _values(rule["enum"])
    if "anyOf" in rule or "oneOf" in rule:
        return " or ".join(_kind(one) for one in rule.get("anyOf", rule.get("oneOf")))
    kinds = rule.get("type", "any")
    told = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "items" in rule:
        return f"{told} of {_kind(rule['items'])}"
    if isinstance(rule.get("additionalProperties"), dict):
        return f"{told}, name to {_kind(rule['additionalProperties'])}"
    return told


def _rows(rule: Mapping[str, Any], before: str = "", always: tuple[str, ...] = ()) -> Iterator[str]:
    required = (*always, *rule.get("required", ()))
    for name, inner in rule.get("properties", {}).items():
        if inner is True:  # Said by the schema's top: it is the same in each kind.
            continue
        tail = "" if name in required else " May be missing."
        text = _cell(inner.get("description", "") + tail)
        yield f"| `{before}{name}` | {_cell(_kind(inner))} | {text} |".replace("|  |", "| |")
        yield from _rows(inner, f"{before}{name}.")


def _section(title: str, rule: Mapping[str, Any], always: tuple[str, ...] = ()) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    if "description" in rule:
        yield from (" ".join(rule["description"].split()), "")
    if "properties" in rule:
        yield from ("| key | value | what it is |", "|---|---|---|", *_rows(rule, always=always))
    else:
        yield f"{_kind(rule)}."


def _page(schema: Mapping[str, Any], title: str, word: str) -> str:
    lines = [f"# {title}", ""]
    lines += [" ".join(schema["description"].split()), ""]
    lines += [f"`agent-perf schema {word}` prints the JSON Schema from which this page is made."]
    if "properties" in schema:
        lines += _section("Always there", {**schema, "description": "Keys of every kind."})
    for one in schema.get("oneOf", ()):
        if "properties" in one:
            lines += _section(f"Kind {one['properties']['kind']['const']}", one)
    for name, rule in schema["$defs"].items():
        lines += _section(name, rule, tuple(schema.get("required", ())))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("page", _FILES)
def test_the_page_is_the_schema(page, update_golden) -> None:
    """docs/reference/*-json.md is what the schema says; after a change: pytest --update-golden."""
    file, title, word = _FILES[page]
    schema = json.loads((ROOT / f"agent_perf/report/schema/{file}.json").read_text())
    path = ROOT / f"docs/reference/{page}.md"
    text = _page(schema, title, word)
    if update_golden:
        path.write_text(text)

    assert path.read_text() == text


def test_every_definition_is_told_of() -> None:
    """Each definition of a schema, and each of its keys, has a place on its page."""
    for page, (file, _, _) in _FILES.items():
        schema = json.loads((ROOT / f"agent_perf/report/schema/{file}.json").read_text())
        text = (ROOT / f"docs/reference/{page}.md").read_text()
        for name, rule in schema["$defs"].items():
            _, _, section = text.partition(f"\n## {name}\n")
            told = section.partition("\n## ")[0]

            assert told
            keys = [key for key, inner in rule.get("properties", {}).items() if inner is not True]
            assert [] == [key for key in keys if f"| `{key}` |" not in told]
