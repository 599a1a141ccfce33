"""The counts form on a coalition tree: games of integer statistics as functionals of polynomials, one variable a statistic."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.trees import Element, Mix, Node, solve

Array = NDArray[Any]


def size_sum(scores: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = f(|S|) sum_S x, dual numbers z (1 + eps x). scores [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K]."""
    groups, members = scores.shape
    credit = np.zeros(scores.shape)
    present, f = np.broadcast_to(present, scores.shape), np.broadcast_to(f, (groups, members + 1))
    absent: Element = {(0, 0): 1.0}
    for row in range(groups):
        inside: list[Element] = [
            {(1, 0): 1.0, (1, 1): float(x)} if here else absent for x, here in zip(scores[row], present[row], strict=True)
        ]
        functional = np.stack([np.zeros(members + 1), f[row]], axis=1)
        credit[row] = solve(inside, [absent] * members, functional, root, mixes)
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


def typed(types: Array, functional: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = functional[number of members of type 0, of type 1, ..]. types [K] int, -1 for absent ones -> [K]."""
    kinds = functional.ndim
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
        credit[row] = typed(types, np.array(value), root, mixes)
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
        types = np.where(here, np.searchsorted(classes, labels[row]), -1)
        counts = np.indices(sizes + 1).reshape(len(sizes), -1)
        mine, most = counts[int(np.searchsorted(classes, goals[row]))], counts.max(axis=0)
        winners = (counts == most).sum(axis=0)
        wins = (mine == most) & (mine > 0)
        value = np.where(wins, 1 / winners if shared else winners == 1, 0.0)
        credit[row] = typed(types, value.reshape(tuple(sizes + 1)), root, mixes)
    return credit
