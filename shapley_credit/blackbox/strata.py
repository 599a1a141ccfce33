"""Shapley values stratum by stratum: the mean value of the sets of one size with, and without, each member."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.random_coalitions import Coalitions, distinct, ends, stream
from shapley_credit.blackbox.solution import Solution, of_replicates
from shapley_credit.blackbox.structure import Structure

Array = NDArray[Any]


def sweep(k: int) -> int:
    """Evaluations of one sweep over the sizes 2 .. k - 2."""
    return 2 * sum(int(-(-k // s)) for s in range(2, k // 2 + 1))


def minimum(structure: Structure) -> int:
    """The ends, single members and their complements, and two sweeps."""
    return 2 + 2 * int(structure.k) + 2 * sweep(structure.k)


def design(structure: Structure, budget: int, seed: int) -> tuple[Coalitions, Array]:
    """Sweeps: for each size the members of a shuffle in groups of that size, the last one wrapping around, and complements.

    Every member is in a group, and in a complement, of every size.
    """
    k = structure.k
    single = np.eye(k, dtype=np.bool_)
    fixed = np.concatenate([ends(k), single, ~single])
    rows = [fixed]
    for number in range((budget - len(fixed)) // sweep(k)):
        rng = stream(seed, "strata", number)
        for s in range(2, k // 2 + 1):
            shuffle = rng.permutation(k)
            starts = np.arange(0, k, s)
            chosen = shuffle[(starts[:, None] + np.arange(s)) % k]
            groups = np.zeros((len(starts), k), np.bool_)
            np.put_along_axis(groups, chosen, True, axis=1)
            rows += [groups, ~groups]
    different, place = distinct(np.concatenate(rows))
    return different, place[len(fixed) :].reshape(-1, sweep(k))


def solve(structure: Structure, coalitions: Coalitions, places: Array, values: Array) -> Solution:
    """phi_i = (1/k) sum_s [mean of v(S), i in S, |S| = s + 1, less mean of v(S), i not in S, |S| = s] in every sweep.

    Sizes 0, 1, k - 1 and k are complete. All members share what the credits lack of v(N) - v(empty), 0 on average.
    Unbiased, with bounded error for bounded games (Kolpaczki et al. 2024, SVARM). values [B, m] -> [B, k].
    """
    k, total = structure.k, values[:, 1] - values[:, 0]
    single, others = values[:, 2 : 2 + k], values[:, 2 + k : 2 + 2 * k]
    known = values[:, 1:2] - others + single - values[:, :1]
    known = known - (single.sum(axis=1, keepdims=True) - single) / (k - 1)
    known = known + (others.sum(axis=1, keepdims=True) - others) / (k - 1)
    each = np.repeat(known[:, None, :], len(places), axis=1)  # [B, sweeps, k]
    rows = coalitions[places]  # [sweeps, evaluations, k]
    sizes = rows.sum(axis=2)
    seen = np.take(values, places, axis=1)
    for s in range(2, k - 1):
        here = (sizes == s)[..., None]
        inside, outside = (rows & here).astype(np.float64), (~rows & here).astype(np.float64)
        each += np.einsum("brm,rmk->brk", seen, inside) / inside.sum(axis=1)
        each -= np.einsum("brm,rmk->brk", seen, outside) / outside.sum(axis=1)
    each /= k
    each += (total[:, None] - each.sum(axis=2))[..., None] / k
    return of_replicates(each)
