"""What kernels take, by the sizes of their arrays: operations, about as many as nanoseconds of one processor, and bytes.

Orders with a factor, good to about four. On the host a kernel of `cpu` goes from group to group in memory of its own, one of
`ref` holds arrays of all groups, and one of `tree` those of as many games as `trees.chunks` lets it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2, sqrt
from typing import NamedTuple

from shapley_kernels.nodes import Node
from shapley_kernels.trees import CELLS


class Sizes(NamedTuple):
    """Of a problem: members of a group, its elements, products, classes or pairs, its table; one for what it has not.

    tables: whether every group has a table of its own. ties: of a vote, whether they are shared.
    """

    members: int
    width: int = 1
    length: int = 1
    tables: bool = False
    ties: bool = False


class Flat(NamedTuple):
    """Without a tree: operations of a group, bytes beside the arrays, and of `ref` bytes of a group."""

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
        """Members times depth: what an engine meets that looks at the members of every union."""
        return float(sum(self.sizes))

    def reduced(self, length: Callable[[float], float]) -> float:
        """sum of c^2 L over the unions, L the length of the tables of a game among so many members."""
        return sum(float(c) ** 2 * length(n) for c, n in zip(self.children, self.sizes, strict=True))

    def walking(self, games: Sequence[tuple[str, str]]) -> float:
        """What steps of an interpreter take, once for all groups: of the tree, and for a kernel of what is unlike in it."""
        unlike = set(zip(self.children, self.sizes, strict=True))
        steps = sum(c / 3 if c == n else c if c.bit_count() == 1 else c * log2(c) for c, n in unlike)
        by_steps = sum(form in REDUCED and not (self.flat and game in IN_ONE_STEP) for form, game in games)
        return 2000.0 * self.sizes[0] + 50_000.0 * len(unlike) + 100_000.0 * steps * by_steps


# The forms that `reduction` solves, and the games of theirs that have a formula for the flat tree.
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


def _nodes(s: Sizes) -> float:
    """Nodes of the quadrature of a product of all members."""
    return max(min(s.members / 2, 4.3 * sqrt(s.members)), 1.0)


def _sorting(s: Sizes) -> float:
    return s.members * max(log2(s.members), 1.0)


def _sets(s: Sizes) -> float:
    return float(2.0 ** min(s.members, 1000))


def _votes(s: Sizes) -> float:
    """width counts the classes, length the members of the target class."""
    return (6 * s.members + s.length * s.width * (s.width / 2 if s.ties else 1)) * _nodes(s)


_LINEAR = Flat(lambda s: 2.0 * s.members)
_SETS = Flat(lambda s: s.members * s.width, lambda s: 12.0 * s.width, lambda s: 9.0 * s.members * s.width)
_PRODUCT = Flat(lambda s: 2 * s.members * _nodes(s))

FLAT: dict[tuple[str, str], Flat] = {
    ("dividends", "additive"): _LINEAR,
    ("dividends", "coverage"): _SETS,
    ("dividends", "unanimity"): _SETS,
    ("dividends", "distinct"): Flat(lambda s: min(s.members**2, 4 * _sorting(s)), beside=lambda s: 3.0 * s.members**2),
    ("thresholds", "airport"): Flat(_sorting),
    ("thresholds", "facility"): Flat(lambda s: s.width * _sorting(s), beside=lambda s: 48.0 * s.members * s.width),
    ("ranks", "discounted"): Flat(_sorting),
    ("ranks", "sized"): Flat(lambda s: s.members**3 / 2, lambda s: 24.0 * s.members**2, lambda s: 80.0 * s.members**2),
    ("counts", "size_sum"): _LINEAR,
    ("counts", "cardinality"): _LINEAR,
    ("counts", "pass_at_k"): _LINEAR,
    ("counts", "separable"): Flat(lambda s: s.members**2 / 4, beside=lambda s: 3.0 * s.members**2),
    ("counts", "class_sizes"): Flat(
        lambda s: 2.0 * s.members**2, lambda s: 24.0 * s.members**2, lambda s: 100.0 * s.members**2
    ),
    ("counts", "plurality"): Flat(_votes, lambda s: 24.0 * s.length * s.width, lambda s: 64.0 * s.members**2),
    ("counts", "weighted"): Flat(
        lambda s: s.members * s.length * _nodes(s),
        lambda s: 8.0 * s.members * s.length,
        lambda s: 8.0 * s.members * s.length * _nodes(s),
    ),
    ("counts", "typed"): Flat(
        lambda s: s.width * (2.0 * s.length + s.members**2),
        lambda s: 8.0 * s.members * (s.members + s.width),
        lambda s: 24.0 * s.width * (s.length + s.members**2) + 48.0 * s.length,
    ),
    ("counts", "geometric"): Flat(
        lambda s: float(s.members) ** 4 / 2, lambda s: 16.0 * s.members**2, lambda s: 32.0 * s.members**3
    ),
    ("pairs", "pair_sums"): Flat(lambda s: s.members**2 / 4, beside=lambda s: 17.0 * s.members**2),
    ("gaps", "min_gap"): Flat(lambda s: 2 * s.members**2 * _sorting(s), lambda s: 20.0 * s.members**2),
    ("products", "product"): _PRODUCT,
    ("products", "noisy_or"): _PRODUCT,
    ("products", "mixture"): Flat(lambda s: s.width * s.members * _nodes(s), beside=lambda s: 64.0 * s.width * s.members),
    ("table", "solve"): Flat(lambda s: _sets(s) / 4, lambda s: _sets(s) / 64, lambda s: 24 * _sets(s)),
}

# On a tree: operations of a group, and bytes beside the arrays.
OnTree = Callable[[Sizes, Unions], tuple[float, float]]

# Passes over a table that the engine of `reduction` makes for one sibling, and over the sets that `flow` makes for one union.
ABSORBED, SPLIT = 6.0, 8.0


def _engine(s: Sizes, unions: Unions, games: float, length: Callable[[float], float]) -> tuple[float, float]:
    """Games by `reduction`, with tables of a length for so many members."""
    held = max(float(CELLS), unions.children[0] * length(s.members))
    return ABSORBED * games * unions.reduced(length), 32.0 * held + 24.0 * games * s.members


def _games(games: Callable[[Sizes], float], length: Callable[[Sizes, float], float], more: float = 0.0) -> OnTree:
    """A number of games a group; more: bytes for each pair of members."""

    def cost(s: Sizes, unions: Unions) -> tuple[float, float]:
        operations, held = _engine(s, unions, games(s), lambda n: length(s, n))
        return operations, held + more * s.members**2

    return cost


def _flows(s: Sizes, unions: Unions, sets: float, at_once: float) -> tuple[float, float]:
    return SPLIT * sets * unions.spread(), 40.0 * s.members * min(sets, max(at_once, 1.0))


def _or_flat(flat: OnTree, other: OnTree) -> OnTree:
    return lambda s, unions: flat(s, unions) if unions.flat else other(s, unions)


def _drawn(kinds: Callable[[Sizes], float], length: Callable[[Sizes], float], games: Callable[[Sizes], float]) -> OnTree:
    """Games of so many types on the flat tree, by `counts.ref.typed_by`."""
    return lambda s, unions: (
        games(s) * 6 * kinds(s) ** 2 * (length(s) + s.members**2),
        24.0 * kinds(s) * (length(s) + games(s) * s.members**2) + 48.0 * games(s) * length(s),
    )


def _none(s: Sizes, n: float) -> float:
    return 1.0


def _one(s: Sizes, n: float) -> float:
    return n + 1


def _two(s: Sizes, n: float) -> float:
    return (n / 2 + 1) ** 2


def _square(s: Sizes) -> float:
    return (s.members + 1.0) ** 2


def _all_sets(s: Sizes, unions: Unions) -> tuple[float, float]:
    """Coalitions that matter: at most one partial child along a path to the root."""
    most = sum(c - 1 for c in unions.children)
    return 20 * s.members * 2.0 ** min(most, 1000), 64 * 2.0 ** min(most, 1000)


_OF_SETS: OnTree = lambda s, unions: _flows(s, unions, s.width, s.width)  # noqa: E731 - a row of the table
_GAME: OnTree = _games(lambda s: 1.0, _one)
_PAIRS: OnTree = _games(lambda s: s.members, _one, 96.0)
_RANKS: OnTree = _games(lambda s: s.members, _two, 48.0)

ON_TREE: dict[tuple[str, str], OnTree] = {
    ("dividends", "additive"): lambda s, unions: (2.0 * s.members, 0.0),
    ("dividends", "coverage"): _OF_SETS,
    ("dividends", "unanimity"): _OF_SETS,
    ("dividends", "distinct"): lambda s, unions: _flows(s, unions, s.members, s.members / 8),
    ("thresholds", "airport"): lambda s, unions: _flows(s, unions, s.members, (1 << 24) / s.members),
    ("thresholds", "facility"): lambda s, unions: _flows(s, unions, s.members * s.width, (1 << 24) / s.members),
    ("ranks", "discounted"): _games(lambda s: s.members, _one, 24.0),
    ("ranks", "sized"): _or_flat(
        lambda s, unions: (8.0 * s.members**3, 80.0 * s.members**2),
        lambda s, unions: (_RANKS(s, unions)[0], _RANKS(s, unions)[1] + 8.0 * s.tables * s.members**3),
    ),
    ("counts", "size_sum"): _or_flat(lambda s, unions: (16.0 * s.members, 48.0 * s.members), _games(lambda s: 2.0, _one)),
    ("counts", "cardinality"): _or_flat(_drawn(lambda s: 1, _square, lambda s: 1), _GAME),
    ("counts", "pass_at_k"): _or_flat(_drawn(lambda s: 2, _square, lambda s: 1), _games(lambda s: 1.0, _two)),
    ("counts", "separable"): _or_flat(_drawn(lambda s: 2, _square, lambda s: s.width), _games(lambda s: s.width, _one)),
    ("counts", "class_sizes"): _or_flat(_drawn(lambda s: 2, _square, lambda s: s.width), _games(lambda s: s.width, _two, 24.0)),
    ("counts", "plurality"): lambda s, unions: _engine(s, unions, 1.0, lambda n: min((n / 3 + 1) ** 3, 1e6)),
    ("counts", "weighted"): _games(lambda s: 1.0, lambda s, n: s.length * n / s.members + 1),
    ("counts", "typed"): _or_flat(
        _drawn(lambda s: s.width, lambda s: s.length, lambda s: 1),
        _games(lambda s: 1.0, lambda s, n: max(s.length * (n / s.members) ** s.width, 1.0)),
    ),
    ("counts", "geometric"): _games(lambda s: s.members, _one, 96.0),
    ("pairs", "pair_sums"): _or_flat(
        lambda s, unions: (4.0 * s.members**2, 32.0 * s.members**2),
        lambda s, unions: (
            _PAIRS(s, unions) if s.width == 1 else (SPLIT * s.width * unions.spread(), 16.0 * s.members * s.width)
        ),
    ),
    ("gaps", "min_gap"): _or_flat(lambda s, unions: (4.0 * float(s.members) ** 4, 1.0 * (1 << 28)), _all_sets),
    ("products", "product"): _games(lambda s: 1.0, _none),
    ("products", "noisy_or"): _games(lambda s: 1.0, _none),
    ("products", "mixture"): _games(lambda s: s.width, _none),
    ("table", "solve"): _all_sets,
}
