"""Credits as colours of cells: pairs of members, and many groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shapley_credit.blackbox.solution import Estimate
from shapley_credit.errors import InputError
from shapley_credit.explanation.explained import Explanation
from shapley_credit.inputs.checks import one_of, shown
from shapley_credit.member_names import read_names
from shapley_credit.plots.canvas import (
    Theme,
    canvas,
    colour_bar,
    counted,
    dressed,
    font_size,
    hatched,
    ink_on,
    points,
    signed_colours,
)
from shapley_credit.plots.fitted_text import fitted_apart, width
from shapley_credit.plots.plotted import Array, explained, numbers, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# How much room the names of rows may take, as a part of the axes', and of columns.
_ROWS, _COLUMNS = 0.3, 0.25

# The least size of numbers in cells, in points.
_LEAST = 5.0

# What `pairs` draws: the words at the colours, above, below and beside the cells.
_PAIRS = {
    "without": ("change of credit", "What members add to each other's credit", "member that is there", "member that earns"),
    "interactions": ("interaction", "What pairs add beyond what their members add alone", "member", "member"),
}


def pairs(
    explanation: Explanation | Estimate,
    *,
    of: str = "without",
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    theme: str | None = None,
) -> Axes:
    """Who lowers and who raises whose credit: in row i, column j, what the presence of j adds to the credit of i.

        phi_i(N) - phi_i(N without j).

    explanation: of one group, or an exact `Attribution`, for its explanation. of: "without", or "interactions" for the
        interaction index of i and j. names: [k] strings, instead of its own; long ones that begin alike are cut at the
        beginning, or numbered. ax, theme: as for `bars`.

    Orange says that i would earn more without j, blue that it would earn less; of interactions, that the two replace or need
    each other. The diagonal, in grey, is the credit itself; absent members are hatched.
    Numbers stand in the cells where they fit in 5 points or more. Returns the Axes, in the units of v. Raises InputError for
    several groups and another `of`, MissingExtraError without matplotlib.

    >>> import matplotlib.pyplot as plt
    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> ax = sc.plots.pairs(sc.explain(u.Max([3.0, 3.0, 1.0])))
    >>> sorted({text.get_text() for text in ax.texts})
    ['+0.333', '+1.33', '-0.167', '-1.17']
    >>> plt.close(ax.figure)
    """
    group = explained(explanation, "pairs")
    one_of(of, _PAIRS, "of")
    label, *titles = _PAIRS[of]
    k = len(group.names)
    called = group.names if names is None else read_names(names, k)
    change = numbers(getattr(group, of), of)
    change[~group.present], change[:, ~group.present] = np.nan, np.nan
    side = min(12.0, 2.2 + max(0.17 * k, min(3.6, 0.62 * k), 0.45 * min(k, 12)))
    ax, colours = canvas(ax, theme, side + 1.2, side, layout="compressed")
    _cells(ax, colours, np.where(np.eye(k, dtype=np.bool_), np.nan, change), label)
    ax.set_aspect("equal")
    _finish(ax, colours, called, called, *titles)
    _write(ax, colours, change)
    return ax


def groups(
    credit: Any,
    *,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    theme: str | None = None,
) -> Axes:
    """Credits of many groups, a row each, of any sizes: one colour scale for all, hatched where a group has no member.

    credit: an `Explanation` of groups, credits [B, k], NaN for absent members, or a list of B lists of any lengths.
    names: [B] strings, of the groups. ax, theme: as for `bars`.

    Returns the Axes, in the units of v. Raises InputError for a single group and for credits that are not finite,
    MissingExtraError without matplotlib.

    >>> import matplotlib.pyplot as plt
    >>> import shapley_credit as sc
    >>> ax = sc.plots.groups([[0.5, 0.5], [1.0], [0.25, -0.25, 2.0]])
    >>> ax.images[0].get_array().tolist()
    [[0.5, 0.5, None], [1.0, None, None], [0.25, -0.25, 2.0]]
    >>> plt.close(ax.figure)
    """
    cells = _rows_of(credit)
    called = read_names(names, len(cells)) if names is not None else tuple(map(str, range(len(cells))))
    ax, colours = canvas(ax, theme, min(12.0, max(4.5, 3 + 0.28 * cells.shape[1])), min(9.0, max(2.4, 1.4 + 0.22 * len(cells))))
    _cells(ax, colours, cells, "credit, in the units of v")
    ax.set_aspect("auto")
    columns = [*map(str, range(cells.shape[1]))]
    _finish(ax, colours, called, columns, f"Credits of {counted(len(cells), 'group')}", "member", "group")
    return ax


def _rows_of(credit: Any) -> Array:
    """Credits [B, k], NaN where a group has no member."""
    if isinstance(credit, Explanation):
        values = np.where(credit.present, numbers(credit.credit, "credit"), np.nan)
        rows = [*values.reshape(-1, values.shape[-1])] if values.ndim > 1 else []
    elif hasattr(credit, "shape"):
        values = numbers(credit, "credit")
        rows = [*values] if values.ndim == 2 else []
    elif isinstance(credit, list | tuple):
        rows = [numbers(row, f"group {place} of credit") for place, row in enumerate(credit)]
    else:
        rows = []
    longest = max((len(row) for row in rows if row.ndim == 1), default=0)
    if not longest or any(row.ndim != 1 for row in rows):
        raise InputError(
            "groups draws the credits of many groups, [B, k] or a list of lists, with at least one member; got "
            f"{shown(credit)}. For one group take plots.bars."
        )
    cells = np.full((len(rows), longest), np.nan)
    for place, row in enumerate(rows):
        cells[place, : len(row)] = row
    return cells


def _cells(ax: Axes, colours: Theme, cells: Array, label: str) -> None:
    """The picture of cells, with 0 in the middle of the colours, and its legend; hatched where there is no member."""
    largest = float(np.nan_to_num(np.abs(cells)).max(initial=0.0)) or 1.0
    image = ax.imshow(
        np.ma.masked_invalid(cells), cmap=signed_colours(colours), vmin=-largest, vmax=largest, interpolation="nearest"
    )
    hatched(ax.patch, colours)
    colour_bar(ax, colours, image, label, shrink=0.85, pad=0.02)


def _finish(ax: Axes, colours: Theme, rows: Sequence[str], columns: Sequence[str], *titles: str) -> None:
    """Names of rows and columns, as many as can be read."""
    for spine in ax.spines.values():
        spine.set_visible(False)
    for _ in range(2):  # names take room from the axes that they are beside
        across, upwards = points(ax)
        size = 0.9 * font_size(across)
        _row_names(ax, fitted_apart(rows, _ROWS * across, size), upwards, size)
        _column_names(ax, fitted_apart(columns, _COLUMNS * upwards, size), across, size)
        dressed(ax, colours, *titles)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.tick_params(length=0, labelsize=size)


def _every(count: int, room: float, size: float) -> int:
    """Every which of `count` names can be written without touching the next."""
    return max(1, int(np.ceil(count * 1.3 * size / max(room, 1.0))))


def _row_names(ax: Axes, texts: Sequence[str], upwards: float, size: float) -> None:
    step = _every(len(texts), upwards, size)
    ax.set_yticks(range(0, len(texts), step), texts[::step], parse_math=False)


def _column_names(ax: Axes, texts: Sequence[str], across: float, size: float) -> None:
    """Below their columns, upright where they are wider than these."""
    flat = max(width(text, size) for text in texts) + 4 <= across / len(texts)
    step = 1 if flat else _every(len(texts), across, size)
    ax.set_xticks(range(0, len(texts), step), texts[::step], rotation=0 if flat else 90, parse_math=False)


def _write(ax: Axes, colours: Theme, values: Array) -> None:
    """Numbers in the cells, so small that the widest of them fits, if that can be read; those on the diagonal stand on grey."""
    from matplotlib.patches import Rectangle

    image, scale = ax.images[0], float(np.nan_to_num(np.abs(values)).max(initial=0.0))
    told = {index: signed(float(values[index]), scale) for index in np.ndindex(values.shape) if not np.isnan(values[index])}
    across, _ = points(ax)
    room, full = across / len(values) - 4, 0.85 * font_size(across)
    widest = max((width(text, full) for text in told.values()), default=0.0)
    size = full * min(1.0, room / max(widest, 1.0))
    legible = size >= _LEAST
    for (i, j), text in told.items():
        paper: Any = colours.absent if i == j else image.cmap(image.norm(values[i, j]))
        if i == j:
            ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=paper, linewidth=0))
        if legible:
            ax.text(j, i, text, ha="center", va="center", fontsize=size, color=ink_on(paper), parse_math=False)
