"""The HTTP API: a report at once, or its progress as it comes about."""

import json
from collections.abc import AsyncIterator

from langchain_core.messages import HumanMessage
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from research_graph.graph import graph, research
from research_graph.library import LibraryBusyError

WANTED = 'want {"question": text of 1 to 2000 characters}'


async def _question_of(request: Request) -> str | None:
    try:
        question = (await request.json())["question"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return None
    return question if isinstance(question, str) and 0 < len(question) <= 2000 else None


async def report(request: Request) -> Response:
    """POST /research {"question": ...}: the report, when it is done."""
    question = await _question_of(request)
    if question is None:
        return JSONResponse({"error": WANTED}, 422)
    try:
        found = await research(question)
    except LibraryBusyError as error:
        return JSONResponse({"error": f"the library is busy: {error}"}, 503)
    return JSONResponse({"report": found["report"], "revisions": found["revisions"]})


async def progress(request: Request) -> Response:
    """POST /research/progress: server-sent events, one when a node is done, and the report."""
    question = await _question_of(request)
    if question is None:
        return JSONResponse({"error": WANTED}, 422)
    return StreamingResponse(_events(question), media_type="text/event-stream")


async def _events(question: str) -> AsyncIterator[str]:
    text = ""
    try:
        async for step in graph.astream(
            {"messages": [HumanMessage(question)]}, stream_mode="updates"
        ):
            for node, change in step.items():
                text = change.get("report", text)
                yield _event("done", node)
    except LibraryBusyError as error:
        yield _event("error", f"the library is busy: {error}")
    else:
        yield _event("report", text)


def _event(name: str, value: str) -> str:
    return f"data: {json.dumps({name: value})}\n\n"


app = Starlette(
    routes=[
        Route("/research", report, methods=["POST"]),
        Route("/research/progress", progress, methods=["POST"]),
    ]
)
