"""Coalition trees as kernels see them, and the two engines that solve games on them.

Let i's ancestors be root = a_0, .., a_d = i. The predecessors of i are a disjoint union over levels of random sets R of
complete siblings of a_{l+1} inside a_l; the R are independent, and given its size R is uniform (Owen 1977, Winter 1989; fact
F1). A level is therefore a distribution q over the number of siblings present: 1/c for Shapley, binomial for Banzhaf. The flat
tree is the semivalue on the players, two levels are Owen, deeper ones Winter. Both engines go down the tree once, carrying what
the levels above have contributed.

`flow`: OR and AND games over sets of members. `contexts`: products of elements of a commutative ring, one of two elements a
member, so that every game of integer statistics is a linear functional of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# q of a level: number of children c -> [c], the distribution of the number of siblings present.
Mix = Callable[[int], Array]

# A sparse polynomial: exponents -> coefficient.
Element = dict[tuple[int, ...], float]


class Node(NamedTuple):
    """A node of a coalition tree: its depth, its members, and its children, none for a member."""

    depth: int
    members: tuple[int, ...]
    children: tuple[Node, ...] = ()


def tree_of(labels: Array) -> Node:
    """The tree of label arrays [levels, K], coarse to fine: members that share the first labels share an ancestor."""

    def grow(depth: int, members: tuple[int, ...]) -> Node:
        if len(members) == 1:
            return Node(depth, members)
        keys = members if depth == len(labels) else tuple(labels[depth, list(members)].tolist())
        parts: dict[int, list[int]] = {}
        for key, member in zip(keys, members, strict=True):
            parts.setdefault(key, []).append(member)
        if len(parts) == 1:  # a node with a single child changes no value
            return grow(depth + 1, members)
        return Node(depth, members, tuple(grow(depth + 1, tuple(part)) for part in parts.values()))

    return grow(0, tuple(range(labels.shape[1])))


def flat_tree(k: int) -> Node:
    """No structure: k members below the root."""
    return tree_of(np.zeros((0, k), np.int64))


def is_flat(root: Node) -> bool:
    """Whether all children of the root are members, who are then alike."""
    return all(not child.children for child in root.children)


def uniform(c: int) -> Array:
    """Shapley's level: every number of siblings is equally likely."""
    return np.full(c, 1 / c)


def or_shares(q: Array) -> Array:
    """[c + 1]: what one child gets of an OR game that k of c children can win, Pr[the other k - 1 are absent]; 0 for k = 0."""
    return np.concatenate([[0.0], _hits(q, np.arange(len(q))[::-1])])


def and_shares(q: Array) -> Array:
    """[c + 1]: the same for an AND game that needs k of c children, Pr[the other k - 1 are present]."""
    return np.concatenate([[0.0], _hits(q, np.arange(len(q)))])


def _hits(q: Array, good: Array) -> Array:
    """sum_s q_s C(good_s, k - 1) / C(c - 1, k - 1) for k = 1 .. c."""
    c = len(q)
    chance = np.ones((c, c))
    for j in range(c - 1):
        chance[j + 1] = chance[j] * np.maximum(good - j, 0) / (c - 1 - j)
    shares: Array = chance @ q
    return shares


def flow(sets: Array, root: Node, mixes: Sequence[Mix], shares: Callable[[Array], Array]) -> Array:
    """Credits [K, T] of T unit OR (or AND) games over the sets [K, T]: one unit flows down and splits at every node.

    O(nodes T). `shares` is `or_shares` or `and_shares`.
    """
    credit = np.zeros(sets.shape)

    def descend(node: Node, unit: Array) -> None:
        if not node.children:
            credit[node.members[0]] = unit
            return
        touched = np.array([sets[list(child.members)].any(axis=0) for child in node.children])
        share = shares(mixes[node.depth](len(node.children)))[touched.sum(axis=0)]
        for child, reached in zip(node.children, touched, strict=True):
            descend(child, unit * share * reached)

    descend(root, np.ones(sets.shape[1]) * sets.any(axis=0))
    return credit


def weigh(q: Array, means: Array) -> Array:
    """sum_s q_s means_s, [c, ..] -> [..], in the order of s: the same bits whatever is solved beside it."""
    total: Array = q[0] * means[0]
    for s in range(1, len(q)):
        total = total + q[s] * means[s]
    return total


