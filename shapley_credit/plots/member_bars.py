"""Credits of members as bars, side by side and one upon the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shapley_credit.blackbox.solution import Estimate
from shapley_credit.explanation.explained import Explanation
from shapley_credit.inputs.checks import number
from shapley_credit.plots.canvas import Theme, canvas, dressed, font_size, points
from shapley_credit.plots.fitted_text import drawable, fitted, width
from shapley_credit.plots.plotted import Row, read_credit, shares, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches of a row, and of what stands above and below all rows; how much room names may take, as a part of the axes'.
_ROW, _AROUND, _NAMES = 0.33, 1.0, 0.42

Ends = tuple[float, float]


def bars(
    credit: Any,
    *,
    names: Sequence[str] | None = None,
    max_display: int | None = 10,
    ax: Axes | None = None,
    theme: str | None = None,
) -> Axes:
    """A bar for the credit of every member, the largest first; of an estimate that is not exact with its 95% interval.

    credit: an `Explanation` or `Estimate` of one group, or credits [k], NaN for absent members. names: [k] strings.
    max_display: rows at most, >= 2; the members of least credit are summed in the last one. None shows all.
    ax: Axes to draw into. theme: "light" or "dark".

    Returns the Axes; credits are in the units of v. Raises InputError for several groups, infinite credits and bad options;
    MissingExtraError without matplotlib.

    >>> import matplotlib.pyplot as plt
    >>> import shapley_credit as sc
    >>> ax = sc.plots.bars([0.5, -0.25, 1.0], names=["ann", "bob", "cyd"])
    >>> [float(bar.get_width()) for bar in ax.patches], ax.get_xlabel()
    ([1.0, 0.5, -0.25], 'credit, in the units of v')
    >>> plt.close(ax.figure)
    """
    plotted = read_credit(credit, names)
    rows = shares(plotted, max_display)
    ax, colours = canvas(ax, theme, 6.4, _AROUND + _ROW * len(rows))
    known = [(place, row) for place, row in enumerate(rows) if not np.isnan(row.credit)]
    places, values = [place for place, _ in known], [row.credit for _, row in known]
    ax.barh(places, values, height=0.72, color=[_colour(value, colours) for value in values])
    if plotted.reach is not None:
        sure = [(place, row) for place, row in known if row.reach > 0]
        ax.errorbar(
            [row.credit for _, row in sure],
            [place for place, _ in sure],
            xerr=[row.reach for _, row in sure],
            fmt="none",
            ecolor=colours.ink,
            elinewidth=1.2,
            capsize=3,
        )
    ends = [_around_zero(row) for row in rows]
    ax.axvline(0, color=colours.faint, linewidth=0.8, zorder=0.6)
    title = "Credit of each member" if plotted.reach is None else "Estimated credit of each member, 95% intervals"
    _finish(ax, colours, rows, ends, title, "credit, in the units of v")
    return ax


def waterfall(
    credit: Any,
    *,
    empty: float | None = None,
    names: Sequence[str] | None = None,
    max_display: int | None = 10,
    ax: Axes | None = None,
    theme: str | None = None,
) -> Axes:
    """From v(empty) at the bottom, each bar adds the credit of a member, up to v(N) at the top.

        v(N) = v(empty) + sum_i phi_i.

    credit, names, max_display, ax, theme: as for `bars`. empty: v(empty), where the first bar starts; by default that of an
        `Explanation` or an `Attribution`, and 0 for another `Estimate` or an array, which do not know it.

    Returns the Axes, in the units of v. Raises InputError and MissingExtraError as `bars`, and InputError for an explanation of
    data on a device without `empty`.

    >>> import matplotlib.pyplot as plt
    >>> import shapley_credit as sc
    >>> ax = sc.plots.waterfall([0.5, -0.25, 1.0])
    >>> [(float(bar.get_x()), float(bar.get_width())) for bar in ax.patches]
    [(0.25, 1.0), (-0.25, 0.5), (0.0, -0.25)]
    >>> plt.close(ax.figure)
    """
    plotted = read_credit(credit, names)
    start = number(_empty(credit) if empty is None else empty, "empty, v(empty), must be a finite number", lambda value: True)
    rows = shares(plotted, max_display)
    ax, colours = canvas(ax, theme, 6.4, _AROUND + 0.2 + _ROW * len(rows))
    credits = np.array([0.0 if np.isnan(row.credit) else row.credit for row in rows])
    lefts = start + np.cumsum(credits[::-1])[::-1] - credits  # the last row comes first
    known = [place for place, row in enumerate(rows) if not np.isnan(row.credit)]
    ax.barh(known, credits[known], left=lefts[known], height=0.72, color=[_colour(credits[place], colours) for place in known])
    for place in range(1, len(rows)):  # from the end of a bar to the start of the one above it
        end = lefts[place] + credits[place]
        ax.plot([end, end], [place, place - 1], color=colours.faint, linewidth=0.8, zorder=0.5)
    ends = [(float(min(left, left + own)), float(max(left, left + own))) for left, own in zip(lefts, credits, strict=True)]
    total = start + float(credits.sum())
    for value, edge in ((start, len(rows) - 0.6), (total, -0.4)):  # from the first bar down, and from the last one up
        ax.plot([value, value], [edge, round(edge + (0.2 if edge > 0 else -0.2), 1)], color=colours.ink, linewidth=1.5)
    title = f"From v(empty) = {_plain(start)} to v(N) = {_plain(total)}"
    _finish(ax, colours, rows, ends, title, "value, in the units of v")
    return ax


def _empty(credit: Any) -> float:
    """v(empty) of one group, 0 where it is not known."""
    return float(getattr(credit, "empty", 0.0)) if isinstance(credit, Explanation | Estimate) else 0.0


def _around_zero(row: Row) -> Ends:
    """Where a bar and its interval end on both sides of 0; an absent member has none."""
    if np.isnan(row.credit):
        return 0.0, 0.0
    return min(0.0, row.credit - row.reach), max(0.0, row.credit + row.reach)


def _plain(value: float) -> str:
    return f"{value:.4g}"


def _colour(value: float, colours: Theme) -> str:
    return colours.positive if value >= 0 else colours.negative


def _finish(ax: Axes, colours: Theme, rows: list[Row], ends: list[Ends], title: str, unit: str) -> None:
    """Names, numbers beside the bars, and limits that leave room for these."""
    ax.set_ylim(len(rows) - 0.4, -0.6)
    across, upwards = points(ax)
    size = max(2.0, min(font_size(across), 0.75 * upwards / len(rows)))
    names = [fitted(drawable(row.name), _NAMES * across, size) for row in rows]
    ax.set_yticks(range(len(rows)), names, parse_math=False)
    dressed(ax, colours, title, unit, grid="x")
    ax.tick_params(axis="y", length=0, labelsize=size, labelcolor=colours.ink)
    ax.spines["left"].set_visible(False)
    scale = max((abs(row.credit) for row in rows if not np.isnan(row.credit)), default=0.0)
    told = ["absent" if np.isnan(row.credit) else signed(row.credit, scale) for row in rows]
    ax.set_xlim(*_limits(points(ax)[0], rows, ends, [width(text, size) + 8 for text in told]))
    for place, (row, (left, right), text) in enumerate(zip(rows, ends, told, strict=True)):
        below, colour = row.credit < 0, colours.faint if np.isnan(row.credit) else colours.ink
        ax.annotate(
            text,
            (left if below else right, place),
            xytext=(-4 if below else 4, 0),
            textcoords="offset points",
            va="center_baseline",
            ha="right" if below else "left",
            fontsize=size,
            color=colour,
            parse_math=False,
            in_layout=False,
        )


def _limits(across: float, rows: list[Row], ends: list[Ends], widths: list[float]) -> Ends:
    """Limits between which all bars stand, and the numbers beside them, whose widths are in points of `across`."""
    low, high = min(left for left, _ in ends), max(right for _, right in ends)
    high = high if high > low else low + 1.0
    bare = low, high
    for _ in range(30):  # wider limits make points worth more: to the fixed point
        worth = (high - low) / across
        sides = [
            (row.credit < 0, end, min(own, 0.35 * across) * worth) for row, end, own in zip(rows, ends, widths, strict=True)
        ]
        low = min(bare[0], *(left - room for below, (left, _), room in sides if below), bare[0])
        high = max(bare[1], *(right + room for below, (_, right), room in sides if not below), bare[1])
    margin = 0.02 * (high - low)
    return low - margin, high + margin
