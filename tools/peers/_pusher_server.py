"""
A service that takes events on a local port, and checks them as the hosted one does.

``GET /taken`` returns what was taken since it was asked last.
"""

from __future__ import annotations

import sys
import time

from aiohttp import web

from agent_perf.sim.services.pusher_wire import Refusal, authenticate, read_events
from agent_perf.sim.services.reply import SimRequest

_KEPT_MAX = 1000
_taken: list[tuple[str, str, str]] = []


async def _publish(request: web.Request) -> web.Response:
    wire = SimRequest(
        method=request.method,
        host="localhost",
        path=request.path,
        query=request.query_string,
        headers=request.headers,
        content=await request.read(),
    )
    try:
        authenticate(wire, key="key", secret="secret", now_s=time.time())
        events = read_events(wire, app_id="1")
    except Refusal as refusal:
        return web.Response(status=refusal.status, text=refusal.message)
    _taken.extend(
        (channel, event.name, event.data) for event in events for channel in event.targets
    )
    del _taken[:-_KEPT_MAX]
    return web.json_response({})


async def _tell(_: web.Request) -> web.Response:
    taken = list(_taken)
    _taken.clear()
    return web.json_response(taken)


def main() -> None:
    """Serve on the port given."""
    app = web.Application()
    app.router.add_get("/taken", _tell)
    app.router.add_post("/{path:.*}", _publish)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
