"""A server that plays the comments of GitHub's and GitLab's APIs, page by page."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "tok-3f9c"
PAGE_COUNT = 3
"""Comments of a page, whatever is asked for: so that a few make several pages."""


@dataclass
class State:
    """
    What the server holds, and how it answers.

    Attributes:
        comments: Id to text and author, of the one pull request #7.
        me: Account of the token; None if the token does not tell, as a GitHub job's.
        refuse: Statuses of the next answers, each once; with headers.
        asked: Method and path of each request.
        elsewhere: Whether the next page is said to be on another host.
        vanished: Ids that are listed, and gone when they are written to.
    """

    comments: dict[int, tuple[str, str]] = field(default_factory=dict)
    me: str | None = None
    refuse: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    elsewhere: bool = False
    vanished: set[int] = field(default_factory=set)
    url: str = ""


@contextmanager
def serve(state: State) -> Iterator[State]:
    """Serve *state* on a port of its own; ``state.url`` says where."""

    class Handler(_Handler):
        world = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/api"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    world: State

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PATCH(self) -> None:
        self._answer("PATCH")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, method: str) -> None:
        parts = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        told = json.loads(self.rfile.read(size)) if size else None
        path = parts.path.removeprefix("/api")
        self.world.asked.append((method, path))
        if self.world.refuse:
            status, headers = self.world.refuse.pop(0)
            self._send(status, {"message": f"no, {TOKEN}\n::error::"}, headers)
            return
        github = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if not (github or self.headers.get("PRIVATE-TOKEN") == TOKEN):
            self._send(401, {"message": "Bad credentials"})
            return
        self._route(method, path, parse_qs(parts.query), told)

    def _route(self, method: str, path: str, query: dict[str, list[str]], told: Any) -> None:
        world = self.world
        if (method, path) == ("GET", "/user"):
            name = {"login": world.me, "username": world.me}
            self._send(200, name) if world.me else self._send(
                403, {"message": "not by integration"}
            )
        elif re.fullmatch(r"/repos/o/r/issues/7/comments|/projects/5/merge_requests/7/notes", path):
            if method == "POST":
                number = max(world.comments, default=0) + 1
                world.comments[number] = (told["body"], world.me or "bot")
                self._send(201, self._comment(number))
            else:
                self._page(int(query.get("page", ["1"])[0]), path)
        elif (method in {"PATCH", "PUT"}) and (found := re.search(r"/(\d+)$", path)):
            number = int(found[1])
            if number not in world.comments or number in world.vanished:
                self._send(404, {"message": "Not Found"})
                return
            world.comments[number] = (told["body"], world.comments[number][1])
            self._send(200, self._comment(number))
        else:
            self._send(404, {"message": "Not Found"})

    def _page(self, page: int, path: str) -> None:
        ids = sorted(self.world.comments)
        shown = ids[(page - 1) * PAGE_COUNT : page * PAGE_COUNT]
        host = "http://elsewhere.example" if self.world.elsewhere else self.world.url
        more = len(ids) > page * PAGE_COUNT
        link = {"Link": f'<{host}{path}?page={page + 1}>; rel="next"'} if more else {}
        self._send(200, [self._comment(number) for number in shown], link)

    def _comment(self, number: int) -> dict[str, Any]:
        body, author = self.world.comments[number]
        kind = "Bot" if author == "bot" else "User"
        return {
            "id": number,
            "body": body,
            **(
                {"author": {"username": author}}
                if "PRIVATE-TOKEN" in self.headers
                else {
                    "user": {"login": author, "type": kind},
                    "html_url": f"https://forge.example/comment/{number}",
                }
            ),
        }

    def _send(self, status: int, told: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(told).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
