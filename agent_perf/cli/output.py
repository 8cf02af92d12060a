"""
What verbs print: data on standard output, everything else on standard error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
import msgspec


def print_json(value: object) -> None:
    """Print *value* as JSON on standard output."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns, the first to the left and all others to the right."""
    table = [tuple(map(plain, header)), *(tuple(map(plain, row)) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    for row in table:
        first, *rest = (
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  ".join([first, *rest]).rstrip())


def print_rows(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns of words, all to the left."""
    table = [tuple(map(plain, header)), *(tuple(map(plain, row)) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    for row in table:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def say(text: str) -> None:
    """Print *text* for people on standard error; no terminal obeys it."""
    click.echo("\n".join(map(plain, text.expandtabs().split("\n"))), err=True)


def warn(text: str) -> None:
    """Print one warning on standard error."""
    say(f"warning: {text}")


def plain(text: str) -> str:
    """Make control characters visible: names come from outside, terminals obey them."""
    # Spaces that do not break are for pages.
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
