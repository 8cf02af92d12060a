"""
The configuration as a JSON Schema, for editors that complete and check.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from agent_perf.config.settings import NAMED_TABLES, Config, Table, key_texts

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``agent-perf.toml``, made from the types that read it."""
    made = msgspec.json.schema(Config)
    types: dict[str, Any] = made["$defs"]
    for table in (Config, *NAMED_TABLES.values()):
        _describe(types[table.__name__], table)
    settings = types.pop("Config")
    profile = {**_without_defaults(settings), "title": "Profile"}
    return {
        "$schema": _DIALECT,
        **settings,
        "title": "agent-perf.toml, or [tool.agent-perf] in pyproject.toml",
        "properties": {
            **settings["properties"],
            "profiles": {
                "description": "Profiles by name: dev, test, ci, prod, or any other.",
                "type": "object",
                "additionalProperties": {"$ref": "#/$defs/Profile"},
            },
        },
        "$defs": {**types, "Profile": profile},
    }


def _describe(schema: dict[str, Any], table: Table) -> None:
    """Refuse unknown keys, say what the others are, and allow dashes in them."""
    texts = key_texts(table)
    schema["additionalProperties"] = False
    schema["description"] = (table.__doc__ or "").strip().partition("\n")[0]
    properties = schema["properties"]
    for key in list(properties):
        properties[key] = {**properties[key], "description": texts.get(key, "")}
        if "_" in key:
            properties[key.replace("_", "-")] = {
                **properties[key],
                "description": f"Another spelling of {key}.",
            }
    schema["allOf"] = [
        {"not": {"required": [key, key.replace("_", "-")]}} for key in properties if "_" in key
    ]


def _without_defaults(schema: dict[str, Any]) -> dict[str, Any]:
    # What a profile leaves out is as in the file, and not the default.
    properties = {
        key: {name: value for name, value in each.items() if name != "default"}
        for key, each in schema["properties"].items()
    }
    return {**schema, "description": "Settings over those of the file.", "properties": properties}
