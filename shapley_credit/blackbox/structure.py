"""What a plan is about: members, their coalition tree, and one semivalue a level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from shapley_credit import dispatch, semivalues
from shapley_credit.blackbox.product_games import Levels
from shapley_credit.coalitions import CoalitionTree, read_tree
from shapley_credit.errors import InputError
from shapley_credit.semivalues import Semivalue
from shapley_credit.solve.terms import read_levels
from shapley_kernels.trees.nodes import Node, Shape
from shapley_kernels.trees.shapes import Mix, arrange, is_flat, tree_of

Array = NDArray[Any]


class Structure:
    """Members, a coalition tree over them, and the semivalue of each of its levels.

    Attributes:
        tree, k: the coalition tree, a flat one without structure, and its number of members.
        rules: one semivalue a level.
        efficient: whether credits add up to v(N) - v(empty), that is, whether all levels are Shapley's.
        flat: whether all members are alike.
        dual: whether a game and its dual, v(N) - v(N - S), have the same credits.
    """

    def __init__(self, coalitions: Any, levels: Sequence[Semivalue] | None) -> None:
        number = isinstance(coalitions, int | np.integer)
        self.tree = CoalitionTree.flat(coalitions) if number else read_tree(coalitions)
        if self.tree.depth > DEEPEST:
            raise InputError(f"the coalition tree has {self.tree.depth - 1:,} levels of unions within one another; {_DEEP}")
        if self.tree.labels.ndim > 2:
            raise InputError("a plan is made for one coalition tree; make one plan for each of the groups.")
        self.k = self.tree.k
        self.rules = read_levels(levels, self.tree.depth)
        self.root: Node = tree_of(self.tree.labels)
        self.flat = is_flat(self.root)
        self.efficient = all(rule is semivalues.shapley for rule in self.rules)
        self.dual = self.efficient or all(np.allclose(q, q[::-1], rtol=0, atol=1e-15) for q in self.arrivals())

    def __reduce__(self) -> tuple[Any, ...]:
        return Structure, (self.tree, self.rules)

    @cached_property
    def relevant(self) -> int:
        """Number of coalitions that matter."""
        return int(self.tree.budget())

    def shaped(self) -> tuple[Structure, Array]:
        """The structure of this shape, one object as long as it is in use, and the members [k] in the order they have there."""
        shape, order = arrange(self.root)
        if self.flat:
            order = np.arange(self.k)
        known = _SHAPES.get((shape, self.rules))
        if known is None:
            known = Structure(CoalitionTree(self.tree.labels[:, order]), self.rules)
            _SHAPES[shape, self.rules] = known
        return known, order

    @property
    def mixes(self) -> list[Mix]:
        """The level distributions as kernels take them."""
        return [rule.sizes for rule in self.rules]

    def arrivals(self) -> Iterator[Array]:
        """For each node, the distribution of the number of its children that a child finds on arrival."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            waiting += node.children
            if node.children:
                yield self.mixes[node.depth](len(node.children))

    def products(self, inside: Array, outside: Array) -> Array:
        """Credits [B, k] of the product games prod_{i in S} a_i prod_{i not in S} b_i, a and b [B, k], by their closed form.

        Those of the games [T = S], a = S and b = 1 - S, are the weights w_i(S) of the exact value, phi_i = sum_S w_i(S) v(S).
        """
        games = tuple(map(np.ascontiguousarray, (inside, outside, inside - outside)))
        if self.flat and self.efficient:
            credit: Array = dispatch.kernel("products", "product", dispatch.role())(*games)
        elif self.efficient:
            credit = self.levels.products(inside, outside)
        else:
            credit = dispatch.kernel("products", "product", "tree")(*games, self.root, self.mixes)
        return credit

    @cached_property
    def levels(self) -> Levels:
        """Product games of Shapley's levels."""
        return Levels(self.root)


DEEPEST = 300  # the most edges from the root to a member: some walks down a tree are recursive

_DEEP = f"at most {DEEPEST - 1} are walked. Leave out levels that tell few members apart, for example all but the first 50."

# One object for each shape and its rules, as designs are looked up by the identity of their structure.
_SHAPES: WeakValueDictionary[tuple[Shape, tuple[Semivalue, ...]], Structure] = WeakValueDictionary()
