"""The page of pictures: its lines run, and its pictures are there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import matplotlib as mpl
import pytest
from shapley_credit import plots

from pages import DOCS, run_sessions

mpl.use("agg")
import matplotlib.pyplot as plt

pytestmark = pytest.mark.checkout


@pytest.fixture(autouse=True)
def _no_figure_stays() -> Iterator[None]:
    yield
    plt.close("all")


def test_the_page_runs_as_printed() -> None:
    assert run_sessions("plots.md")
    assert len(plt.get_fignums()) == len(plots.__all__)


def test_every_picture_of_the_page_is_there() -> None:
    page = (DOCS / "plots.md").read_text(encoding="utf-8")
    named = re.findall(r"plots/(\w+)\.png", page)
    assert sorted(named) == sorted(f"{name}_{theme}" for name in plots.__all__ for theme in ("light", "dark"))
    assert sorted(path.stem for path in (DOCS / "plots").iterdir()) == sorted(named)
