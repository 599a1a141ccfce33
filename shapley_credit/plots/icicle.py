"""Credits on a coalition tree: unions beside their members, each as tall as it has members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from shapley_credit.coalitions import read_tree
from shapley_credit.errors import InputError
from shapley_credit.inputs.union_names import Level, named_levels, names_of_union
from shapley_credit.member_names import read_names
from shapley_credit.plots.canvas import Theme, canvas, dressed, font_size, hatched, ink_on, points, signed_colours
from shapley_credit.plots.fitted_text import drawable, fitted, width
from shapley_credit.plots.plotted import Plotted, read_credit, signed
from shapley_kernels.trees.nodes import Node
from shapley_kernels.trees.shapes import tree_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Columns of a member, beside one for each level of unions: it has a name.
_MEMBER = 2.0


class Box(NamedTuple):
    """A union or a member: where it stands, and what is written on it."""

    left: float
    right: float
    top: int
    members: tuple[int, ...]
    is_member: bool


def tree(
    credit: Any,
    coalitions: Any,
    *,
    names: Sequence[str] | None = None,
    unions: Sequence[str] | None = None,
    ax: Axes | None = None,
    theme: str | None = None,
) -> Axes:
    """An icicle of the unions: the whole set on the left, members on the right, each box with the credit of all within it.

    credit: an `Estimate` of one group, or credits [k] as `owen` returns them, NaN for absent members.
    coalitions: the `CoalitionTree`, or what `owen` takes, of one group; names in nested lists are numbered as they come.
    names: [k] strings; by default those of the tree.
    unions: [k] strings, the name of each member's union, which stands on the box of all that have it; by default those of an
        `Attribution` or the labels of the tree, and else none.
    ax, theme: as for `bars`. Blue is credit above 0, orange below; a union as pale as paper may hold members that cancel out.

    Returns the Axes, in the units of v. Raises InputError for credits of another number of members and several groups,
    MissingExtraError without matplotlib.

    >>> import matplotlib.pyplot as plt
    >>> import shapley_credit as sc
    >>> ax = sc.plots.tree([1.0, 2.0, -0.5], [["ann", "bob"], ["cyd"]])
    >>> [text.get_text() for text in ax.texts]
    ['all +2.5', '+3', 'ann +1', 'bob +2', 'cyd -0.5']
    >>> plt.close(ax.figure)
    """
    known = read_tree(coalitions)
    if known.labels.ndim > 2:
        raise InputError("tree draws one coalition tree; these are of groups: choose one.")
    plotted = read_credit(credit, names if names is not None else known.names)
    k = len(plotted.credit)
    if known.k != k:
        raise InputError(f"the coalition tree has {known.k} members, but there are credits of {k}.")
    union_of = getattr(credit, "union_of", ()) if unions is None else read_names(unions, k)
    sizes = Counter(union_of)
    levels = [[(name, sizes[name]) for name in union_of]] if union_of else named_levels(known.labels, known.union_names)
    root = tree_of(known.labels)
    ax, colours = canvas(ax, theme, 7.0, min(16.0, max(2.6, 0.9 + 0.3 * k)))
    boxes = [*_boxes(root)]
    ax.set_xlim(0, max(box.right for box in boxes))
    ax.set_ylim(k, 0)
    dressed(ax, colours, "Credit of unions and their members, in the units of v")
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
    _draw(ax, boxes, _names_of(boxes, plotted, levels), plotted, colours)
    return ax


def _boxes(root: Node) -> Iterator[Box]:
    """Every union and member, unions before what they hold; a member reaches to the right end."""
    end = _unions(root) + _MEMBER
    waiting = [(root, 0.0, 0)]
    while waiting:
        node, left, top = waiting.pop()
        right = left + 1 if node.children else end
        yield Box(left, right, top, node.members, not node.children)
        below = []
        for child in node.children:
            below.append((child, right, top))
            top += len(child.members)
        waiting += reversed(below)


def _names_of(boxes: list[Box], plotted: Plotted, levels: Sequence[Level]) -> list[str]:
    """What each box is called: the union whose members it holds, all of them and no others, and the member if it is of one."""
    k = len(plotted.credit)

    def name(box: Box) -> str:
        if len(box.members) == k and not box.is_member:
            return "all"
        member = [plotted.names[box.members[0]]] if box.is_member else []
        return ": ".join(dict.fromkeys([*names_of_union(levels, box.members), *member]))

    return [name(box) for box in boxes]


def _unions(root: Node) -> int:
    """How many unions stand within one another, the whole set included."""
    deepest, waiting = 0, [(root, 1)]
    while waiting:
        node, level = waiting.pop()
        if node.children:
            deepest = max(deepest, level)
            waiting += [(child, level + 1) for child in node.children]
    return deepest


def _draw(ax: Axes, boxes: list[Box], names: list[str], plotted: Plotted, colours: Theme) -> None:
    """Boxes in the colours of their credit, with name and number where they fit; hatched where all are absent."""
    from matplotlib.patches import Rectangle

    colour_of, k = signed_colours(colours), len(plotted.credit)
    parts = [plotted.credit[[*box.members]] for box in boxes]
    largest = max(abs(float(np.nansum(part))) for part in parts) or 1.0
    across, upwards = points(ax)
    size = max(2.0, min(font_size(across), 0.7 * upwards / k))
    for box, name, part in zip(boxes, names, parts, strict=True):
        gone, value, wide = bool(np.isnan(part).all()), float(np.nansum(part)), box.right - box.left
        colour: Any = colours.paper if gone else colour_of(0.5 + 0.5 * value / largest)
        patch = Rectangle((box.left, box.top), wide, len(part), facecolor=colour)
        if gone:
            hatched(patch, colours)
        patch.set(edgecolor=colours.line if gone else colours.paper, linewidth=1.0)
        ax.add_patch(patch)
        number = "absent" if gone else signed(value, largest)
        text = _told(drawable(name), number, across * wide / ax.get_xlim()[1] - 8, size)
        middle = box.left + wide / 2, box.top + len(part) / 2
        ax.text(*middle, text, ha="center", va="center_baseline", fontsize=size, color=ink_on(colour), parse_math=False)


def _told(name: str, number: str, room: float, size: float) -> str:
    """Name and number, the name cut where it is long; the number alone where there is no room for both, or nothing."""
    left = room - width(f" {number}", size)
    short = fitted(name, left, size) if left > 0 else ""
    text = f"{short} {number}".strip()
    return text if width(text, size) <= room else ""
