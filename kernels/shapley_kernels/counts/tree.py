"""The counts form on a coalition tree: all groups, classes and sizes are games of their own, solved side by side."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.counts.ref import typed_by
from shapley_kernels.draws import chances_of
from shapley_kernels.limits import LimitError
from shapley_kernels.reduction import Members, credits
from shapley_kernels.trees import Mix, Node, chunks, classes, is_flat

Array = NDArray[Any]

MAX_CELLS = 1_000_000


def size_sum(scores: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = f(|S|) sum_S x. scores [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K].

    Flat: phi_i = own x_i + rest sum_{j != i} x_j, means of f over the sizes that the semivalue weighs, O(K). Else one game of a
    count.
    """
    present = np.broadcast_to(present, scores.shape)
    x, f = np.where(present, scores, 0).astype(np.float64), f.astype(np.float64)
    if not is_flat(root):
        steps = present.T[None].astype(np.int64)
        return credits(np.zeros_like(f), Members(steps, gains=x.T), root, mixes, f)
    f = np.broadcast_to(f, (len(x), f.shape[1]))
    credit, sizes = np.zeros(scores.shape), present.sum(axis=1)
    for n in set(sizes.tolist()) - {0}:
        rows = sizes == n
        own, rest = size_means(f[rows, : n + 1], mixes[root.depth](n))
        total = np.add.accumulate(x[rows], axis=1)[:, -1:]
        credit[rows] = np.where(present[rows], own * x[rows] + rest * (total - x[rows]), 0)
    return credit


def size_means(f: Array, q: Array) -> tuple[Array, Array]:
    """sum_s q_s f(s + 1), and of another member, sum_s q_s s / (n - 1) (f(s + 1) - f(s)). f [B, n + 1] -> [B, 1] each."""
    n = len(q)
    own = np.add.accumulate(q * f[:, 1:], axis=1)[:, -1:]
    other = np.add.accumulate(q * np.arange(n) / max(n - 1, 1) * (f[:, 1:] - f[:, :-1]), axis=1)[:, -1:]
    return own, other


