"""The site that `make site` built, served on this machine, and a browser that reaches nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

HTML = Path(__file__).parents[2] / "docs" / "_build" / "html"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"


class Files(SimpleHTTPRequestHandler):
    """The files of the site; a browser asks for each style and script once."""

    def end_headers(self) -> None:
        """Say how long a file may be kept."""
        self.send_header("Cache-Control", "max-age=600")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests."""


class Window:
    """A page of the browser, and what it complained about."""

    def __init__(self, page: Page, site: str) -> None:
        self.page, self.site, self.complaints = page, site, list[str]()
        page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.context.route(lambda url: not url.startswith(site), self._refuse)
        page.set_default_timeout(60_000)

    def _refuse(self, route: Any) -> None:
        self.complaints.append(f"request: {route.request.url}")
        route.abort()

    def open(self, name: str) -> Page:
        """The page of that file, its mathematics drawn."""
        self.page.goto(self.site + name)
        self.page.evaluate("window.MathJax && MathJax.startup.promise")
        return self.page


@pytest.fixture(scope="session")
def html() -> Path:
    assert (HTML / "index.html").is_file(), f"{HTML} is not built: run make site"
    return HTML


@pytest.fixture(scope="session")
def site(html: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(html))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split(" "))
        yield started
        started.close()


@pytest.fixture
def phone(browser: Browser, site: str) -> Iterator[Window]:
    yield from _window(browser, site, width=390, height=844)


@pytest.fixture
def desk(browser: Browser, site: str) -> Iterator[Window]:
    yield from _window(browser, site, width=1280, height=900)


def _window(browser: Browser, site: str, **size: int) -> Iterator[Window]:
    context = browser.new_context(viewport={"width": size["width"], "height": size["height"]})
    window = Window(context.new_page(), site)
    yield window
    context.close()
    assert window.complaints == []
