"""
The verb that prints the JSON Schemas of our files.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

import click

SCHEMAS: Final[Mapping[str, tuple[str, str]]] = {
    "canary": ("agent_perf.report", "schema/canary-1.json"),
    "config": ("agent_perf.config", "schema/config-1.json"),
    "load": ("agent_perf.report", "schema/load-1.json"),
    "report": ("agent_perf.report", "schema/report-1.json"),
    "tables": ("agent_perf.config", "schema/tables-1.json"),
}
"""Word for a kind of file, to the package and the file in it that hold its schema."""


@click.command("schema")
@click.argument("kind", type=click.Choice(tuple(SCHEMAS)))
def verb(kind: str) -> None:
    """
    Print the JSON Schema of agent-perf.toml ('config'), of report.json ('report', 'load'), or of
    latency_tables.json ('tables'), or of what a canary prints ('canary').

    Editors complete and check the configuration by it, see docs/configuration.md.
    """
    package, name = SCHEMAS[kind]
    click.echo(files(package).joinpath(name).read_text(encoding="utf-8").rstrip("\n"))