def products(inside: Array, outside: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """E[prod_{j before i} a_j prod_{j after i} b_j], [K, X], for inside a and outside b [K, X]. O(sum over nodes of c^3 X)."""
    context = np.empty(inside.shape)

    def descend(node: Node, above: Array) -> None:
        if not node.children:
            context[node.members[0]] = above
            return
        blocks = [(inside[list(c.members)].prod(axis=0), outside[list(c.members)].prod(axis=0)) for c in node.children]
        q = mixes[node.depth](len(blocks))
        for place, child in enumerate(node.children):
            siblings = blocks[:place] + blocks[place + 1 :]
            means = np.zeros((len(blocks), *above.shape))
            means[0] = 1
            for j, (a, b) in enumerate(siblings, start=1):
                s = np.arange(j + 1)[:, None]
                present = np.concatenate([means[:1] * 0, means[:j]]) * a * (s / j)
                means[: j + 1] = present + means[: j + 1] * b * ((j - s) / j)
            share = weigh(q, means)
            part: Array = above * share
            descend(child, part)

    descend(root, np.ones(inside.shape[1]))
    return context


def contexts(
    inside: Sequence[Element], outside: Sequence[Element], lattice: tuple[int, ...], root: Node, mixes: Sequence[Mix]
) -> Iterator[tuple[int, Array]]:
    """Members and their contexts E[prod_{j before i} a_j prod_{j after i} b_j] in the polynomials truncated to `lattice`.

    A member of an element pair (a, b) earns functional(context (a - b)). Siblings with equal pairs share their context.
    O(sum over nodes of (distinct children) c^2 |lattice|).
    """

    def descend(node: Node, above: Array) -> Iterator[tuple[int, Array]]:
        if not node.children:
            yield node.members[0], above
            return
        blocks = [
            (multiply([inside[i] for i in child.members], lattice), multiply([outside[i] for i in child.members], lattice))
            for child in node.children
        ]
        q = mixes[node.depth](len(blocks))
        known: list[tuple[tuple[Element, Element], Array]] = []
        for place, child in enumerate(node.children):
            context = next((context for block, context in known if block == blocks[place]), None)
            if context is None:
                context = _mixture(above, blocks[:place] + blocks[place + 1 :], q)
                known.append((blocks[place], context))
            yield from descend(child, context)

    start = np.zeros(lattice)
    start[(0,) * len(lattice)] = 1
    yield from descend(root, start)


def _mixture(above: Array, siblings: Sequence[tuple[Element, Element]], q: Array) -> Array:
    """sum_s q_s (mean over the s-subsets of the siblings of their product), times `above`."""
    means = np.zeros((len(siblings) + 1, *above.shape))
    means[0] = above
    for j, (a, b) in enumerate(siblings, start=1):
        s = np.arange(j + 1).reshape(-1, *([1] * above.ndim))
        absent = times(means[: j + 1], b) * ((j - s) / j)
        absent[1:] += times(means[:j], a) * (s[1:] / j)
        means[: j + 1] = absent
    return weigh(q, means)


def times(array: Array, element: Element) -> Array:
    """array [.., *lattice] times a sparse polynomial, terms beyond the lattice dropped."""
    product: Array = np.zeros_like(array)
    for exponents, coefficient in element.items():
        lattice = array.shape[array.ndim - len(exponents) :]
        if all(e < length for e, length in zip(exponents, lattice, strict=True)):
            target: Any = (..., *(slice(e, None) for e in exponents))
            source: Any = (..., *(slice(0, length - e) for e, length in zip(exponents, lattice, strict=True)))
            product[target] += coefficient * array[source]
    return product


def multiply(elements: Sequence[Element], lattice: tuple[int, ...]) -> Element:
    """The product of sparse polynomials, terms beyond the lattice dropped."""
    product: Element = {(0,) * len(lattice): 1.0}
    for element in elements:
        longer: Element = {}
        for left, x in product.items():
            for right, y in element.items():
                exponents = tuple(map(int.__add__, left, right))
                if all(e < length for e, length in zip(exponents, lattice, strict=True)):
                    longer[exponents] = longer.get(exponents, 0.0) + x * y
        product = longer
    return product


def solve(
    inside: Sequence[Element],
    outside: Sequence[Element],
    functional: Array,
    root: Node,
    mixes: Sequence[Mix],
) -> Array:
    """Credits [K] of the game functional(prod_{i in S} a_i prod_{i not in S} b_i), functional [*lattice] on the monomials."""
    credit = np.zeros(len(inside))
    for i, context in contexts(inside, outside, functional.shape, root, mixes):
        step = dict(inside[i])
        for exponents, coefficient in outside[i].items():
            step[exponents] = step.get(exponents, 0.0) - coefficient
        credit[i] = (functional * times(context, step)).sum()
    return credit


def coalitions(root: Node, mixes: Sequence[Mix]) -> Iterator[tuple[int, Array, Array]]:
    """Each member with the bit masks [C] of its possible predecessors and their probabilities [C].

    Only coalitions with at most one partial child along a path to the root occur: 2 + N(root) of them in all, with N(leaf) = 0
    and N(a) = 2^c - 2 + 2^(c-1) sum over children of N.
    """

    def descend(node: Node, codes: Array, chances: Array) -> Iterator[tuple[int, Array, Array]]:
        if not node.children:
            yield node.members[0], codes, chances
            return
        blocks = [sum(1 << i for i in child.members) for child in node.children]
        q = mixes[node.depth](len(blocks))
        for place, child in enumerate(node.children):
            union, size = np.zeros(1, codes.dtype), np.zeros(1, np.int64)
            for block in blocks[:place] + blocks[place + 1 :]:
                union, size = np.concatenate([union, union + codes.dtype.type(block)]), np.concatenate([size, size + 1])
            weight = q[size] / np.bincount(size)[size]
            kept = weight != 0
            joint = (codes[:, None] | union[kept]).ravel()
            yield from descend(child, joint, (chances[:, None] * weight[kept]).ravel())

    yield from descend(root, np.zeros(1, np.int64), np.ones(1))
