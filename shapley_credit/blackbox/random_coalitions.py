"""Random coalitions and orders of a coalition tree. Every stream is a function of the seed alone, so that a longer plan begins
with the shorter one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.structure import Structure
from shapley_credit.solve.functions_on_trees import enumeration, unpacked

if TYPE_CHECKING:
    from shapley_kernels.trees.nodes import Node

Array = NDArray[Any]
Coalitions = NDArray[np.bool_]

BLOCK = 128  # coalitions drawn at once


def stream(seed: int, purpose: str, number: int) -> np.random.Generator:
    """A generator of its own for each purpose and number, so that what is drawn for one says nothing about another."""
    return np.random.default_rng([seed, *purpose.encode(), number])


def ends(k: int) -> Coalitions:
    """The empty and the whole coalition, which every plan starts with."""
    return np.array([[False] * k, [True] * k])


def distinct(rows: Coalitions) -> tuple[Coalitions, Array]:
    """The different rows [m, k] in the order of their first appearance, and the place of each row among them."""
    packed = np.ascontiguousarray(np.packbits(rows, axis=1))
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return rows[first[order]], place[which.ravel()]


def paired(structure: Structure, count: int, seed: int) -> Coalitions:
    """Coalitions [count, k] without repetition, each beside its complement: the ends, single members, then random ones.

    A random one is what a random member finds when it arrives, with or without itself. When hardly anything new turns up, the
    rest of the coalitions that matter follows in random order.
    """
    halves = _one_of_two(np.concatenate([np.zeros((1, structure.k), np.bool_), np.eye(structure.k, dtype=np.bool_)]))
    for block in range(1 << 62):
        if 2 * len(halves) >= count:
            break
        fresh = _one_of_two(arrivals(structure, stream(seed, "pairs", block), BLOCK))
        longer, _ = distinct(np.concatenate([halves, fresh]))
        scarce = len(longer) - len(halves) < BLOCK // 16
        halves = longer
        if scarce:
            everything = unpacked(enumeration(structure.root, structure.mixes, structure.k)[0], structure.k)
            rest = _one_of_two(stream(seed, "rest", 0).permutation(everything))
            halves, _ = distinct(np.concatenate([halves, rest]))
            break
    rows = np.stack([halves, ~halves], axis=1).reshape(-1, structure.k)
    return rows[:count]


def _one_of_two(rows: Coalitions) -> Coalitions:
    """Of each coalition and its complement, the one without member 0."""
    return np.where(rows[:, :1], ~rows, rows)


def arrivals(structure: Structure, rng: np.random.Generator, count: int) -> Coalitions:
    """[count, k]: the predecessors of a random member, itself included with probability 1/2."""
    rows = np.zeros((count, structure.k), np.bool_)
    mixes = structure.mixes
    waiting: list[tuple[Node, Array]] = [(structure.root, np.arange(count))]
    while waiting:
        node, chosen = waiting.pop()
        if not node.children:
            rows[chosen, node.members[0]] = rng.random(len(chosen)) < 0.5
            continue
        blocks = [list(child.members) for child in node.children]
        members = np.array([len(block) for block in blocks])
        own = np.searchsorted(np.cumsum(members), rng.integers(members.sum(), size=len(chosen)), side="right")
        before = siblings_before(own, mixes[node.depth](len(blocks)), rng)
        if len(blocks) == len(node.members):  # children are members, and all of their draws are made at once
            rows[chosen[:, None], np.concatenate(blocks)] = before
            inside = np.argsort(own, kind="stable")
            rows[chosen[inside], np.concatenate(blocks)[own[inside]]] = rng.random(len(chosen)) < 0.5
            continue
        below = []
        for place, (child, block) in enumerate(zip(node.children, blocks, strict=True)):
            rows[chosen[before[:, place]][:, None], block] = True
            if (own == place).any():
                below.append((child, chosen[own == place]))
        waiting += reversed(below)  # the first child draws first
    return rows


def siblings_before(own: Array, q: Array, rng: np.random.Generator) -> Coalitions:
    """bool [count, c]: a random set of the siblings of child `own` [count], whose size has the distribution q [c]."""
    ranks = rng.random((len(own), len(q)))
    ranks[np.arange(len(own)), own] = 2  # the largest rank: a child is never before itself
    sizes = np.searchsorted(np.cumsum(q), rng.random(len(own)) * q.sum(), side="right")
    before: Coalitions = ranks.argsort(axis=1).argsort(axis=1) < np.minimum(sizes, len(q) - 1)[:, None]
    return before


def orders(structure: Structure, seed: int, turns: int) -> Iterator[list[Array]]:
    """Batches of `turns` orders [k] that keep every union together.

    Each node's children are shuffled; the orders of a batch are that shuffle, turned by a share of a circle each, so that over
    the batch every member comes early, halfway and late.
    """
    for number in range(1 << 62):
        rng = stream(seed, "orders", number)
        shuffles: dict[tuple[int, ...], tuple[Array, int]] = {}  # of each node, shared by the turns of the batch
        yield [_order(structure.root, turn, turns, rng, shuffles) for turn in range(turns)]


def _order(root: Node, turn: int, turns: int, rng: np.random.Generator, shuffles: dict[tuple[int, ...], Any]) -> Array:
    order: list[int] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if not node.children:
            order += node.members
            continue
        if node.members not in shuffles:
            shuffles[node.members] = rng.permutation(len(node.children)), int(rng.integers(turns))
        shuffle, phase = shuffles[node.members]
        turned = np.roll(shuffle, (len(shuffle) * turn + phase) // turns)
        waiting += [node.children[place] for place in reversed(turned.tolist())]
    return np.array(order)
