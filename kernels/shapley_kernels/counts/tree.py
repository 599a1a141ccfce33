"""The counts form on a coalition tree: all groups, classes and sizes are games of their own, solved side by side."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, prod
from typing import Any

import numpy as np

from shapley_kernels.arrays import at_least, at_most, beside, chunks, counting, joined, laid_out, namespace
from shapley_kernels.chances import chances_of
from shapley_kernels.counts.ref import typed_by
from shapley_kernels.kernel_errors import LimitError
from shapley_kernels.table.tree import MAX_MEMBERS, flags_of, solve
from shapley_kernels.trees.games_by_class import by_group, class_members, of_games
from shapley_kernels.trees.nodes import Node
from shapley_kernels.trees.reduction import Members, credits
from shapley_kernels.trees.shapes import Mix, is_flat

Array = Any

MAX_CELLS = 1_000_000


def size_sum(scores: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = f(|S|) sum_S x. scores [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K].

    Flat: phi_i = own x_i + rest sum_{j != i} x_j, means of f over the sizes that the semivalue weighs, O(K). Else one game of a
    count.
    """
    xp = namespace(scores)
    present = xp.broadcast_to(present, scores.shape)
    x, f = xp.astype(xp.where(present, scores, 0), xp.float64), xp.astype(f, xp.float64)
    if not is_flat(root):
        steps = xp.astype(present.T[None, ...], xp.int64)
        return credits(xp.zeros_like(f), Members(steps, gains=x.T), root, mixes, f)
    own, rest = size_means(f, present, mixes[root.depth])
    total = xp.cumulative_sum(x, axis=1)[:, -1:]
    return xp.where(present, own * x + rest * (total - x), 0.0)


def size_means(f: Array, present: Array, mix: Mix) -> tuple[Array, Array]:
    """sum_s q_s f(s + 1), and of another member, sum_s q_s s / (n - 1) (f(s + 1) - f(s)), with q the mix of n members.

    f [B or 1, K + 1], present [B, K] -> [B, 1] each. One size after the other: those that no set has change no bit.
    """
    xp = namespace(f)
    q = chances_of(mix, present)
    number = at_least(xp.count_nonzero(present, axis=1)[:, None] - 1, 1)
    own = xp.cumulative_sum(q * f[:, 1:], axis=1)[:, -1:]
    pairs = q * xp.astype(counting(q.shape[1], f), xp.float64) / xp.astype(number, xp.float64)
    return own, xp.cumulative_sum(pairs * (f[:, 1:] - f[:, :-1]), axis=1)[:, -1:]


