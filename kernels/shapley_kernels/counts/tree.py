"""The counts form on a coalition tree: games of integer statistics as functionals of polynomials, one variable a statistic."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.counts.ref import geometric_shares, typed_shares
from shapley_kernels.limits import LimitError
from shapley_kernels.trees import Element, Mix, Node, is_flat, solve

Array = NDArray[Any]

MAX_CELLS = 1_000_000


def size_sum(scores: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = f(|S|) sum_S x. scores [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K].

    Flat: phi_i = own x_i + rest sum_{j != i} x_j, means of f over the sizes that the semivalue weighs, O(K). Else dual numbers
    z (1 + eps x), one count game.
    """
    groups, members = scores.shape
    credit = np.zeros(scores.shape)
    present, f = np.broadcast_to(present, scores.shape), np.broadcast_to(f, (groups, members + 1))
    absent: Element = {(0, 0): 1.0}
    for row in range(groups):
        where = np.flatnonzero(present[row])
        if is_flat(root) and len(where):
            credit[row, where] = _flat_sum(scores[row, where], f[row, : len(where) + 1], mixes[root.depth](len(where)))
            continue
        inside: list[Element] = [
            {(1, 0): 1.0, (1, 1): float(x)} if here else absent for x, here in zip(scores[row], present[row], strict=True)
        ]
        functional = np.stack([np.zeros(members + 1), f[row]], axis=1)
        credit[row] = solve(inside, [absent] * members, functional, root, mixes)
    return credit


def _flat_sum(scores: Array, f: Array, q: Array) -> Array:
    n = len(scores)
    own = (q * f[1:]).sum()
    rest = (q * np.arange(n) / max(n - 1, 1) * (f[1:] - f[:-1])).sum()
    credit: Array = own * scores + rest * (scores.sum() - scores)
    return credit


