"""
Where the APIs of models lie at a host.
"""

from __future__ import annotations

from typing import Final

_ENDS: Final = ("/chat/completions", "/messages", "/responses", "/embeddings", "/models")


def api_path(path: str) -> str:
    """Return *path* as the first providers spell it: a gateway's own prefix is left out."""
    bare = path.rstrip("/")
    return next((f"/v1{end}" for end in _ENDS if bare.endswith(end)), path)


def is_api_path(path: str) -> bool:
    """Return whether *path* is one that models are asked at, and hardly anything else."""
    bare = path.rstrip("/")
    return bare.endswith(("/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"))