def cardinality(f: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = f(|S|). f [B, K + 1], present [B or 1, K] -> [B, K]."""
    xp = namespace(f)
    types = xp.broadcast_to(_types(present, 0), (f.shape[0], present.shape[1]))
    return of_counts(types, _rises(xp.astype(f, xp.float64)), root, mixes)


def _rises(tables: Array) -> Array:
    """Tables [B or 1, L] less their first entries, so that a level that all entries share costs no digits."""
    return tables - tables[:, :1]


def _types(present: Array, types: Array) -> Array:
    """The types of present members, -1 for absent ones."""
    xp = namespace(present)
    return xp.where(present, types, xp.full_like(present, -1, dtype=xp.int64))


def of_counts(types: Array, tables: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = table[members of type 0, of type 1, ..].

    types [B, K] int, -1 for absent ones, tables [B or 1, *lattice] -> [B, K].
    O(T^2 |lattice|) a group on the flat tree, else O(sum over nodes of c^2 prod (n_t + 1)).
    """
    xp = namespace(types)
    if is_flat(root):
        present, lattice = types >= 0, tables.shape[1:]
        flat = xp.reshape(tables, (tables.shape[0], prod(lattice)))
        return typed_by(types, present, flat, lattice, chances_of(mixes[root.depth], present))
    steps = xp.stack([kind == types.T for kind in range(tables.ndim - 1)])
    return credits(tables, Members(xp.astype(steps, xp.int64)), root, mixes)


def pass_at_k(correct: Array, present: Array, m: int, root: Node, mixes: Sequence[Mix]) -> Array:
    """The unbiased pass@m estimator, a game of two types. correct [B, K], present [B or 1, K] bool -> [B, K]."""
    xp = namespace(correct)
    types = _types(xp.broadcast_to(present, correct.shape), xp.astype(correct, xp.int64))
    right = wrong = correct.shape[1]
    if isinstance(types, np.ndarray):
        right, wrong = (int((types == kind).sum(axis=1).max(initial=0)) for kind in (1, 0))
    table = [[1 - comb(w, m) / comb(w + r, m) if w + r >= m else 0.0 for r in range(right + 1)] for w in range(wrong + 1)]
    return of_counts(types, beside(np.array([table]), types), root, mixes)


def plurality(labels: Array, present: Array, target: Array, shared: bool, root: Node, mixes: Sequence[Mix]) -> Array:
    """Target class the largest, a game of C types: polynomial for a fixed number of classes, lattice prod (n_c + 1).

    labels [B, K], present [B or 1, K], target [B or 1] -> [B, K]. Groups whose classes have the same sizes go together. On a
    device, where sizes are not read, by the values of all sets, O(2^K K^2). Raises LimitError for too many vectors or sets.
    """
    if not isinstance(labels, np.ndarray):
        return _by_all_sets(labels, present, target, shared, root, mixes)
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


def _by_all_sets(labels: Array, present: Array, target: Array, shared: bool, root: Node, mixes: Sequence[Mix]) -> Array:
    """`plurality` without reading how large the classes are."""
    xp = namespace(labels)
    groups, members = labels.shape
    if members > MAX_MEMBERS:
        raise LimitError(
            f"a vote of {members} members on a device is solved by the values of all sets but for Shapley's, for at most "
            f"{MAX_MEMBERS} members; make the utility of arrays moved to the host, or use set_shapley, which has no such limit."
        )
    same = (labels[:, :, None] == labels[:, None, :]) & present[:, None, :]
    mine = (labels == target[:, None]) & present
    earlier = xp.any(same & beside(np.tri(members, k=-1, dtype=np.bool_), labels), axis=2)
    rivals = present & ~mine & ~earlier  # every class by its first member
    flags = flags_of(members, labels)

    def votes(voters: Array) -> Array:
        return xp.matmul(xp.astype(voters, xp.float64), flags)

    def tables(rows: slice) -> Array:
        ours = votes(mine[rows, :])
        won, ties = ours > 0, xp.ones_like(ours)
        for j in range(members):
            theirs = xp.where(rivals[rows, j : j + 1], votes(same[rows, j, :]), -1.0)
            won, ties = won & (theirs <= ours), ties + xp.astype(theirs == ours, xp.float64)
        return xp.where(won, 1 / ties, 0.0) if shared else xp.astype(won & (ties == 1), xp.float64)

    return joined(solve(tables(rows), root, mixes) for rows in chunks(groups, members << members, labels))


def separable(labels: Array, present: Array, f: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum over classes of f(n_c) - f(0). labels [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K]."""
    xp = namespace(labels)
    tables = _rises(xp.astype(f, xp.float64))
    if is_flat(root):  # the other members are a second type there, which changes no value
        tables = xp.broadcast_to(tables[:, :, None], (*f.shape, f.shape[1]))
    return _by_class(labels, present, tables, root, mixes)


def class_sizes(labels: Array, present: Array, table: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = sum over classes of h(n_c, |S|). labels [B, K], present [B or 1, K], table h [B or 1, K + 1, K + 1] -> [B, K]."""
    xp = namespace(labels)
    return _by_class(labels, present, xp.astype(by_sum(table), xp.float64), root, mixes)  # by own and by other members


def by_sum(table: Array) -> Array:
    """table[.., n, n + m] at [n, m], for n + m beyond the end what stands there, [.., L, L]."""
    xp, length = namespace(table), table.shape[-1]
    own = np.arange(length)
    places = own[:, None] * length + np.minimum(own[:, None] + own, length - 1)
    flat = xp.take(xp.reshape(table, (*table.shape[:-2], length**2)), beside(places.ravel(), table), axis=-1)
    return xp.reshape(flat, table.shape)


def _by_class(labels: Array, present: Array, tables: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """A game for every class: its members are of type 0 and the others of type 1, if the tables know it."""
    present = namespace(labels).broadcast_to(present, labels.shape)

    def solve(rows: slice) -> Array:
        group, mine = class_members(labels[rows, :], present[rows, :])
        others = of_games(present[rows, :], group)
        types = namespace(labels).where(mine, 0, _types(others & (tables.ndim > 2), 1))
        table = tables if tables.shape[0] == 1 else of_games(tables[rows, ...], group)
        return by_group(of_counts(types, table, root, mixes), group, labels[rows, :].shape[0])

    return joined(map(solve, chunks(labels.shape[0], labels.shape[1] ** 2, labels)))


def weighted(steps: Array, values: Array, origin: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = values[origin + sum_S steps]; a negative step counts while its member is absent.

    steps [B, K] int, values [B or 1, L], origin [B] int -> [B, K].
    """
    xp = namespace(steps)
    rises, falls = at_least(steps, 0), at_least(-steps, 0)
    first = origin - xp.sum(falls, axis=1)
    reach, signed = values.shape[1] - 1, True
    if isinstance(steps, np.ndarray):
        reach, signed = int((rises + falls).sum(axis=1).max(initial=0)), bool(falls.any())
    places = first[:, None] + counting(reach + 1, first)
    places = at_least(at_most(places, values.shape[1] - 1), 0)
    wide = xp.broadcast_to(values, (steps.shape[0], values.shape[1]))
    tables = xp.astype(xp.take_along_axis(wide, places, axis=1), xp.float64)
    members = Members(rises.T[None, ...], falls.T[None, ...] if signed else None, largest=reach)
    return credits(tables, members, root, mixes)


def geometric(scores: Array, present: Array, root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = (prod_S x)^(1/|S|), one game a size. scores [B, K], present [B or 1, K] -> [B, K].

    In units of the best score, beside which absence, a factor of 1, costs no digits.
    """
    xp = namespace(scores)
    groups, members = scores.shape
    present = xp.broadcast_to(present, scores.shape)
    sizes = np.arange(1, members + 1)

    def solve(rows: slice) -> Array:
        count = scores[rows, :].shape[0]

        def each(array: Array) -> Array:
            """[B K, K], a row for each group and size, laid out in full: powers then run in one loop and have the same bits."""
            wide = xp.broadcast_to(array, (count, members, members))
            return laid_out(wide, (count * members, members))

        here, order = each(present[rows, None, :]), each(beside((1 / sizes)[:, None], scores))
        x = xp.where(here, each(xp.astype(scores[rows, None, :], xp.float64)), 0.0)
        best = xp.max(x, axis=1, keepdims=True)
        best = xp.where(best > 0, best, 1.0)  # of groups without members, or of zeros
        roots = xp.where(here, x**order / laid_out(xp.broadcast_to(best, x.shape), x.shape) ** order, 1.0).T
        table = beside((sizes[:, None] == np.arange(members + 1)).astype(np.float64), scores)
        table = xp.reshape(xp.broadcast_to(table, (count, *table.shape)), (count * members, members + 1))
        parts = Members(xp.astype(here.T[None, ...], xp.int64), inside=roots, delta=roots - 1)
        shares = xp.reshape(best * credits(table, parts, root, mixes), (count, members, members))
        return xp.cumulative_sum(shares, axis=1)[:, -1, :]

    return joined(map(solve, chunks(groups, members**2, scores)))


def typed(types: Array, present: Array, table: Array, shape: tuple[int, ...], root: Node, mixes: Sequence[Mix]) -> Array:
    """v(S) = table[n_0, .., n_{T-1}], n_t the members of type t in S.

    types [B, K], present [B or 1, K], table [B or 1, L] row-major over `shape` -> [B, K].
    """
    xp = namespace(types)
    tables = xp.reshape(_rises(xp.astype(table, xp.float64)), (table.shape[0], *shape))
    return of_counts(_types(xp.broadcast_to(present, types.shape), types), tables, root, mixes)