def cardinality(f: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = f(|S|). f [B, K + 1], present [B or 1, K] -> [B, K]."""
    groups, members = len(f), present.shape[1]
    absent: Element = {(0,): 1.0}
    rows = [
        solve([{(1,): 1.0} if here else absent for here in row], [absent] * members, values, root, mixes)
        for row, values in zip(np.broadcast_to(present, (groups, members)), f, strict=True)
    ]
    return np.array(rows).reshape(groups, members)


def of_counts(types: Array, functional: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = functional[number of members of type 0, of type 1, ..], all of them counted. types [K] int, -1: absent -> [K]."""
    kinds = functional.ndim
    if is_flat(root) and (types >= 0).all():
        credit: Array = typed_shares(functional[None], mixes[root.depth](len(types)))[0, types]
        return credit
    unit: list[Element] = [{tuple(int(t == kind) for kind in range(kinds)): 1.0} for t in types]
    nothing: Element = {(0,) * kinds: 1.0}
    return solve(unit, [nothing] * len(types), functional, root, mixes)


def pass_at_k(correct: Array, present: Array, m: int, root: Node, mixes: Sequence[Mix]) -> Array:
    """The unbiased pass@m estimator, a game of two types. correct [B, K], present [B or 1, K] bool -> [B, K]."""
    credit = np.zeros(correct.shape)
    for row, here in enumerate(np.broadcast_to(present, correct.shape)):
        types = np.where(here, correct[row], -1)
        wrong, right = int((types == 0).sum()), int((types == 1).sum())
        value = [[1 - comb(w, m) / comb(w + r, m) if w + r >= m else 0.0 for r in range(right + 1)] for w in range(wrong + 1)]
        credit[row] = of_counts(types, np.array(value), root, mixes)
    return credit


def plurality(labels: Array, present: Array, target: Array, shared: bool, root: Node, mixes: Sequence[Mix]) -> Array:
    """Target class the largest, a game of C types: polynomial for a fixed number of classes, lattice prod (n_c + 1).

    labels [B, K], present [B or 1, K], target [B or 1] -> [B, K].
    """
    credit = np.zeros(labels.shape)
    goals = np.broadcast_to(target, len(labels))
    for row, here in enumerate(np.broadcast_to(present, labels.shape)):
        classes, sizes = np.unique(labels[row, here], return_counts=True)
        if goals[row] not in classes:
            continue
        cells = prod(int(n) + 1 for n in sizes)
        if cells > MAX_CELLS:
            raise LimitError(
                f"a vote of {len(classes)} classes on a coalition tree has {cells:,} vectors of counts, and more than "
                f"{MAX_CELLS:,} are refused; merge rare classes, or use set_shapley, which has no such limit."
            )
        types = np.where(here, np.searchsorted(classes, labels[row]), -1)
        counts = np.indices([int(n) + 1 for n in sizes]).reshape(len(sizes), -1)
        mine, most = counts[int(np.searchsorted(classes, goals[row]))], counts.max(axis=0)
        winners = (counts == most).sum(axis=0)
        wins = (mine == most) & (mine > 0)
        value = np.where(wins, 1 / winners if shared else winners == 1, 0.0)
        credit[row] = of_counts(types, value.reshape(tuple(sizes + 1)), root, mixes)
    return credit


def separable(labels: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum over classes of f(n_c) - f(0). labels [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K]."""
    credit = np.zeros(labels.shape)
    tables = np.broadcast_to(f, (len(labels), f.shape[1]))
    for row, here in enumerate(np.broadcast_to(present, labels.shape)):
        for c in np.unique(labels[row, here]):
            mine = here & (labels[row] == c)
            credit[row] += of_counts(np.where(mine, 0, -1), tables[row, : int(mine.sum()) + 1], root, mixes)
    return credit


def class_sizes(labels: Array, present: Array, table: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum over classes of h(n_c, |S|). labels [B, K], present [B or 1, K], table h [B or 1, K + 1, K + 1] -> [B, K]."""
    credit = np.zeros(labels.shape)
    nothing: Element = {(0, 0): 1.0}
    tables = np.broadcast_to(table, (len(labels), *table.shape[1:]))
    for row, here in enumerate(np.broadcast_to(present, labels.shape)):
        for c in np.unique(labels[row, here]):
            mine = here & (labels[row] == c)
            inside: list[Element] = [
                {(1, 1): 1.0} if own else {(0, 1): 1.0} if there else nothing for own, there in zip(mine, here, strict=True)
            ]
            functional = tables[row, : int(mine.sum()) + 1, : int(here.sum()) + 1]
            credit[row] += solve(inside, [nothing] * len(here), functional, root, mixes)
    return credit


def weighted(steps: Array, values: Array, origin: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = values[origin + sum_S steps]; a negative step counts while its member is absent.

    steps [B, K] int, values [B or 1, L], origin [B] int -> [B, K].
    """
    credit = np.zeros(steps.shape)
    tables = np.broadcast_to(values, (len(steps), values.shape[1]))
    for row, step in enumerate(steps.tolist()):
        inside: list[Element] = [{(max(w, 0),): 1.0} for w in step]
        outside: list[Element] = [{(max(-w, 0),): 1.0} for w in step]
        lowest = int(origin[row]) + sum(min(w, 0) for w in step)
        reach = sum(map(abs, step)) + 1
        credit[row] = solve(inside, outside, tables[row, lowest : lowest + reach], root, mixes)
    return credit


def geometric(scores: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = (prod_S x)^(1/|S|), one game a size. scores [B, K], present [B or 1, K] -> [B, K]."""
    credit = np.zeros(scores.shape)
    nothing: Element = {(0,): 1.0}
    for row, here in enumerate(np.broadcast_to(present, scores.shape)):
        n = int(here.sum())
        if is_flat(root):
            credit[row, here] = geometric_shares(scores[row, here], mixes[root.depth](max(n, 1)))
            continue
        for size in range(1, n + 1):
            roots = scores[row].astype(np.float64) ** (1 / size)
            inside: list[Element] = [{(1,): float(x)} if there else nothing for x, there in zip(roots, here, strict=True)]
            functional = (np.arange(n + 1) == size).astype(np.float64)
            credit[row] += solve(inside, [nothing] * len(here), functional, root, mixes)
    return credit


def typed(types: Array, present: Array, table: Array, shape: tuple[int, ...], root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = table[n_0, .., n_{T-1}], n_t the members of type t in S.

    types [B, K], present [B or 1, K], table [B or 1, L] row-major over `shape` -> [B, K].
    """
    credit = np.zeros(types.shape)
    kinds = np.where(present, types, -1)
    tables = np.broadcast_to(table, (len(types), table.shape[1])).reshape(len(types), *shape)
    for row, kind in enumerate(kinds):
        reach = tuple(slice(int((kind == t).sum()) + 1) for t in range(len(shape)))
        credit[row] = of_counts(kind, tables[row][reach], root, mixes)
    return credit
