"""What models write is text in a browser too: it runs nothing, asks for nothing and hides nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from shapley_credit.report.page_file import PageRequest, page_of
from shapley_credit.report.page_rows import rows_of_files

from page_content import HOSTILE

pytestmark = pytest.mark.checkout

Ready = Callable[[Page], Page]


def from_lines(folder: Path, rows: list[dict[str, Any]], **options: Any) -> str:
    """The page of rows of JSON lines, in which any string of Python can stand."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with ExitStack() as kept:
        return page_of(rows_of_files([str(path)], frozenset(), kept, lambda *done: None), PageRequest(**options))


def hostile(text: str) -> dict[str, Any]:
    half = len(text) // 2
    first = {"start": 0, "end": half, "credit": 0.5, "union": text}
    return {
        "uid": text,
        "prompt": text,
        "completion": text,
        "reward": 1.0,
        "model": text,
        "segments": [first, {"start": half, "end": len(text), "credit": -0.5}],
    }


# What is seen of them: escapes for what would move, hide or reorder text, everything else as it is.
SEEN = {
    6: r"\u001b[31mred\u001b[0m \u0007\u0008 nul \u0000 end \u007f \u009b2J",
    7: r"left \u202etfel\u202c \u2066in\u2069 \u200e\u200f \ufeff \u00ad \u2028 \udb40\udc41 end",
    8: "half \\ud800 and \\udc00 of a pair, whole \U0001f426",
    9: "\nlines\n\tand tabs  and   spaces\n\n",
}


def test_nothing_of_what_models_write_is_obeyed(opened: Any, ready: Ready, tmp_path: Path) -> None:
    rows = [hostile(text) for text in HOSTILE]
    title = HOSTILE[0] + HOSTILE[1]
    window = ready(opened(from_lines(tmp_path, rows, by=("uid",), show=("model",), title=title), height=6000))
    window.wait_for_function("document.querySelectorAll('article[aria-busy]').length === 0")
    assert window.evaluate("window.obeyed") is None
    assert window.evaluate("document.scripts.length") == 3
    assert window.locator("article").locator("img, svg, script, style, a, iframe, textarea").count() == 0
    expect(window.locator("h1")).to_have_text(title)
    for number, text in enumerate(HOSTILE):
        seen = SEEN.get(number, text)
        article = window.locator("article").nth(number)
        assert article.locator(".text").evaluate("each => each.textContent") == seen
        assert article.locator(".prompt").evaluate("each => each.textContent") == seen
    for mark in window.locator("mark:first-child").all():
        mark.hover()
        mark.click()
    assert window.evaluate("window.obeyed") is None


def test_a_search_for_hostile_text_finds_it(opened: Any, ready: Ready, tmp_path: Path) -> None:
    window = ready(opened(from_lines(tmp_path, [hostile(text) for text in HOSTILE], by=("uid",))))
    for text in HOSTILE[:6]:
        before = window.evaluate("document.body.dataset.ready")
        window.fill("#text", text)
        window.wait_for_function("before => document.body.dataset.ready !== before", arg=before)
        assert window.locator("article").count() == 1
    assert window.evaluate("window.obeyed") is None


def test_a_script_that_is_not_of_the_page_does_not_run(browser: Any, html: str, tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    path.write_text(html.replace("</body>", "<script>window.obeyed = 1</script><img src=x onerror='window.obeyed = 1'></body>"))
    window = browser.new_page()
    refused: list[str] = []
    window.on("console", lambda message: refused.append(message.text))
    window.goto(path.as_uri())
    window.wait_for_selector("body[data-ready]")
    assert window.evaluate("window.obeyed") is None
    assert len([text for text in refused if "Content Security Policy" in text]) >= 2
    window.close()


def test_segments_are_those_of_python_whatever_stands_before_them(opened: Any, ready: Ready, tmp_path: Path) -> None:
    text = "\U0001f426 one \U0001f469\u200d\U0001f469\u200d\U0001f467 two é 你好 three"
    cuts = [0, 2, 6, 12, 16, 18, 21, len(text)]
    spans = list(pairwise(cuts))
    parts = [{"start": start, "end": end, "credit": 0.1 * number} for number, (start, end) in enumerate(spans) if number != 2]
    window = ready(opened(from_lines(tmp_path, [{"uid": 1, "completion": text, "reward": 1.0, "segments": parts}])))
    said = window.locator("mark").evaluate_all("all => all.map((each) => each.textContent)")
    assert said == [text[start:end] for number, (start, end) in enumerate(spans) if number != 2]
    assert window.locator(".text").evaluate("each => each.textContent") == text


def test_a_line_of_a_megabyte_is_shown_when_it_is_asked_for(opened: Any, ready: Ready, tmp_path: Path) -> None:
    text = "x" * 1_000_000 + "end"
    window = ready(opened(from_lines(tmp_path, [{"uid": 1, "completion": text, "reward": 1.0}]), width=390))
    shown = window.locator(".text")
    assert len(shown.inner_text()) < 1000
    assert window.locator("article").evaluate("each => each.scrollWidth <= each.clientWidth")
    window.get_by_role("button", name="Show all 1,000,003 characters").click()
    assert shown.evaluate("each => each.textContent") == text
    expect(shown).to_be_focused()


def cut(html: str, place: str) -> str:
    """The page without the middle of the data that stands there."""
    start = html.index(place) + len(place)
    return html[: start + 8] + html[html.index("</script>", start) - 8 :]


@pytest.mark.parametrize("place", ['id="index">', 'class="block">'], ids=["numbers", "texts"])
def test_a_page_that_is_cut_off_says_so(place: str, opened: Any, html: str) -> None:
    window = opened(cut(html, place))
    expect(window.get_by_role("status")).to_contain_text("The file is cut off, or the browser is older")
