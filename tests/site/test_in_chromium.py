"""The built site in a browser: every page on a phone, search, mathematics, both colour schemes, names that must be there."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest
import shapley_credit
from playwright.sync_api import expect
from shapley_credit import utilities

pytestmark = pytest.mark.checkout

# What is wrong with a page on a phone. Text that nobody wrote as code or in mathematics has no marks of either.
FAULTS = r"""() => {
  const copy = document.querySelector("article").cloneNode(true);
  copy.querySelectorAll("pre, code, mjx-container, svg, .sig").forEach((each) => each.remove());
  const faults = {
    wide: document.querySelector(".content").scrollWidth > innerWidth,
    raw: /\$[^$\n]+\$|\\\(|\\\[|```|(?<![\w"])\*\*\w/.test(copy.textContent),
    "bad formula": document.querySelector("[data-mjx-error]"),
    undrawn: document.querySelector(".math:not(:has(mjx-container))"),
    "broken picture": [...document.images].some((each) => each.complete && !each.naturalWidth),
  };
  return Object.keys(faults).filter((each) => faults[each]);
}"""
SHADE = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)"


def pages(html: Path) -> list[str]:
    """Every page that is written by somebody."""
    made = {path.relative_to(html).as_posix() for path in html.rglob("*.html") if "_static" not in path.parts}
    return sorted(made - {"search.html", "genindex.html", "py-modindex.html"})


def test_every_page_fits_a_phone_and_shows_its_mathematics(phone: Any, html: Path) -> None:
    found = {name: phone.open(name).evaluate(FAULTS) for name in pages(html)}
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_theory_is_full_of_drawn_formulas(desk: Any) -> None:
    assert desk.open("theory.html").locator("mjx-container").count() > 300


@pytest.mark.parametrize(("words", "page"), [("leave one out", "glossary.html"), ("scatter_credit", "api/advantages.html")])
def test_search_finds(desk: Any, words: str, page: str) -> None:
    window = desk.open("search.html?q=" + words.replace(" ", "+"))
    expect(window.locator(f"#search-results a[href*='{page}']").first).to_be_visible()


def test_dark_and_light_follow_the_reader(desk: Any) -> None:
    desk.page.emulate_media(color_scheme="light")
    page = desk.open("plots.html")
    light = page.evaluate(SHADE)
    expect(page.locator("img.only-light").first).to_be_visible()
    desk.page.emulate_media(color_scheme="dark")
    assert page.evaluate(SHADE) < 200 < 600 < light
    expect(page.locator("img.only-light").first).to_be_hidden()
    expect(page.locator("img.only-dark").first).to_be_visible()


def test_the_copied_lines_of_a_session_are_python_alone(desk: Any) -> None:
    page = desk.open("index.html")
    target = page.locator("button.copybtn").first.get_attribute("data-clipboard-target")
    assert page.locator(target).inner_text().startswith(">>> import numpy as np\n")
    assert "copybuttonPromptText" in (page.evaluate("(async () => (await fetch('_static/copybutton.js')).text())()"))


def test_a_family_has_a_bar_for_each_member_of_its_example(desk: Any) -> None:
    page = desk.open("utilities/Max.html")
    expect(
        page.get_by_role("img", name="Max: member 0 earns 2, member 1 earns 3, member 2 earns 4, member 3 earns 9")
    ).to_be_visible()
    assert page.locator("figure.family rect").count() == 4
    assert desk.open("utilities.html").locator(".families svg").count() == len(utilities.__all__)


def test_every_public_name_is_in_the_reference(html: Path) -> None:
    named = (html / "objects.inv").read_bytes().split(b"\n", 4)[4]
    found = {line.split(" ")[0] for line in zlib.decompress(named).decode().splitlines()}
    functions = set(shapley_credit.__all__) - {"plots", "semivalues", "utilities"}
    assert {f"shapley_credit.{name}" for name in functions | {"semivalues", "plots"}} <= found
    assert {f"shapley_credit.methods.{name}" for name in ("ospo", "shape_grpo", "gapo", "agents")} <= found
    assert {"shapley_credit.credit.segments.segment", "shapley_credit.adapters.trl.group_reward"} <= found
