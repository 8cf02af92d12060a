"""
Fills the templates of files that a project is given.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def fill(template: str, **values: object) -> str:
    """Return *template*, a file in templates/, with *values* in their places."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Other marks than Jinja's own: GitHub's workflows use those themselves. Nothing is
    # escaped: what is written is Python and YAML.
    return Environment(  # noqa: S701
        loader=PackageLoader("agent_perf.scaffold"),
        undefined=StrictUndefined,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
