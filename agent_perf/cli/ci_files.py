"""
What GitHub takes from a step: its summary, and values for the steps after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent_perf.cli.compare import Compared
from agent_perf.errors import StoreError

SUMMARY_BYTES_MAX: Final = 1024 * 1024
"""GitHub refuses the whole summary of a step above 1 MiB."""

_VERDICTS: Final = {1: "fail", 2: "error", 3: "broken", 4: "undecided", 5: "nothing measured"}


def append_summary(environ: Mapping[str, str], markdown: str) -> str:
    """
    Add *markdown* to the summary of the step, if there is one.

    Returns:
        Why it was left out: what is there already leaves too little room; or nothing.

    Raises:
        StoreError: If GITHUB_STEP_SUMMARY cannot be written.
    """
    name = environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return ""
    path = Path(name)
    there_bytes = path.stat().st_size if path.is_file() else 0
    # A step that wrote before may have left no line break, and a heading would be lost.
    text = f"\n\n{markdown}\n" if there_bytes else f"{markdown}\n"
    if there_bytes + len(text.encode()) > SUMMARY_BYTES_MAX:
        return (
            f"the summary of this step holds {there_bytes:,} bytes already, and GitHub takes "
            f"{SUMMARY_BYTES_MAX:,}: the report is not in it"
        )
    _append(path, text, "GITHUB_STEP_SUMMARY")
    return ""


def append_values(environ: Mapping[str, str], values: Mapping[str, str]) -> None:
    """
    Set *values* as outputs of the step, if it can have any.

    Raises:
        StoreError: If GITHUB_OUTPUT cannot be written.
    """
    name = environ.get("GITHUB_OUTPUT")
    if name:
        text = "".join(f"{key}={value}\n" for key, value in values.items())
        _append(Path(name), text, "GITHUB_OUTPUT")


def output_values(compared: Compared | None, exit_code: int, root: Path) -> dict[str, str]:
    """
    Return what later steps may ask for; each value is one line.

    Args:
        compared: None if nothing could be judged.
        exit_code: What the process ends with.
        root: Folder that files are named from, where they lie in it.
    """
    if compared is None:
        return {"verdict": _VERDICTS.get(exit_code, "error"), "exit-code": str(exit_code)}
    values = {
        "verdict": compared.decision.outcome.value,
        "exit-code": str(exit_code),
        "base": compared.decision.base,
        "head": compared.decision.head,
        "report": _from(root, compared.paths[0]),
        "markdown": _from(root, compared.paths[1]),
    }
    return {key: " ".join(value.splitlines()) for key, value in values.items()}


def _append(path: Path, text: str, variable: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise StoreError(f"{variable}={str(path)!r} cannot be written: {error}") from error


def _from(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
