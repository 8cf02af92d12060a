"""
The verb that explains a benchmark, or a word of ours, and its options.
"""

from __future__ import annotations

import click

from agent_perf.cli.completing import ref_names, words_to_explain
from agent_perf.cli.exits import end
from agent_perf.cli.options import format_option


@click.command("explain")
@click.argument("thing", metavar="BENCHMARK|WORD", shell_complete=words_to_explain)
@click.argument("base", required=False, shell_complete=ref_names)
@click.argument("head", default="HEAD", shell_complete=ref_names)
@format_option
def verb(thing: str, base: str | None, head: str, form: str) -> None:
    """
    Tell why a benchmark became slower, or what a word means.

    BENCHMARK is a name or a pattern; of several the one that changed most is explained, from
    BASE to HEAD (as `compare` chooses them): why, what it does otherwise, where requests wait,
    one real request, and the commits between. From stored runs; what is missing is measured.
    WORD is an exit code, a verdict, a cause or a work count, as 4, undecided, n-plus-one or
    work.db_statements.
    """
    from agent_perf.cli.explain import explain

    end(explain(thing, base, head, form))
