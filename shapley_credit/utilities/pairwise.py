"""Diversity as distances between pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.fields import Field, Parameter, symmetric
from shapley_credit.utility import Problem, Utility


class SumPairwise(Utility):
    """Sum over pairs, v(S) = sum_{i<j in S} d_ij.

    Shapley: phi_i = sum_{j != i} d_ij / 2, a pair splitting its distance equally.
    distances: [..., k, k], symmetric, the diagonal not used, in the units of v; mask: [..., k]. Cost O(k^2).
    Raises InputError for distances that are not finite or not symmetric.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.SumPairwise([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]]))
    array([1.5, 2. , 2.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"distances": symmetric("k", "k")}
    distances: Array

    def __init__(self, distances: Any, *, mask: Any = None) -> None:
        self.bind(mask, distances=distances)

    def definition(self, members: Array) -> float:
        return float(np.triu(self.distances[np.ix_(members, members)], 1).sum())

    def reduce(self) -> Sequence[Problem]:
        return pair_problem(self, self.distances, np.ones(self.k + 1))


class MeanPairwise(Utility):
    """Mean over pairs, v(S) = sum_{i<j in S} d_ij / C(|S|, 2), 0 if |S| < 2.

    Shapley: phi_i = a D_i + b (D - D_i), D_i = sum_{j != i} d_ij, D = sum_i D_i / 2, a = 2 (H_k - 1) / (k (k - 1)),
    b = (2 / (k (k - 1)) - 2 a) / (k - 2), with harmonic numbers H.
    distances: [..., k, k], symmetric, the diagonal not used, in the units of v; mask: [..., k]. Cost O(k^2).
    Raises InputError for distances that are not finite or not symmetric.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.MeanPairwise([[0.0, 1.0], [1.0, 0.0]]))
    array([0.5, 0.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"distances": symmetric("k", "k")}
    distances: Array

    def __init__(self, distances: Any, *, mask: Any = None) -> None:
        self.bind(mask, distances=distances)

    def definition(self, members: Array) -> float:
        pairs = len(members) * (len(members) - 1) / 2
        return float(np.triu(self.distances[np.ix_(members, members)], 1).sum()) / pairs if pairs else 0.0

    def reduce(self) -> Sequence[Problem]:
        sizes = np.arange(self.k + 1)
        return pair_problem(self, self.distances, 2 / np.maximum(sizes * (sizes - 1), 2))


def pair_problem(utility: Utility, distances: Array, f: Array) -> Sequence[Problem]:
    """f(|S|) sum over pairs; pairs with an absent member have been read as 0."""
    rows = utility.flatten(distances, 2, full=True)
    return [Problem("pairs", "pair_sums", (rows, utility.present(), f[None, :].astype(rows.dtype)))]
