"""Shapley values as the weighted least squares fit of an additive game, on pairs of complementary coalitions."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.blackbox.linear_algebra import inverse_root, times
from shapley_credit.blackbox.random_coalitions import Coalitions, paired
from shapley_credit.blackbox.solution import Solution
from shapley_credit.blackbox.structure import Structure

Array = NDArray[Any]


def minimum(structure: Structure) -> int:
    """The ends, single members and their complements, and as many pairs again."""
    return 4 * int(structure.k) + 2


def design(structure: Structure, budget: int, seed: int) -> tuple[Coalitions, None]:
    """Pairs of coalitions of uniform sizes: in proportion to their leverage (Musco & Witter 2025)."""
    return paired(structure, budget - budget % 2, seed), None


def solve(structure: Structure, coalitions: Coalitions, places: None, values: Array) -> Solution:
    """argmin sum_S w_S (v(S) - v(empty) - phi(S))^2 among phi with phi(N) = v(N) - v(empty), values [B, m] -> [B, k].

    w_S = (k - 1) / (s (k - s)) shared by the coalitions of size s (Charnes et al. 1988): all of them give the Shapley value.
    The constraint is met by a change of variables, phi = (v(N) - v(empty)) / k + Q psi with Q orthogonal to 1, not by a large
    weight. The errors of a pair's two coalitions go together, so the standard error is that of a regression with pairs as
    clusters. The share of each size that was asked is taken off: a complete size adds no error.
    """
    k = structure.k
    inner = coalitions[2:].astype(np.float64)
    size = inner.sum(axis=1).astype(np.int64)
    root = np.sqrt((k - 1) / (size * (k - size)) / np.bincount(size, minlength=k)[size])
    total = values[:, 1] - values[:, 0]
    basis = np.linalg.qr(np.ones((k, 1)), mode="complete")[0][:, 1:]
    design = root[:, None] * times(inner, basis)
    target = root * (values[:, 2:] - values[:, :1] - total[:, None] * (size / k))
    solved = inverse_root(times(design.T, design))
    inverse = times(solved.T, times(solved, design.T))
    psi = np.einsum("jm,bm->bj", inverse, target)
    credit = total[:, None] / k + np.einsum("bj,kj->bk", psi, basis)
    left = target - np.einsum("bj,mj->bm", psi, design)
    pull = times(basis, inverse)[None] * left[:, None, :]  # [B, k, m]: what each evaluation adds to the error
    pairs = pull[..., ::2] + pull[..., 1::2]
    missed = 1 - np.bincount(size, minlength=k) / np.array([comb(k, s) for s in range(k)], np.float64)  # by size
    pairs = pairs * np.sqrt(np.maximum(missed[size[::2]], 0))
    count = pairs.shape[2]
    spread = (pairs**2).sum(axis=2) * (count / max(count - k + 1, 1))
    return Solution(credit, np.sqrt(spread), max(count - k + 1, 1))
