"""The library's search, as a tool for the model."""

import asyncio
import os
from functools import cache

import httpx
from langchain_core.tools import tool

SEARCH_URL = os.environ.get("LIBRARY_URL", "http://library.example/search")
ATTEMPTS = 4
PAUSE_S = 0.1


class LibraryBusyError(Exception):
    """The library asks to come back, and still did when we had."""


@cache
def http() -> httpx.AsyncClient:
    """Return the one client of this process, whose connections are kept."""
    return httpx.AsyncClient(timeout=5.0)


@tool
async def search_library(query: str) -> str:
    """Search the library; returns titles and abstracts, best first."""
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(PAUSE_S * 2**attempt)
        reply = await http().get(SEARCH_URL, params={"q": query})
        if reply.status_code not in {429, 503}:
            reply.raise_for_status()
            rows = reply.json()["results"]
            return "\n".join(f"[{row['id']}] {row['title']}: {row['abstract']}" for row in rows[:5])
    raise LibraryBusyError(f"{query!r}: {reply.status_code} for {ATTEMPTS} times")
