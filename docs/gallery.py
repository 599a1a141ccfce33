"""Draws the pictures of docs/plots.md, by running its lines on light and on dark paper: python docs/gallery.py."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
from PIL import Image
from shapley_credit.plots.canvas import THEMES

HERE = Path(__file__).parent


def draw(folder: Path) -> None:
    """Write NAME_light.png and NAME_dark.png for every plots.NAME of the page."""
    blocks = re.findall(r"```python\n(>>>.*?)```", (HERE / "plots.md").read_text(encoding="utf-8"), re.DOTALL)
    for theme, colours in THEMES.items():
        names: dict[str, Any] = {}
        settings: Any = {"figure.facecolor": colours.paper, "figure.dpi": 120}
        with mpl.rc_context(mpl.rcParamsDefault | settings):
            for block in blocks:
                lines = [line[4:] for line in block.splitlines() if line.startswith((">>> ", "... "))]
                exec("\n".join(lines), names)  # the page's own lines, which the tests run too
                (called,) = re.findall(r"sc\.plots\.(\w+)\(", block)
                drawn = io.BytesIO()
                names["ax"].figure.savefig(drawn)
                Image.open(drawn).convert("RGB").quantize(256).save(folder / f"{called}_{theme}.png", optimize=True)
                plt.close("all")


if __name__ == "__main__":
    (HERE / "plots").mkdir(exist_ok=True)
    draw(HERE / "plots")
