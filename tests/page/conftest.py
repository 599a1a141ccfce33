"""A browser without a screen and without a network, and pages opened in it: whatever goes wrong in one fails its test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from shapley_credit import report

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split(" "))
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens HTML in a window of its own. At the end nothing was asked of any network, and nothing was complained about."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def at(html: str, *, width: int = 1280, height: int = 900, scheme: Any = "light") -> Page:
        path = tmp_path / f"run{len(contexts)}.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        window = context.new_page()
        window.on("console", lambda message: complaints.append(f"console: {message.text}"))
        window.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        window.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        window.on("request", lambda request: complaints.extend({f"request: {request.url}"} - {f"request: {path.as_uri()}"}))
        context.route(lambda url: url != path.as_uri(), lambda route: route.abort())
        window.set_default_timeout(10_000)
        window.goto(path.as_uri())
        return window

    yield at
    for context in contexts:
        context.close()
    assert complaints == []


def rows(steps: int = 3, groups: int = 2, size: int = 4) -> list[dict[str, Any]]:
    """Rollouts with credits of their own, and segments in the first completion of every group."""
    made = []
    for step in range(1, steps + 1):
        for group in range(groups):
            for place in range(size):
                text = f"Answer {place} of step {step}. It names bird {step * place + group}."
                row = {"step": step, "prompt": f"Which bird, {group}?", "completion": text, "reward": float(place * step - 2)}
                cut = text.index("It")
                first = {"start": 0, "end": cut, "credit": 0.125, "error": 0.03, "union": "talk", "without": 1.5}
                parts = [first, {"start": cut, "end": len(text), "credit": -0.5, "union": "talk"}]
                made.append(row | {"segments": parts if place == 0 else None})
    return made


def page_of(given: list[dict[str, Any]], **options: Any) -> str:
    made: str = report.page(pa.Table.from_pylist(given), **({"by": ["step", "prompt"], "utility": "Max(reward)"} | options))
    return made


@pytest.fixture(scope="session")
def html() -> str:
    return page_of(rows(), advantage="mean/group_std", title="Birds")


@pytest.fixture
def make() -> Any:
    return page_of


@pytest.fixture
def given() -> list[dict[str, Any]]:
    return rows()


@pytest.fixture
def window(opened: Open, html: str) -> Page:
    return settled(opened(html))


def settled(page: Page) -> Page:
    """The page when its groups are listed and the first has its texts."""
    page.wait_for_selector("body[data-ready]")
    page.wait_for_selector("article:not([aria-busy])")
    return page


@pytest.fixture
def ready() -> Callable[[Page], Page]:
    return settled
