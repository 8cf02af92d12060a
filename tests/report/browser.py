"""Chromium, driven over the WebDriver protocol with the standard library."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_START_S_MAX = 30


def missing() -> str:
    """Return what is not on the PATH; empty if a browser can be driven."""
    names = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(names)} not on PATH" if names else ""


MARKS: Final = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing() or "a browser is there"),
]
"""Of every test that needs a browser."""


class Browser:
    """One window."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._session = ""

    def open(
        self,
        path: Path,
        *,
        width: int = 1440,
        dark: bool = False,
        media: str = "screen",
        forced_colours: bool = False,
        scripts: bool = True,
    ) -> None:
        """
        Show the page at *path*.

        Args:
            path: A file.
            width: Of the window, in pixels.
            dark: Whether the reader prefers a dark page.
            media: ``screen`` or ``print``.
            forced_colours: Whether the reader's own few colours take the place of the page's.
            scripts: Whether the page may run any; those of *run* run in any case.
        """
        self.devtools("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.show(dark=dark, media=media, forced_colours=forced_colours)
        self.resize(width)
        self._call("POST", f"{self._session}/url", {"url": path.as_uri()})

    def show(
        self, *, dark: bool = False, media: str = "screen", forced_colours: bool = False
    ) -> None:
        """Change how the page is shown."""
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "forced-colors", "value": "active" if forced_colours else "none"},
        ]
        self.devtools("Emulation.setEmulatedMedia", media=media, features=features)

    def resize(self, width: int) -> None:
        """Give the window *width* pixels."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def press(self, key: str) -> None:
        """Press and let go of ``Tab`` or ``Enter``."""
        code = {"Tab": 9, "Enter": 13}[key]
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        text = {"text": "\r"} if key == "Enter" else {}
        self.devtools("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        self.devtools("Input.dispatchKeyEvent", type="keyUp", **about)

    def evaluate(self, expression: str) -> Any:
        """Return what *expression* comes to, awaited, whatever the page's own policy forbids."""
        answer = self.devtools(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def paper(self) -> bytes:
        """Return the page printed, as PDF."""
        answer = self.devtools("Page.printToPDF", preferCSSPageSize=True)
        return base64.b64decode(answer["data"])

    def run(self, script: str) -> Any:
        """Return what *script*, the body of a function, returns in the page."""
        return self._call("POST", f"{self._session}/execute/sync", {"script": script, "args": []})

    def log(self, kind: str) -> list[dict[str, Any]]:
        """Return and clear the log: ``browser`` or ``performance``."""
        found = self._call("POST", f"{self._session}/se/log", {"type": kind})
        assert isinstance(found, list)
        return found

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def start(self, profile: str) -> None:
        """Begin a session, waiting until the driver answers."""
        options = {"args": [*_ARGUMENTS, f"--user-data-dir={profile}"]}
        logs = {"browser": "ALL", "performance": "ALL"}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": logs}
        deadline = time.monotonic() + _START_S_MAX
        while True:
            try:
                self._call("GET", "/status", None)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
        session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{session['sessionId']}"

    def stop(self) -> None:
        """End the session."""
        if self._session:
            self._call("DELETE", self._session, None)

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Return what the browser's own tools answer."""
        body = {"cmd": command, "params": parameters}
        return self._call("POST", f"{self._session}/goog/cdp/execute", body)

    def _call(self, method: str, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    profile = tempfile.mkdtemp()
    browser = Browser(f"http://127.0.0.1:{port}")
    try:
        browser.start(profile)
        yield browser
    finally:
        browser.stop()
        driver.terminate()
        driver.wait()
        shutil.rmtree(profile, ignore_errors=True)
