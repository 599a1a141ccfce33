"""What a kernel costs by the sizes of its arrays: operations, about one a nanosecond on one processor, and bytes.

Each form states the cost of each of its functions in its `cost.py`, in the terms defined here.

An estimate is good to a factor of about four. On the host a kernel of `cpu` has memory for one group at a time, one of `ref`
holds arrays of all groups, and one of `tree` holds those of as many games as `arrays.chunks` allows.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from math import log2, sqrt
from typing import NamedTuple

from shapley_kernels.arrays import CELLS
from shapley_kernels.trees.nodes import Node


class Sizes(NamedTuple):
    """The sizes of a problem, 1 for what it has not.

    width: its elements, products, classes or pairs. length: its table, or the members of the class that a vote is for.

    tables: whether every group has a table of its own. ties: whether ties of a vote are shared.
    """

    members: int
    width: int = 1
    length: int = 1
    tables: bool = False
    ties: bool = False


class Flat(NamedTuple):
    """The cost without a tree: operations of a group, bytes beside the arrays, and the bytes of a group that `ref` holds."""

    operations: Callable[[Sizes], float]
    scratch: Callable[[Sizes], float] = lambda s: 0.0
    beside: Callable[[Sizes], float] = lambda s: 48.0 * s.members


class Unions(NamedTuple):
    """A tree by the numbers of children and of members of its unions, the whole set first."""

    children: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def flat(self) -> bool:
        """Whether there is no union but the whole set."""
        return len(self.sizes) < 2

    def spread(self) -> float:
        """Members added up over the unions: what an engine reads that looks at the members of every union."""
        return float(sum(self.sizes))

    def reduced(self, length: Callable[[float], float]) -> float:
        """sum of c^2 L over the unions, L the length of the tables of a game among so many members."""
        return sum(float(c) ** 2 * length(n) for c, n in zip(self.children, self.sizes, strict=True))

    def walking(self, games: Sequence[tuple[str, str]]) -> float:
        """The cost of interpreted Python, once for all groups: of the tree, its unlike unions, and games solved in steps."""
        unlike = set(zip(self.children, self.sizes, strict=True))
        steps = sum(c / 3 if c == n else c if c.bit_count() == 1 else c * log2(c) for c, n in unlike)
        by_steps = sum(form in REDUCED and not (self.flat and game in IN_ONE_STEP) for form, game in games)
        return 2000.0 * self.sizes[0] + 50_000.0 * len(unlike) + 100_000.0 * steps * by_steps


# The forms that `reduction` solves, and those of their games that have a formula for the flat tree.
REDUCED = ("counts", "pairs", "products", "ranks")
IN_ONE_STEP = ("cardinality", "class_sizes", "pair_sums", "pass_at_k", "separable", "size_sum", "sized", "typed")


def unions_of(root: Node) -> Unions:
    """The unions of a tree; one member is a union of its own."""
    waiting, children, sizes = [root], [], []
    while waiting:
        node = waiting.pop()
        children.append(len(node.children) or 1)
        sizes.append(len(node.members))
        waiting += [child for child in node.children if child.children]
    return Unions(tuple(children), tuple(sizes))


def quadrature_nodes(s: Sizes) -> float:
    """Nodes of the quadrature of a product of all members."""
    return max(min(s.members / 2, 4.3 * sqrt(s.members)), 1.0)


def sorting(s: Sizes) -> float:
    return s.members * max(log2(s.members), 1.0)


def number_of_sets(s: Sizes) -> float:
    return float(2.0 ** min(s.members, 1000))


def votes(s: Sizes) -> float:
    """width counts the classes, length the members of the target class."""
    return (6 * s.members + s.length * s.width * (s.width / 2 if s.ties else 1)) * quadrature_nodes(s)


LINEAR_COST = Flat(lambda s: 2.0 * s.members)
SETS = Flat(lambda s: s.members * s.width, lambda s: 12.0 * s.width, lambda s: 9.0 * s.members * s.width)
PRODUCT = Flat(lambda s: 2 * s.members * quadrature_nodes(s))


# On a tree: operations of a group, and bytes beside the arrays.
OnTree = Callable[[Sizes, Unions], tuple[float, float]]

# Passes over a table that the engine of `reduction` makes for one sibling, and over the sets that `flow` makes for one union.
ABSORBED, SPLIT = 6.0, 8.0


def engine(s: Sizes, unions: Unions, games: float, length: Callable[[float], float]) -> tuple[float, float]:
    """Games by `reduction`, with tables of a length for so many members."""
    held = max(float(CELLS), unions.children[0] * length(s.members))
    return ABSORBED * games * unions.reduced(length), 32.0 * held + 24.0 * games * s.members


def games_on_tree(games: Callable[[Sizes], float], length: Callable[[Sizes, float], float], more: float = 0.0) -> OnTree:
    """A number of games a group; more: bytes for each pair of members."""

    def cost(s: Sizes, unions: Unions) -> tuple[float, float]:
        operations, held = engine(s, unions, games(s), lambda n: length(s, n))
        return operations, held + more * s.members**2

    return cost


def flows(s: Sizes, unions: Unions, sets: float, at_once: float) -> tuple[float, float]:
    return SPLIT * sets * unions.spread(), 40.0 * s.members * min(sets, max(at_once, 1.0))


def or_flat(flat: OnTree, other: OnTree) -> OnTree:
    return lambda s, unions: flat(s, unions) if unions.flat else other(s, unions)


def drawn(kinds: Callable[[Sizes], float], length: Callable[[Sizes], float], games: Callable[[Sizes], float]) -> OnTree:
    """Games of so many types on the flat tree, by `counts.ref.typed_by`."""
    return lambda s, unions: (
        games(s) * 6 * kinds(s) ** 2 * (length(s) + s.members**2),
        24.0 * kinds(s) * (length(s) + games(s) * s.members**2) + 48.0 * games(s) * length(s),
    )


def no_size(s: Sizes, n: float) -> float:
    return 1.0


def one_size(s: Sizes, n: float) -> float:
    return n + 1


def two_sizes(s: Sizes, n: float) -> float:
    return (n / 2 + 1) ** 2


def square(s: Sizes) -> float:
    return (s.members + 1.0) ** 2


def all_sets(s: Sizes, unions: Unions) -> tuple[float, float]:
    """The coalitions of `trees.by_coalitions`: at most one partial child along a path to the root."""
    most = sum(c - 1 for c in unions.children)
    return 20 * s.members * 2.0 ** min(most, 1000), 64 * 2.0 ** min(most, 1000)


OF_SETS: OnTree = lambda s, unions: flows(s, unions, s.width, s.width)  # noqa: E731 - a row of the table
GAME: OnTree = games_on_tree(lambda s: 1.0, one_size)
PAIRS: OnTree = games_on_tree(lambda s: s.members, one_size, 96.0)
RANKS: OnTree = games_on_tree(lambda s: s.members, two_sizes, 48.0)


def flat_cost(form: str, game: str) -> Flat:
    """What a kernel costs without a tree."""
    found: Flat = importlib.import_module(f"{__package__}.{form}.cost").FLAT[game]
    return found


def tree_cost(form: str, game: str) -> OnTree:
    """What a kernel costs on a tree."""
    found: OnTree = importlib.import_module(f"{__package__}.{form}.cost").ON_TREE[game]
    return found
