"""
Changes that a comparison cannot see, for both sides are measured with today's benchmarks.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent_perf.cli.project import Project, short_name


def unseen_changes(project: Project, base_id: str, head_id: str) -> tuple[str, ...]:
    """
    Return a warning if what differs between two commits lies in the benchmark package alone.

    Raises:
        RepositoryError: If git fails.
    """
    folder = project.config.benchmarks
    if project.config.under_test:
        # Then the package holds what is measured, too.
        return ()
    if not only_below(folder, project.repository.changed(base_id, head_id)):
        return ()
    warning = (
        f"{short_name(base_id)} and {short_name(head_id)} differ in {folder}/ alone, and both were "
        f"measured with today's {folder}/: what is to be compared belongs outside of it"
    )
    return (warning,)


def only_below(folder: str, names: Sequence[str]) -> bool:
    """Return True if there are *names*, relative and with slashes, and all are below *folder*."""
    prefix = f"{folder.rstrip('/')}/"
    return bool(names) and all(name.startswith(prefix) for name in names)