def cardinality(f: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = f(|S|). f [B, K + 1], present [B or 1, K] -> [B, K]."""
    types = np.broadcast_to(np.where(present, 0, -1), (len(f), present.shape[1]))
    return of_counts(types, f.astype(np.float64), root, mixes)


def of_counts(types: Array, tables: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = table[members of type 0, of type 1, ..].

    types [B, K] int, -1 for absent ones, tables [B or 1, *lattice] -> [B, K].
    O(T^2 |lattice|) a group on the flat tree, else O(sum over nodes of c^2 prod (n_t + 1)).
    """
    if is_flat(root):
        present, lattice = types >= 0, tables.shape[1:]
        flat: Array = typed_by(types, present, tables.reshape(len(tables), -1), lattice, chances_of(mixes[root.depth], present))
        return flat
    steps = np.stack([np.equal(types.T, kind) for kind in range(tables.ndim - 1)])
    return credits(tables, Members(steps.astype(np.int64)), root, mixes)


def pass_at_k(correct: Array, present: Array, m: int, root: Node, mixes: Sequence[Mix]) -> Array:
    """The unbiased pass@m estimator, a game of two types. correct [B, K], present [B or 1, K] bool -> [B, K]."""
    types = np.where(present, correct.astype(np.int64), -1)
    right, wrong = (int((types == kind).sum(axis=1).max(initial=0)) for kind in (1, 0))
    table = [[1 - comb(w, m) / comb(w + r, m) if w + r >= m else 0.0 for r in range(right + 1)] for w in range(wrong + 1)]
    return of_counts(types, np.array([table]), root, mixes)


def plurality(labels: Array, present: Array, target: Array, shared: bool, root: Node, mixes: Sequence[Mix]) -> Array:
    """Target class the largest, a game of C types: polynomial for a fixed number of classes, lattice prod (n_c + 1).

    labels [B, K], present [B or 1, K], target [B or 1] -> [B, K]. Groups whose classes have the same sizes go together.
    """
    credit = np.zeros(labels.shape)
    alike: dict[tuple[int, ...], list[tuple[int, Array]]] = {}
    present, target = np.broadcast_to(present, labels.shape), np.broadcast_to(target, len(labels))
    for row, (here, goal) in enumerate(zip(present, target, strict=True)):
        names, index, sizes = np.unique(labels[row, here], return_inverse=True, return_counts=True)
        if goal not in names:
            continue
        order = np.lexsort((sizes, names != goal))  # the target first
        types = np.full(labels.shape[1], -1)
        types[here] = np.argsort(order)[index]
        alike.setdefault(tuple(sizes[order].tolist()), []).append((row, types))
    for counts, groups in alike.items():
        rows = [row for row, _ in groups]
        credit[rows] = of_counts(np.array([types for _, types in groups]), _votes(counts, shared)[None], root, mixes)
    return credit


def _votes(sizes: tuple[int, ...], shared: bool) -> Array:
    """v by the counts of the classes, the target first."""
    cells = prod(n + 1 for n in sizes)
    if cells > MAX_CELLS:
        raise LimitError(
            f"a vote of {len(sizes)} classes on a coalition tree has {cells:,} vectors of counts, and more than "
            f"{MAX_CELLS:,} are refused; merge rare classes, or use set_shapley, which has no such limit."
        )
    counts = np.indices([n + 1 for n in sizes])
    most = counts.max(axis=0)
    winners = (counts == most).sum(axis=0)
    value: Array = np.where((counts[0] == most) & (most > 0), 1 / winners if shared else winners == 1, 0.0)
    return value


def separable(labels: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum over classes of f(n_c) - f(0). labels [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K]."""
    tables = f.astype(np.float64)
    if is_flat(root):  # whose members all count, be it for nothing
        return _by_class(labels, present, np.repeat(tables[:, :, None], f.shape[1], axis=2), root, mixes)
    return _by_class(labels, present, tables, root, mixes)


def class_sizes(labels: Array, present: Array, table: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum over classes of h(n_c, |S|). labels [B, K], present [B or 1, K], table h [B or 1, K + 1, K + 1] -> [B, K]."""
    own = np.arange(table.shape[1])
    by_type = table[:, own[:, None], np.minimum(own[:, None] + own, len(own) - 1)].astype(np.float64)  # of the class, others
    return _by_class(labels, present, by_type, root, mixes)


def _by_class(labels: Array, present: Array, tables: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """A game for every class: its members are of type 0 and the others of type 1, if the tables know it."""
    credit = np.zeros(labels.shape)
    present = np.broadcast_to(present, labels.shape)
    for rows in chunks(len(labels), labels.shape[1] ** 2):
        group, mine = classes(labels[rows], present[rows])
        types = np.where(mine, 0, np.where(present[rows][group] & (tables.ndim > 2), 1, -1))
        table = tables if len(tables) == 1 else tables[rows][group]
        np.add.at(credit[rows], group, of_counts(types, table, root, mixes))
    return credit


def weighted(steps: Array, values: Array, origin: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = values[origin + sum_S steps]; a negative step counts while its member is absent.

    steps [B, K] int, values [B or 1, L], origin [B] int -> [B, K].
    """
    rises, falls = np.maximum(steps, 0), np.maximum(-steps, 0)
    reach = (rises + falls).sum(axis=1)
    first = origin - falls.sum(axis=1)
    places = np.minimum(first[:, None] + np.arange(int(reach.max(initial=0)) + 1), values.shape[1] - 1)
    tables = np.take_along_axis(np.broadcast_to(values, (len(steps), values.shape[1])), places, axis=1).astype(np.float64)
    return credits(tables, Members(rises.T[None], falls.T[None] if falls.any() else None), root, mixes)


def geometric(scores: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = (prod_S x)^(1/|S|), one game a size. scores [B, K], present [B or 1, K] -> [B, K]."""
    groups, members = scores.shape
    present = np.broadcast_to(present, scores.shape)
    credit = np.zeros(scores.shape)
    sizes = np.arange(1, members + 1)
    for rows in chunks(groups, members**2):
        here = np.repeat(present[rows], members, axis=0)  # [B K, K], a row for each group and size
        size = np.tile(sizes, len(here) // members)
        x = np.where(here, np.repeat(scores[rows], members, axis=0), 1).astype(np.float64)
        roots = (
            x ** np.repeat(1 / size, members).reshape(x.shape)
        ).T  # all of x and exponents at hand: the same loop, the same bits
        table = (size[:, None] == np.arange(members + 1)).astype(np.float64)
        parts = Members(here.T[None].astype(np.int64), inside=roots, delta=roots - 1)
        shares = credits(table, parts, root, mixes).reshape(-1, members, members)
        credit[rows] = np.add.accumulate(shares, axis=1)[:, -1]
    return credit


def typed(types: Array, present: Array, table: Array, shape: tuple[int, ...], root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = table[n_0, .., n_{T-1}], n_t the members of type t in S.

    types [B, K], present [B or 1, K], table [B or 1, L] row-major over `shape` -> [B, K].
    """
    return of_counts(np.where(present, types, -1), table.reshape(len(table), *shape).astype(np.float64), root, mixes)
