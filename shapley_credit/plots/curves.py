"""Credits as curves: over the size of coalitions, over what is followed, and over evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shapley_credit.blackbox.solution import Estimate
from shapley_credit.errors import InputError
from shapley_credit.explanation.explained import Explanation
from shapley_credit.inputs.checks import shown, whole_number
from shapley_credit.member_names import read_names
from shapley_credit.plots.canvas import Theme, canvas, counted, dressed, font_size, points
from shapley_credit.plots.fitted_text import drawable, fitted
from shapley_credit.plots.plotted import LEVEL, Array, explained, numbers
from shapley_credit.semivalues import Semivalue

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart without colour, too.
_MARKS, _DASHES = "osD^vP", ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
# Curves that have a colour of their own.
MOST = len(_MARKS)


def by_size(
    explanation: Explanation | Estimate,
    *,
    names: Sequence[str] | None = None,
    max_display: int = MOST,
    ax: Axes | None = None,
    theme: str | None = None,
) -> Axes:
    """Alone, or in company? What each member adds on average to coalitions of every size; the mean over sizes is its credit.

    explanation: of one group, or an exact `Attribution`. names: [k] strings, instead of its own. max_display: curves in colour,
    1 to 6, of the largest credits; the others are thin and grey. ax, theme: as for `bars`.

    Returns the Axes, in the units of v. Raises InputError for several groups and groups without members, MissingExtraError
    without matplotlib.

    >>> import matplotlib.pyplot as plt
    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> ax = sc.plots.by_size(sc.explain(u.Max([3.0, 2.0])))
    >>> [line.get_ydata().tolist() for line in ax.lines[:2]]
    [[3.0, 1.0], [2.0, 0.0]]
    >>> plt.close(ax.figure)
    """
    group = explained(explanation, "by_size")
    called = group.names if names is None else read_names(names, len(group.names))
    here = np.flatnonzero(group.present)
    if not len(here):
        raise InputError("no member of this group is present, so that there is nothing to draw.")
    order = here[np.argsort(-np.abs(numbers(group.credit, "credit")[here]), kind="stable")].tolist()
    most = _curves(max_display)
    added = numbers(group.by_size, "by_size")[:, : len(here)]
    ax, colours = canvas(ax, theme, 6.8, 3.8)
    curves = [_curve(ax, colours, place, np.arange(len(here)), added[i]) for place, i in enumerate(order[:most])]
    for i in order[most:]:
        curves[most:] = ax.plot(added[i], color=colours.faint, linewidth=0.7, alpha=0.5, zorder=1.5)
    _zero(ax, colours)
    told = [called[i] for i in order[:most]] + ([f"{len(order) - most} others"] if len(order) > most else [])
    _whole_ticks(ax)
    _legend(ax, colours, curves, told)
    dressed(
        ax,
        colours,
        "What a member adds to coalitions of each size",
        "other members in the coalition",
        "added on average",
        grid="y",
    )
    return ax


def objective(rules: Semivalue | Sequence[Semivalue], k: int, *, ax: Axes | None = None, theme: str | None = None) -> Axes:
    """What credit of k independent samples follows: the factors of grad V_1 .. grad V_k, V_m the expected value of m samples.

        E[sum_i phi_i grad log pi(y_i)] = sum_m factor_m grad V_m.

    rules: a semivalue, or up to 6. k: number of samples. ax, theme: as for `bars`.

    Returns the Axes. Raises InputError for what is no semivalue or no number, MissingExtraError without matplotlib.
    Source: docs/theory.md, the objective theorem.

    >>> import matplotlib.pyplot as plt
    >>> import shapley_credit as sc
    >>> ax = sc.plots.objective(sc.semivalues.shapley, 4)
    >>> ax.lines[0].get_ydata().round(3).tolist()
    [1.0, 0.5, 0.333, 0.25]
    >>> plt.close(ax.figure)
    """
    given = [rules] if isinstance(rules, Semivalue) else rules
    if not isinstance(given, list | tuple) or not 1 <= len(given) <= MOST or not all(isinstance(r, Semivalue) for r in given):
        raise InputError(f"objective draws 1 to {MOST} semivalues of shapley_credit.semivalues; got {shown(rules)}.")
    samples = whole_number(k, "k", 1)
    factors = [rule.objective(samples) for rule in given]
    ax, colours = canvas(ax, theme, 6.8, 3.8)
    curves = [_curve(ax, colours, place, np.arange(1, samples + 1), own) for place, own in enumerate(factors)]
    _zero(ax, colours)
    _whole_ticks(ax)
    title = f"What the credit of {counted(samples, 'sample')} follows: a mixture of V_m"
    _legend(ax, colours, curves, [rule.name for rule in given])
    dressed(ax, colours, title, "m, samples of which V_m is the expected value", "factor of grad V_m", grid="y")
    return ax


def convergence(
    estimates: Estimate | Sequence[Estimate],
    *,
    members: Sequence[int] | None = None,
    exact: Any = None,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    theme: str | None = None,
) -> Axes:
    """Estimated credits with their 95% intervals against evaluations.

    estimates: of one group each, of the same members, as `estimate.extend(budget)` returns one after the other.
    members: up to 6, by default those of the largest credits. exact: credits [k], drawn as thin lines.
    names: [k] strings, instead of those of the estimates. ax, theme: as for `bars`.

    Returns the Axes, in the units of v. Raises InputError for estimates of groups or of different members, and members that are
    not there; MissingExtraError without matplotlib.

    >>> import matplotlib.pyplot as plt
    >>> import shapley_credit as sc
    >>> first = sc.estimate(lambda coalition: float(len(coalition) > 6), 12, budget=100)
    >>> ax = sc.plots.convergence([first, first.extend(100)], members=[0])
    >>> ax.lines[0].get_xdata().tolist()
    [100, 200]
    >>> plt.close(ax.figure)
    """
    found = _estimates(estimates)
    k = len(found[-1].values)
    called = read_names(names, k) if names is not None else found[-1].names or tuple(map(str, range(k)))
    chosen = _members(members, found[-1].values)
    truth = None if exact is None else numbers(exact, "exact")
    if truth is not None and truth.shape != (k,):
        raise InputError(f"exact must be credits of shape ({k},), one a member; got shape {truth.shape}.")
    asked = np.array([each.evaluations for each in found])
    values = np.array([each.values for each in found])
    low, high = (np.array(bounds) for bounds in zip(*(each.interval(LEVEL) for each in found), strict=True))
    ax, colours = canvas(ax, theme, 6.8, 3.8)
    curves = [_curve(ax, colours, place, asked, values[:, i]) for place, i in enumerate(chosen)]
    for place, i in enumerate(chosen):
        ax.fill_between(asked, low[:, i], high[:, i], color=colours.series[place], alpha=0.14, linewidth=0)
        ax.vlines(asked, low[:, i], high[:, i], color=colours.series[place], linewidth=1)
    _zero(ax, colours)
    if truth is not None:
        for place, i in enumerate(chosen):
            ax.axhline(truth[i], color=colours.series[place], linewidth=0.8, linestyle=(0, (1, 2)))
    _legend(ax, colours, curves, [called[i] for i in chosen])
    dressed(ax, colours, "Estimated credit, 95% intervals", "evaluations", "credit, in the units of v", grid="y")
    return ax


def _curves(most: int) -> int:
    if whole_number(most, "max_display", 1) > MOST:
        raise InputError(f"max_display must be 1 .. {MOST}, as many as there are colours; got {most}.")
    return most


def _curve(ax: Axes, colours: Theme, place: int, x: Any, y: Array) -> Any:
    """One curve in its own colour, dashes and marks; those below shine through those above."""
    dashes: Any = _DASHES[place]
    (line,) = ax.plot(
        x,
        y,
        color=colours.series[place],
        marker=_MARKS[place] if len(y) <= 24 else None,
        linestyle=dashes,
        linewidth=2.2 - 0.25 * place,
        markersize=7 - 0.6 * place,
        markerfacecolor="none" if place else colours.series[place],
        zorder=2 + 0.01 * place,
    )
    return line


def _zero(ax: Axes, colours: Theme) -> None:
    """A line at 0, so that heights can be compared."""
    ax.axhline(0, color=colours.faint, linewidth=0.8, zorder=1)


def _whole_ticks(ax: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _legend(ax: Axes, colours: Theme, curves: Sequence[Any], told: Sequence[str]) -> None:
    """Beside the curves, where it covers none."""
    across, _ = points(ax)
    size = font_size(across)
    texts = [fitted(drawable(text), 0.3 * across, size) for text in told]
    legend = ax.legend(
        curves, texts, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=size, labelcolor=colours.ink
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _estimates(given: Any) -> list[Estimate]:
    found = [given] if isinstance(given, Estimate) else given
    if not isinstance(found, list | tuple) or not found or not all(isinstance(each, Estimate) for each in found):
        raise InputError(f"convergence draws estimates, [estimate, estimate.extend(100), ..]; got {shown(given)}.")
    shapes = {each.values.shape for each in found}
    if len(shapes) > 1 or any(each.values.ndim != 1 for each in found):
        raise InputError(f"convergence draws estimates of one group and the same members; got shapes {sorted(shapes)}.")
    return sorted(found, key=lambda each: each.evaluations)


def _members(members: Any, credit: Array) -> list[int]:
    """Members to draw, the largest credits first by default."""
    if members is None:
        return [int(i) for i in np.argsort(-np.abs(credit), kind="stable")[:MOST]]
    chosen = [whole_number(i, "a member") for i in members]
    if not 1 <= len(chosen) <= MOST or max(chosen) >= len(credit):
        raise InputError(f"members must be 1 to {MOST} of 0 .. {len(credit) - 1}; got {shown(members)}.")
    return chosen
