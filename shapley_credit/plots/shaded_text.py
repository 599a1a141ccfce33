"""A text in its own order, shaded by the credit of its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown, text_of
from shapley_credit.plots.canvas import canvas, colour_bar, dressed, font_size, ink_on, points, signed_colours
from shapley_credit.plots.fitted_text import drawable, fitted, width
from shapley_credit.plots.plotted import Array, numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Height of a line, and the smallest text, in points, relative to the size of text and absolute.
_LINE, _SMALLEST = 1.75, 4.0
# Most lines of a new figure, in inches of 23: longer texts are cut, and said to be.
_MOST_LINES = 100
# Most characters in the width of one em. No more are measured at a time, so that a text without spaces costs what others do.
_DENSEST = 4


class Run(NamedTuple):
    """A stretch of one part on one line: where it starts in points, its drawable text, and its part."""

    line: int
    left: float
    text: str
    part: int


def tokens(pieces: Any, credit: Any, *, ax: Axes | None = None, theme: str | None = None) -> Axes:
    """A text whose parts are shaded by their credit: tokens, words, phrases or sentences.

    pieces: strings that make up the text in their order, as tokens decoded one by one, or a `SegmentedText`.
    credit: one number a piece, or a member of the `SegmentedText`; parts whose credit is NaN, as those of a prompt, stay
        unshaded.
    ax, theme: as for `bars`. Line breaks in the text are kept. Text that does not fit is drawn smaller, and at last cut.

    Returns the Axes, in the units of v. Raises InputError for texts without characters and other numbers of credits,
    MissingExtraError without matplotlib.

    >>> import matplotlib.pyplot as plt
    >>> import shapley_credit as sc
    >>> ax = sc.plots.tokens(["2 + 2", " is", " 4."], [float("nan"), 0.0, 1.0])
    >>> [text.get_text() for text in ax.texts]
    ['2 + 2', ' is', ' 4.']
    >>> plt.close(ax.figure)
    """
    parts, owners, values = _read(pieces, credit)
    new = ax is None
    ax, colours = canvas(ax, theme, 7.0, 1.6)
    colour_of, scale = signed_colours(colours), _scale(ax, values, signed_colours(colours))
    colour_bar(ax, colours, scale, "credit, in the units of v", location="bottom", shrink=0.45, aspect=40, pad=0.02)
    dressed(ax, colours, "Credit of the parts of a text")
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
    runs, size, cut = _laid_out(ax, parts, new)
    across, upwards = points(ax)
    ax.set_xlim(0, across)
    ax.set_ylim(upwards, 0)
    for run in runs:
        value = values[owners[run.part]]
        colour: Any = colours.paper if np.isnan(value) else colour_of(scale.norm(value))
        _draw(ax, run, size, colour)
    if cut:
        line = runs[-1].line + 1
        ax.text(
            0,
            (line + 0.5) * _LINE * size,
            f".. and {cut:,} more characters",
            fontsize=size,
            color=colours.faint,
            va="center_baseline",
            in_layout=False,
        )
    return ax


def _read(pieces: Any, credit: Any) -> tuple[list[str], list[int], Array]:
    """The parts of a text, whose credit each has, and the credits."""
    if hasattr(pieces, "pieces"):
        owners, parts = map(list, zip(*pieces.pieces, strict=True)) if pieces.pieces else ([], [])
        needed = pieces.tree.k
    else:
        if not isinstance(pieces, list | tuple):
            raise InputError(f"pieces must be a list of strings, or a SegmentedText; got {shown(pieces)}.")
        parts = [text_of(piece, f"piece {place}") for place, piece in enumerate(pieces)]
        owners, needed = list(range(len(parts))), len(parts)
    if not any(parts):
        raise InputError("the text has no characters, so that there is nothing to shade.")
    values = numbers(credit, "credit")
    if values.shape != (needed,):
        raise InputError(f"credit must be one number for each of {needed} parts of the text; got shape {values.shape}.")
    return parts, owners, values


def _scale(ax: Axes, values: Array, colour_of: Any) -> Any:
    """Colours with 0 in their middle, up to the largest credit."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    largest = float(np.nan_to_num(np.abs(values)).max()) or 1.0
    return ScalarMappable(Normalize(-largest, largest), colour_of)


def _laid_out(ax: Axes, parts: Sequence[str], new: bool) -> tuple[list[Run], float, int]:
    """Runs on lines that fit the axes, the size of their text, and how many characters had to be left out.

    A new figure grows to the text; in axes that were given the text shrinks.
    """
    across, upwards = points(ax)
    size = font_size(across)
    if new:
        runs = [*_runs(parts, across, size)]
        figure: Any = ax.figure
        for _ in range(3):  # the legend takes its part of what is added
            lacking = _LINE * size * (min(runs[-1].line + 1, _MOST_LINES) + 0.4) - points(ax)[1]
            figure.set_size_inches(figure.get_figwidth(), max(1.1, figure.get_figheight() + lacking / 72))
        across, upwards = points(ax)
    runs = [*_runs(parts, across, size)]
    while (runs[-1].line + 1) * _LINE * size > upwards and size > _SMALLEST and not new:
        size = max(_SMALLEST, 0.9 * size)
        runs = [*_runs(parts, across, size)]
    lines = max(1, int(upwards / (_LINE * size)))
    if runs[-1].line < lines:
        return runs, size, 0
    kept = [run for run in runs if run.line < lines - 1] or runs[:1]
    return kept, size, sum(len(run.text) for run in runs[len(kept) :])


def _runs(parts: Sequence[str], across: float, size: float) -> Iterator[Run]:
    """The text in lines, broken at spaces where it can be; what is wider than a line is broken anywhere."""
    line, left = 0, 0.0
    for part, whole in enumerate(parts):
        text, start = "", left
        for word in _words(whole):
            if word == "\n":
                if text or not whole.strip("\n"):
                    yield Run(line, start, text, part)
                line, left, text, start = line + 1, 0.0, "", 0.0
                continue
            for bit in _bits(drawable(word), across, size):
                wide = width(bit, size)
                if left + wide > across and left > 0:
                    if text:
                        yield Run(line, start, text, part)
                    line, left, text, start = line + 1, 0.0, "", 0.0
                    if bit.isspace():
                        continue
                text, left = text + bit, left + wide
        if text:
            yield Run(line, start, text, part)


def _words(text: str) -> list[str]:
    """Words, spaces and line breaks."""
    return re.findall(r"\n|[^\S\n]+|\S+", text.replace("\r\n", "\n"))


def _bits(word: str, across: float, size: float) -> Iterator[str]:
    """A word in bits that fit a line."""
    longest = 2 + int(_DENSEST * across / size)
    while word:
        bit = word[:longest]
        if width(bit, size) > across and len(bit) > 1:
            bit = bit[: max(1, len(fitted(bit, across, size)) - 2)]
        yield bit
        word = word[len(bit) :]


def _draw(ax: Axes, run: Run, size: float, colour: Any) -> None:
    from matplotlib.patches import Rectangle

    middle = (run.line + 0.5) * _LINE * size
    corner, wide = (run.left, middle - 0.75 * size), width(run.text, size)
    ax.add_patch(Rectangle(corner, wide, 1.5 * size, facecolor=colour, linewidth=0))
    ax.text(
        run.left, middle, run.text, fontsize=size, color=ink_on(colour), va="center_baseline", parse_math=False, in_layout=False
    )
