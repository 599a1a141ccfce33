"""The page in a browser: what it shows, how keys and filters work, and what it does on paper, on a phone and in the dark."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import shapley_credit as sc
from playwright.sync_api import Page, expect
from shapley_credit import utilities as u

# The page needs a browser, and the environment of `make test-page`.
pytestmark = pytest.mark.checkout

Ready = Callable[[Page], Page]
MINUS = "\N{MINUS SIGN}"


def listed(window: Page) -> list[str]:
    return [
        str(label)
        for label in window.eval_on_selector_all("article", "all => all.map((each) => each.getAttribute('aria-label'))")
    ]


def after(window: Page, act: Callable[[], Any]) -> list[str]:
    """The groups that are listed after a change of the filters."""
    before = window.evaluate("document.body.dataset.ready")
    act()
    window.wait_for_function("before => document.body.dataset.ready !== before", arg=before)
    return listed(window)


def test_credits_and_what_other_rules_pay_are_shown(window: Page, given: list[dict[str, Any]]) -> None:
    group = window.get_by_role("article", name="Group 1", exact=True)
    expect(group.get_by_role("heading")).to_have_text("Group 1")
    credit = sorted(sc.set_shapley(u.Max([row["reward"] for row in given[:4]])).tolist(), reverse=True)
    table = group.get_by_role("table")
    heads = [head.inner_text() for head in table.get_by_role("columnheader").all()]
    for name in ("credit", "reward", "shared", "winner takes all", "Banzhaf", "leave one out", "baseline", "scale", "in all"):
        assert name in heads
    shown = [cell.inner_text().strip() for cell in group.locator("tr.figures td.credit").all()]
    assert [float(text.replace(MINUS, "-")) for text in shown] == pytest.approx(credit, abs=0.005)
    last = group.locator("tr.figures").last.locator("td")
    expect(last.nth(3)).to_have_text("1.00")  # the shared reward is what the group is worth
    expect(group.locator("tfoot td").nth(1)).to_have_text("1.00")
    expect(group.locator(".worth")).to_have_text("step 1 · set value 1.00 · 4 completions")
    expect(window.locator(".told")).to_have_text("24 completions · 6 groups · 3 steps · utility Max(reward)")


def test_pointing_at_a_segment_tells_what_is_known_of_it(window: Page) -> None:
    marks = window.locator("article").first.locator("mark")
    assert marks.all_inner_texts()[1].startswith("It names bird")
    marks.nth(0).hover()
    tip = window.get_by_role("tooltip")
    expect(tip).to_be_visible()
    facts = dict(zip(tip.locator("dt").all_inner_texts(), tip.locator("dd").all_inner_texts(), strict=True))
    assert facts == {
        "credit": "+0.125", "standard error": "± 0.03", "union": "talk", "response without it": "1.5",
        "credit of the others": f"{MINUS}0.5",
    }  # fmt: skip
    expect(marks.nth(1)).to_have_class(re.compile("kin"))
    box, over = marks.nth(0).bounding_box(), tip.bounding_box()
    assert box is not None
    assert over is not None
    assert over["y"] + over["height"] <= box["y"] or over["y"] >= box["y"] + box["height"]
    window.locator("h1").hover()
    expect(tip).to_be_hidden()
    expect(marks.nth(1)).not_to_have_class(re.compile("kin"))


def test_keys_do_what_the_pointer_does(window: Page) -> None:
    window.keyboard.press("Tab")
    expect(window.get_by_role("link", name="Skip to the groups")).to_be_focused()
    order = []
    for _ in range(7):
        window.keyboard.press("Tab")
        order.append(window.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert order == ["step", "text", "below", "above", "sort", "reset", "MARK"]
    tip = window.get_by_role("tooltip")
    expect(tip).to_contain_text("segment 1 of 2")
    for key, said in {
        "ArrowRight": "2 of 2",
        "ArrowLeft": "1 of 2",
        "End": "2 of 2",
        "Home": "1 of 2",
        "ArrowUp": "1 of 2",
    }.items():
        window.keyboard.press(key)
        expect(tip).to_contain_text(f"segment {said}")
    window.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    window.keyboard.press("Tab")  # one stop a completion: next is the first segment of the next group
    expect(window.locator("article").nth(1).locator("mark").first).to_be_focused()


def test_every_control_has_a_name_and_every_part_a_role(window: Page) -> None:
    named: dict[Any, str] = {"searchbox": "Search", "slider": "Step", "combobox": "Sort", "button": "Show all"}
    for role, name in named.items():
        expect(window.get_by_role(role, name=name)).to_be_visible()
    for name in ("Credit below", "Reward above"):
        expect(window.get_by_role("spinbutton", name=name)).to_be_visible()
    expect(window.get_by_role("status")).to_have_text("6 of 6 groups, 24 completions")
    expect(window.get_by_role("search")).to_be_visible()
    expect(window.get_by_role("banner").get_by_role("heading", level=1)).to_have_text("Birds")
    expect(window.get_by_role("img", name=re.compile("set value by step, from .* to .*"))).to_be_visible()
    expect(window.get_by_role("table", name="Completions of group 1 in order of credit")).to_be_visible()
    assert window.evaluate("document.documentElement.lang") == "en"


def test_filters_and_sorting_choose_groups(window: Page) -> None:
    assert len(listed(window)) == 6
    status = window.get_by_role("status")
    assert after(window, lambda: window.fill("#step", "2")) == ["Group 3", "Group 4"]
    expect(window.locator("#stepsaid")).to_have_text("step 2")
    assert after(window, lambda: window.fill("#text", "of step 3")) == []
    expect(status).to_contain_text("Nothing matches")
    assert after(window, lambda: window.click("#reset")) == [f"Group {number}" for number in range(1, 7)]
    expect(window.locator("#stepsaid")).to_have_text("all steps")
    assert after(window, lambda: window.fill("#text", "BIRD 9")) == ["Group 5"]
    expect(status).to_have_text("1 of 24 completions, in 1 of 6 groups")
    window.wait_for_selector("article:not([aria-busy])")
    assert window.locator("tr.said").count() == 1
    assert window.locator(".text b").all_inner_texts() == ["bird 9"]
    after(window, lambda: window.click("#reset"))
    assert after(window, lambda: window.fill("#above", "6.5")) == ["Group 5", "Group 6"]
    expect(status).to_have_text("2 of 24 completions, in 2 of 6 groups")
    after(window, lambda: window.click("#reset"))
    assert after(window, lambda: window.fill("#below", "-2")) == []
    assert after(window, lambda: window.fill("#below", "")) == listed(window)
    highest = after(window, lambda: window.select_option("#sort", "high"))
    assert highest == ["Group 5", "Group 6", "Group 3", "Group 4", "Group 1", "Group 2"]
    lowest = after(window, lambda: window.select_option("#sort", "low"))
    assert lowest == ["Group 1", "Group 2", "Group 3", "Group 4", "Group 5", "Group 6"]


def test_what_is_searched_is_text_and_no_pattern(opened: Any, make: Any, given: list[dict[str, Any]], ready: Ready) -> None:
    window = ready(opened(make([*given, given[0] | {"completion": "x" * 5000 + " (a|b)* c++ [1] end"}])))
    assert after(window, lambda: window.fill("#text", "(A|B)* c++ [1")) == ["Group 1"]
    window.wait_for_selector("article:not([aria-busy])")
    assert window.locator(".text b").all_inner_texts() == ["(a|b)* c++ [1"]
    window.get_by_role("button", name="Show all 5,019 characters").click()
    assert window.locator("tr.said").inner_text().startswith("x" * 5000)


def test_the_slider_moves_the_summary(window: Page) -> None:
    value = window.locator(".line", has_text="set value").locator(".now")
    expect(value).to_have_text("4.00")  # the mean of 1, 4 and 7
    after(window, lambda: window.press("#step", "ArrowRight"))
    expect(value).to_have_text("1.00")
    expect(window.locator("#step")).to_have_attribute("aria-valuetext", "step 1")
    after(window, lambda: window.press("#step", "End"))
    expect(value).to_have_text("7.00")


@pytest.mark.parametrize("width", [320, 390, 760, 1280])
def test_no_width_scrolls_sideways(width: int, opened: Any, html: str, ready: Ready) -> None:
    window = ready(opened(html, width=width, height=800))
    assert window.evaluate("document.documentElement.scrollWidth") <= width
    assert window.locator("article").first.evaluate("each => each.scrollWidth <= each.clientWidth")
    expect(window.locator("tr.figures").first.locator("td.credit")).to_be_visible()
    expect(window.get_by_role("figure", name="Shading of credit")).to_be_in_viewport()


def test_one_legend_stays_in_sight_and_says_what_shades_mean(window: Page) -> None:
    expect(window.locator("figure")).to_have_count(1)
    window.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    legend = window.get_by_role("figure", name="Shading of credit")
    expect(legend).to_be_in_viewport()
    assert legend.locator(".end").all_inner_texts() == [f"≤ {MINUS}0.50", "≥ +0.50"]
    shades = window.locator("article").first.locator("mark").evaluate_all("all => all.map((each) => each.className)")
    assert shades == ["p1", "n4"]


def test_light_and_dark_follow_the_reader(opened: Any, html: str, ready: Ready) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        window = ready(opened(html, scheme=scheme))
        grounds.append(window.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
        ink, shade = window.locator("mark.n4").first.evaluate(
            "each => [getComputedStyle(each).color, getComputedStyle(each).backgroundColor]"
        )
        assert ratio(ink, shade) >= 4.5
    assert ratio(*grounds) > 12


def ratio(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_paper_has_all_texts_and_no_controls(opened: Any, html: str, ready: Ready) -> None:
    window = ready(opened(html, height=300, scheme="dark"))
    window.emulate_media(media="print", color_scheme="dark")
    window.wait_for_timeout(200)
    assert window.locator("article[aria-busy]").count() == 0
    for hidden in ("#find", "#slide", ".skip"):
        expect(window.locator(hidden)).to_be_hidden()
    assert window.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert window.evaluate("getComputedStyle(document.querySelector('mark')).printColorAdjust") == "exact"
    assert "Answer 3 of step 3" in window.locator("article").last.inner_text()
    assert window.pdf().startswith(b"%PDF")


def test_paper_says_what_it_leaves_out(opened: Any, make: Any, ready: Ready) -> None:
    rows = [{"uid": number, "completion": f"text {number}", "reward": 1.0} for number in range(130)]
    window = ready(opened(make(rows, by="uid")))
    window.wait_for_timeout(300)
    window.emulate_media(media="print")
    expect(window.locator("#cut")).to_have_text("The first 100 of 130 groups are printed; filter to print others.")
    expect(window.locator("article").nth(99)).to_contain_text("text 99")
    expect(window.locator("article").nth(100)).to_be_hidden()


def test_many_groups_are_listed_a_part_at_a_time(opened: Any, make: Any, ready: Ready) -> None:
    rows = [{"uid": number, "completion": f"text {number}", "reward": 1.0} for number in range(3600)]
    window = ready(opened(make(rows, by="uid")))
    assert len(listed(window)) == 1500
    window.get_by_role("button", name="List 1,500 of 2,100 more groups").click()
    window.get_by_role("button", name="List 600 of 600 more groups").click()
    window.wait_for_function("document.querySelectorAll('article').length === 3600")
    expect(window.get_by_role("button", name=re.compile("more groups"))).to_have_count(0)
    assert listed(window) == [f"Group {number}" for number in range(1, 3601)]
    assert after(window, lambda: window.fill("#text", "text 359")) == ["Group 360", *(f"Group {n}" for n in range(3591, 3601))]
