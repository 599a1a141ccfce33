"""Diversity as distances between pairs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, real, symmetric
from shapley_credit.inputs.pricing import Outline
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility
from shapley_kernels.arrays import namespace


class SumPairwise(Utility):
    """Sum over pairs, v(S) = f(|S|) sum_{i<j in S} d_ij, f = 1 by default.

    Shapley: phi_i = sum_{j != i} d_ij / 2 for f = 1, a pair splitting its distance equally; in general a D_i + b (D - D_i),
    D_i = sum_{j != i} d_ij, D = sum_i D_i / 2, a = sum_{s=1}^{k-1} s f(s+1) / (k (k-1)), b = (f(k) - 2 a) / (k - 2).
    distances: [..., k, k], symmetric, the diagonal not used; f: [..., k + 1]; mask: [..., k]. Cost O(k^2).
    Raises InputError for distances that are not finite or not symmetric.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.SumPairwise([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]]))
    array([1.5, 2. , 2.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"distances": symmetric("k", "k", deferred=True), "f": real("sizes")}
    distances: Array
    f: Array | None

    def __init__(self, distances: Any, f: Any = None, *, mask: Any = None) -> None:
        self.bind(mask, distances=distances, f=f)

    def definition(self, members: Array) -> float:
        factor = 1.0 if self.f is None else self.f[len(members)]
        return float(factor * np.triu(self.distances[np.ix_(members, members)], 1).sum())

    def reduce(self) -> Sequence[Problem]:
        return pair_problem(self, self.distances, self.beside(_ones(self.k, self.dtype)) if self.f is None else self.rows("f"))


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

    fields: ClassVar[dict[str, Field | Parameter]] = {"distances": symmetric("k", "k", deferred=True)}
    distances: Array

    def __init__(self, distances: Any, *, mask: Any = None) -> None:
        self.bind(mask, distances=distances)

    def definition(self, members: Array) -> float:
        pairs = len(members) * (len(members) - 1) / 2
        return float(np.triu(self.distances[np.ix_(members, members)], 1).sum()) / pairs if pairs else 0.0

    def reduce(self) -> Sequence[Problem]:
        return pair_problem(self, self.distances, self.beside(_shares_of_pairs(self.k, self.dtype)))


class Quadratic(Utility):
    """Quadratic form, v(S) = sum_{i in S} l_i + sum_{i<j in S} q_ij.

    Shapley: phi_i = l_i + sum_{j != i} q_ij / 2; any structure gives the same.
    linear: [..., k]; pairs: [..., k, k], symmetric, the diagonal not used; mask: [..., k]. Cost O(k^2).
    Raises InputError for numbers that are not finite and pairs that are not symmetric.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Quadratic([1.0, 2.0], [[0.0, 4.0], [4.0, 0.0]]))
    array([3., 4.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"linear": real("k"), "pairs": symmetric("k", "k", deferred=True)}
    linear: Array
    pairs: Array

    def __init__(self, linear: Any, pairs: Any, *, mask: Any = None) -> None:
        self.bind(mask, linear=linear, pairs=pairs)

    def definition(self, members: Array) -> float:
        return float(self.linear[members].sum() + np.triu(self.pairs[np.ix_(members, members)], 1).sum())

    def reduce(self) -> Sequence[Problem]:
        linear = Problem("dividends", "additive", (self.rows("linear", full=True),))
        return [linear, *pair_problem(self, self.pairs, self.beside(_ones(self.k, self.dtype)))]


class Cut(Utility):
    """Weight that leaves a set, v(S) = sum_{i in S, j not in S} w_ij, over the present members j.

    Shapley: phi_i = (out_i - in_i) / 2, half the difference of i's weights to and from the others; 0 if they are symmetric.
    weights: [..., k, k], the diagonal not used; mask: [..., k]. Cost O(k^2). Raises InputError for weights that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Cut([[0.0, 3.0], [1.0, 0.0]]))
    array([ 1., -1.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"weights": real("k", "k")}
    weights: Array

    def __init__(self, weights: Any, *, mask: Any = None) -> None:
        self.bind(mask, weights=weights)

    def definition(self, members: Array) -> float:
        rest = np.setdiff1d(np.arange(self.k), members)
        if self.mask is not None:
            rest = rest[self.mask[rest]]
        return float(self.weights[np.ix_(members, rest)].sum())

    def rises(self, sets: Array) -> Array:
        xp = namespace(sets)
        members = xp.astype(sets, xp.float64)
        weights = xp.astype(self.flatten(self._off_diagonal(), 2, full=True), xp.float64)
        return xp.sum(xp.matmul(members, weights) * (1 - members), axis=2)

    def _off_diagonal(self) -> Array:
        return namespace(self.weights).where(self.beside(np.eye(self.k, dtype=np.bool_)), 0, self.weights)

    def outline(self) -> Sequence[Outline]:
        pairs = float(prod(self.shape) * self.k**2)
        return [self._outlined("pairs", "pair_sums", 32 * pairs, 3 * pairs, width=self.k * (self.k + 1) // 2)]

    def reduce(self) -> Sequence[Problem]:
        xp, off_diagonal = namespace(self.weights), self._off_diagonal()
        out = Problem("dividends", "additive", (xp.sum(self.flatten(off_diagonal, 2, full=True), axis=2),))
        inner = pair_problem(self, off_diagonal + xp.matrix_transpose(off_diagonal), self.beside(_ones(self.k, self.dtype)))
        return [out, *(problem._replace(scale=-1.0) for problem in inner)]


@lru_cache(maxsize=256)
def _shares_of_pairs(k: int, dtype: Any) -> NDArray[Any]:
    """1 / C(s, 2) for s = 0 .. k, 1 for s < 2, [1, k + 1], read-only."""
    sizes = np.arange(k + 1)
    shares: NDArray[Any] = (2 / np.maximum(sizes * (sizes - 1), 2)).astype(dtype)[None, :]
    shares.flags.writeable = False
    return shares


@lru_cache(maxsize=256)
def _ones(k: int, dtype: Any) -> NDArray[Any]:
    """[1, k + 1], read-only."""
    ones = np.ones((1, k + 1), dtype)
    ones.flags.writeable = False
    return ones


def pair_problem(utility: Utility, distances: Array, f: Array) -> Sequence[Problem]:
    """f(|S|) sum over pairs; pairs with an absent member have been read as 0."""
    return [Problem("pairs", "pair_sums", (utility.flatten(distances, 2, full=True), utility.present(), f))]
