"""Axes to draw into, and their colours on light and on dark paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapley_credit.errors import InputError, MissingExtraError, install
from shapley_credit.inputs.checks import one_of
from shapley_credit.plots.fitted_text import drawable, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


class Theme(NamedTuple):
    """Colours of one kind of paper.

    negative, zero, positive: ends and middle of the map of signed credit. series: of lines, told apart by the colour blind
    (Okabe & Ito 2008). absent: of what has no credit.
    """

    paper: str
    ink: str
    faint: str
    line: str
    absent: str
    negative: str
    zero: str
    positive: str
    series: tuple[str, ...]


THEMES = {
    "light": Theme(
        paper="#ffffff",
        ink="#1f2328",
        faint="#5c636b",
        line="#dfe2e6",
        absent="#e9ebee",
        negative="#b85a10",
        zero="#f6f6f4",
        positive="#1f63a8",
        series=("#0072b2", "#d55e00", "#008060", "#b0528c", "#a07000", "#3a3f46"),
    ),
    "dark": Theme(
        paper="#16191d",
        ink="#e8eaed",
        faint="#a3abb3",
        line="#363c43",
        absent="#2b3036",
        negative="#f09a4a",
        zero="#23272c",
        positive="#62a8ea",
        series=("#56b4e9", "#f0904c", "#35c197", "#dc8fba", "#e6c229", "#c9ced4"),
    ),
}


def canvas(ax: Axes | None, theme: str | None, width: float, height: float, layout: str = "constrained") -> tuple[Axes, Theme]:
    """The axes to draw into, new ones of this size in inches if there are none, and the colours for their paper.

    layout: "constrained", or "compressed" for axes of a fixed aspect.

    A theme that is asked for also colours the paper of the figure. Raises InputError for what is no Axes or no theme,
    MissingExtraError without matplotlib.
    """
    if theme is not None:
        one_of(theme, THEMES, "theme")
    try:
        import matplotlib.pyplot as plt
        from matplotlib.axes import Axes as KnownAxes
    except ImportError as error:
        raise MissingExtraError(f"plots need matplotlib; {install('plots')}") from error
    if ax is None:
        ax = plt.subplots(figsize=(width, height), layout=layout)[1]
    if not isinstance(ax, KnownAxes):
        raise InputError(f"ax must be an Axes of matplotlib, as plt.subplots() makes them; got {type(ax).__name__}.")
    if ax.name != "rectilinear":
        raise InputError(f"ax must have the projection rectilinear, as plt.subplots() makes it; got axes that are {ax.name}.")
    figure: Any = ax.figure
    if theme is not None:
        figure.set_facecolor(THEMES[theme].paper)
    colours = THEMES[theme or _theme_of(figure.get_facecolor())]
    ax.set_facecolor("none")
    return ax, colours


def _theme_of(paper: tuple[float, ...]) -> str:
    """The theme for the colour of a figure; one that shows what is behind it counts as white."""
    red, green, blue, opacity = paper
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "dark" if light * opacity + 1 - opacity < 0.4 else "light"


def dressed(ax: Axes, colours: Theme, title: str, x: str = "", y: str = "", grid: str = "") -> None:
    """Title, names of the axes, and their colours; grid is "x", "y" or ""."""
    across, upwards = points(ax)
    size = font_size(across)
    ax.set_title(
        wrapped(drawable(title), across, 1.1 * size), loc="left", fontsize=1.1 * size, color=colours.ink, parse_math=False
    )
    ax.set_xlabel(wrapped(drawable(x), across, size), fontsize=size, color=colours.faint, parse_math=False)
    ax.set_ylabel(wrapped(drawable(y), upwards, size), fontsize=size, color=colours.faint, parse_math=False)
    ax.tick_params(colors=colours.faint, labelsize=0.9 * size)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(colours.line)
    if grid:
        ax.grid(axis=grid, color=colours.line, linewidth=0.8)  # type: ignore[arg-type, unused-ignore]
        ax.set_axisbelow(True)


def font_size(across: float) -> float:
    """The size of text in points, smaller in narrow axes."""
    from matplotlib import rcParams

    return float(rcParams["font.size"]) * min(1.0, max(0.6, across / 180))


def points(ax: Axes) -> tuple[float, float]:
    """Width and height of axes in points, as they are laid out now."""
    figure: Any = ax.get_figure(root=True)
    figure.draw_without_rendering()
    box = ax.get_window_extent()
    return 72 * box.width / figure.dpi, 72 * box.height / figure.dpi


def signed_colours(colours: Theme) -> Colormap:
    """The map of signed credit: orange below 0, blue above, nearly the paper at 0; nothing is drawn of absent members."""
    from matplotlib.colors import LinearSegmentedColormap

    ends = [colours.negative, colours.zero, colours.positive]
    return LinearSegmentedColormap.from_list("signed credit", ends).with_extremes(bad="none")


def ink_on(colour: Any) -> str:
    """Black or white, whichever has the higher contrast with a colour (relative luminance, WCAG 2.2)."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000000"


def hatched(patch: Any, colours: Theme) -> None:
    """How a place without credit looks."""
    patch.set(facecolor=colours.paper, edgecolor=colours.line, hatch="////", linewidth=0)


def counted(count: int, what: str) -> str:
    """A number of things in words, as 1 group and 2 groups."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def colour_bar(ax: Axes, colours: Theme, scale: Any, label: str, **place: Any) -> None:
    """A legend of the map of signed credit."""
    from matplotlib.ticker import MaxNLocator

    bar = ax.figure.colorbar(scale, ax=ax, ticks=MaxNLocator(5), **place)
    size = font_size(points(ax)[0])
    bar.set_label(label, color=colours.faint, fontsize=0.9 * size)
    bar.ax.tick_params(colors=colours.faint, labelsize=0.8 * size)
    bar.outline.set_visible(False)
