"""Every picture beside the one that was looked at. `python tests/support/plot_cases.py` draws these anew."""

from __future__ import annotations

import numpy as np
import pytest
import shapley_credit as sc

from plot_cases import BASELINES, PICTURES, PIECES, SHADES, THEMES, Draw, kept, nested, pixels, plain

# Root mean square of the difference of two pictures, of 255: rendering of fonts may differ a little between machines.
MOST = 5.0

pytestmark = pytest.mark.checkout


def difference(draw: Draw, name: str, theme: str) -> float:
    drawn, known = pixels(draw, theme), kept(name, theme)
    assert drawn.shape == known.shape
    return float(np.sqrt(((drawn - known) ** 2).mean()))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", list(PICTURES))
def test_pictures_are_those_that_were_looked_at(name: str, theme: str) -> None:
    assert difference(PICTURES[name], name, theme) <= MOST


def test_the_comparison_can_fail() -> None:
    """A credit of the other sign, and a token that is not shaded, are seen."""
    wrong = plain().credit * np.where(np.arange(6) == 2, -1, 1)
    assert difference(lambda **style: sc.plots.tree(wrong, nested(6), names=plain().names, **style), "tree", "light") > MOST
    shades = np.where(np.arange(8) == 6, 0.0, SHADES)
    assert difference(lambda **style: sc.plots.tokens(PIECES, shades, **style), "tokens", "dark") > MOST


def test_every_function_has_its_pictures_and_they_are_small() -> None:
    assert sorted(PICTURES) == sorted(sc.plots.__all__)
    there = list(BASELINES.glob("*"))
    assert {path.name for path in there} == {f"{name}_{theme}.png" for name in PICTURES for theme in THEMES}
    assert max(path.stat().st_size for path in there) <= 15_000
