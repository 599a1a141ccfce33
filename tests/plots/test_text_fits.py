"""Text of pictures: none lies upon another, none leaves the picture, all can be read, whatever members are called."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import shapley_credit as sc
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from shapley_credit.plots.canvas import THEMES as COLOURS
from shapley_credit.plots.canvas import ink_on, signed_colours
from shapley_credit.plots.fitted_text import drawable, fitted, width, wrapped

from plot_cases import HARD, LONG, THEMES, Draw

# Pixels by which boxes may touch: they are rounded up to whole ones.
SLACK = 1.5


@pytest.fixture(autouse=True)
def _no_figure_stays() -> Iterator[None]:
    yield
    plt.close("all")


def texts_of(figure: Any) -> Iterator[tuple[Text, Any]]:
    """The texts of a figure that are seen, and the boxes of the ink of each, in pixels."""
    figure.canvas.draw()
    hidden = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            seen = {id(tick) for tick in axis._update_ticks()}
            hidden |= {label for tick in axis.get_major_ticks() if id(tick) not in seen for label in (tick.label1, tick.label2)}
    for text in figure.findobj(Text):
        if text.get_text().strip() and text.get_visible() and text not in hidden:
            yield text, text.get_window_extent()


def faults(figure: Any) -> list[str]:
    """What is wrong with the texts of a figure."""
    found, whole = [], figure.bbox
    boxes = list(texts_of(figure))
    for text, box in boxes:
        if box.x0 < whole.x0 - SLACK or box.x1 > whole.x1 + SLACK or box.y0 < whole.y0 - SLACK or box.y1 > whole.y1 + SLACK:
            found.append(f"{text.get_text()!r} leaves the picture")
        if text.axes is not None and text in text.axes.texts:
            inside = text.axes.get_window_extent()
            if box.x0 < inside.x0 - SLACK or box.x1 > inside.x1 + SLACK:
                found.append(f"{text.get_text()!r} leaves its axes")
        if not text.get_text().replace("\n", "").isprintable():
            found.append(f"{text.get_text()!r} does not print")
    for (one, a), (other, b) in combinations(boxes, 2):
        if min(a.x1, b.x1) - max(a.x0, b.x0) > SLACK and min(a.y1, b.y1) - max(a.y0, b.y0) > SLACK:
            found.append(f"{one.get_text()!r} lies upon {other.get_text()!r}")
    return found


@pytest.mark.parametrize("k", [1, 6, 60])
@pytest.mark.parametrize("name", list(HARD))
def test_no_text_lies_upon_another_or_leaves_the_picture(name: str, k: int) -> None:
    theme = THEMES[k % 2]
    assert faults(HARD[name](k)(theme=theme).figure) == []


@pytest.mark.parametrize("name", list(HARD))
def test_in_small_axes_beside_others(name: str) -> None:
    figure, ((_, ax), _) = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
    draw: Draw = HARD[name](6)
    assert draw(ax=ax) is ax
    assert faults(figure) == []


def test_overlaps_are_seen() -> None:
    ax = sc.plots.bars([1.0, 2.0])
    assert faults(ax.figure) == []
    ax.text(1.5, 0, "upon it")
    ax.text(1.0, 1.0, "out " * 40, in_layout=False)
    told = " ".join(faults(ax.figure))
    assert "leaves the picture" in told
    assert "leaves its axes" in told
    assert "lies upon" in told


def contrast(one: Any, other: Any) -> float:
    """WCAG 2.2."""

    def luminance(colour: Any) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_text_and_curves_can_be_read(theme: str) -> None:
    colours = COLOURS[theme]
    assert min(contrast(ink, colours.paper) for ink in (colours.ink, colours.faint)) >= 4.5
    assert min(contrast(colour, colours.paper) for colour in (*colours.series, colours.negative, colours.positive)) >= 3
    shades = signed_colours(colours)(np.linspace(0, 1, 101))
    assert min(contrast(shade, ink_on(shade)) for shade in shades) >= 4.5
    assert contrast(colours.absent, ink_on(colours.absent)) >= 4.5


# What a colour is without the cones for red, and without those for green, in linear light (Viénot, Brettel & Mollon 1999).
LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
BLIND = {
    "red": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
    "green": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("cones", list(BLIND))
def test_the_colour_blind_see_the_sign(theme: str, cones: str) -> None:
    """Blue stays blue and orange stays yellow: the two ends lie on both sides of grey, far apart."""
    seen = np.linalg.inv(LMS) @ BLIND[cones] @ LMS
    ends = [seen @ (np.array(to_rgb(colour)) ** 2.2) for colour in (COLOURS[theme].negative, COLOURS[theme].positive)]
    yellowness = [float((end[0] + end[1]) / 2 - end[2]) for end in ends]
    assert yellowness[0] > 0.08
    assert yellowness[1] < -0.08


def test_texts_are_cut_to_a_width() -> None:
    for most in (0.0, 5.0, 30.0, 100.0, 1e4):
        short = fitted(LONG, most, 10)
        assert width(short, 10) <= most
        assert LONG.startswith(short.removesuffix(".."))
    assert fitted("ann", 1e4, 10) == "ann"
    assert width(fitted(LONG, 100, 10), 10) > 85
    assert all(width(line, 10) <= 120 for line in wrapped(LONG + "x" * 60, 120, 10).split("\n"))
    assert wrapped("one two", 1e4, 10) == "one two"
    assert wrapped("one two", width("one tw", 10), 10) == "one\ntwo"


def test_fonts_that_lack_a_character_show_its_escape() -> None:
    assert drawable("naïve \x1b[1m 你 ∅ \u202e $x$ \ud800") == "naïve \\x1b[1m \\u4f60 ∅ \\u202e $x$ \\ud800"


@pytest.mark.parametrize("letter", ["x", "i"])
def test_a_text_without_spaces_is_measured_a_few_times(letter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from shapley_credit.plots import shaded_text

    measured: list[int] = []

    def counting(text: str, size: float) -> float:
        measured.append(len(text))
        return width(text, size)

    monkeypatch.setattr(shaded_text, "width", counting)
    word = letter * 3_000
    bits = [*shaded_text._bits(word, 300.0, 10.0)]
    assert "".join(bits) == word
    assert all(width(bit, 10.0) <= 300.0 for bit in bits)
    assert sum(measured) <= 6 * len(word)
