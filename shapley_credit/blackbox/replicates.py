"""Unbiased values from replicates: independent random draws in which every member makes the same number of contributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.random_coalitions import Coalitions, distinct, ends, orders, siblings_before, stream
from shapley_credit.blackbox.solution import Solution, of_replicates
from shapley_credit.blackbox.structure import Structure

Array = NDArray[Any]

# One replicate: coalitions that a member joins, [k, contributions, k], member by member.
Replicates = Callable[[Structure, int], Iterator[Coalitions]]


class Draws(NamedTuple):
    """The replicates of a plan: places of the coalitions before and after each contribution, [replicates, k, contributions]."""

    before: Array
    after: Array


def plain(structure: Structure, seed: int) -> Iterator[Coalitions]:
    """One random order that keeps every union together (Castro, Gomez & Tejada 2009)."""
    for batch in orders(structure, seed, 1):
        yield _predecessors(batch)


def antithetic(structure: Structure, seed: int) -> Iterator[Coalitions]:
    """An order and its reverse: exact for games of pairs (Mitchell, Cooper, Frank & Holmes 2022)."""
    for (order,) in orders(structure, seed, 1):
        yield _predecessors([order, order[::-1]])


def rotation(structure: Structure, seed: int) -> Iterator[Coalitions]:
    """Three orders, the children of every node turned by a third of a circle: each member comes early, halfway and late."""
    for batch in orders(structure, seed, 3):
        yield _predecessors(batch)


def arrival(structure: Structure, seed: int) -> Iterator[Coalitions]:
    """For each member a draw of its own of what it finds on arrival: for semivalues that no order of all members yields."""
    for number in range(1 << 62):
        rng = stream(seed, "arrivals", number)
        before = np.zeros((structure.k, 1, structure.k), np.bool_)
        for node, children in _nodes(structure):
            q = structure.mixes[node.depth](len(children))
            for place, child in enumerate(children):
                for member in child.members:
                    chosen = siblings_before(np.array([place]), q, rng)[0]
                    for other in np.flatnonzero(chosen):
                        before[member, 0, list(children[other].members)] = True
        yield before


def _nodes(structure: Structure) -> Iterator[tuple[Any, Any]]:
    stack = [structure.root]
    while stack:
        node = stack.pop()
        if node.children:
            yield node, node.children
            stack += node.children


def _predecessors(batch: list[Array]) -> Coalitions:
    """bool [k, orders, k]: for each member, the members that come before it in each order."""
    position = np.argsort(np.array(batch), axis=1)  # [orders, k]
    before: Coalitions = np.swapaxes(position[:, None, :] < position[:, :, None], 0, 1)
    return before


# Name -> the replicates, and the evaluations of one of them beside the ends, as a multiple of k and a constant.
KINDS: dict[str, tuple[Replicates, int, int]] = {
    "permutation": (plain, 1, -1),
    "antithetic": (antithetic, 2, -2),
    "rotation": (rotation, 3, -3),
    "arrival": (arrival, 2, 0),
}


def cost(structure: Structure, kind: str) -> int:
    """Evaluations of one replicate at most."""
    _, multiple, constant = KINDS[kind]
    return multiple * int(structure.k) + constant


def draw(structure: Structure, kind: str, count: int, seed: int) -> tuple[Coalitions, Draws]:
    """The coalitions of `count` replicates without repetition, the ends first."""
    stream = KINDS[kind][0](structure, seed)
    before = np.stack([next(stream) for _ in range(count)])  # [R, k, c, k]
    after = before | np.eye(structure.k, dtype=np.bool_)[:, None, :]
    both = np.stack([before, after], axis=3).reshape(-1, structure.k)
    rows, place = distinct(np.concatenate([ends(structure.k), both]))
    # The ends are the first two rows.
    places = place[2:].reshape(*before.shape[:3], 2)
    return rows, Draws(places[..., 0], places[..., 1])


def design(kind: str) -> Callable[[Structure, int, int], tuple[Coalitions, Draws]]:
    """As many replicates as the budget pays for if no coalition repeats: a number that followed the draws could bias them."""
    return lambda structure, budget, seed: draw(structure, kind, (budget - 2) // cost(structure, kind), seed)


def solve(structure: Structure, coalitions: Coalitions, draws: Draws, values: Array) -> Solution:
    """The mean of the replicates and its standard error, values [B, m] -> [B, k]; the ends are the first two coalitions.

    All members share what the credits of a replicate lack of v(N) - v(empty): 0 on average, and always in orders.
    """
    each = (np.take(values, draws.after, axis=1) - np.take(values, draws.before, axis=1)).mean(axis=3)  # [B, R, k]
    if structure.efficient:
        each += ((values[:, 1] - values[:, 0])[:, None, None] - each.sum(axis=2, keepdims=True)) / structure.k
    return of_replicates(each)
