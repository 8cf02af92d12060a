"""
The event that started a GitHub workflow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent_perf.errors import UsageError
from agent_perf.whole_files import read_whole


def read_event(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """
    Return what GITHUB_EVENT_PATH holds; nothing outside of a GitHub workflow.

    Raises:
        UsageError: If the file is not there, or is no JSON.
    """
    name = environ.get("GITHUB_EVENT_PATH")
    if not name or environ.get("GITHUB_ACTIONS") != "true":
        return {}
    try:
        event = json.loads(read_whole(Path(name)))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"GITHUB_EVENT_PATH={name!r} cannot be read ({error}); unset it") from None
    return event if isinstance(event, dict) else {}
