"""Determinantal diversity: what vectors span together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import combinations
from math import comb, prod
from operator import mul
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, real
from shapley_credit.inputs.pricing import Outline
from shapley_credit.inputs.problems import Problem
from shapley_credit.utilities.dividends import for_all
from shapley_credit.utilities.integrals import in_float64
from shapley_credit.utility import Utility
from shapley_kernels.arrays import beside, laid_out, namespace
from shapley_kernels.member_axes import Orders, along


class Determinant(Utility):
    """Determinantal diversity, v(S) = det(I + sum_{i in S} x_i x_i^T) - 1.

    With X X^T = U diag(mu) U^T, phi = (U o U) psi, psi the credits of v'(S) = prod_{l in S} (1 + mu_l), for every semivalue; no
    term is below 0. In unions: by Cauchy and Binet the dividend of T is the Gram determinant of x_T, zero for |T| > d, shared
    equally by its members.
    vectors: [..., k, d]; mask: [..., k]. Cost O(k^2 (k + d)); in unions O(k^(d+1)), where d is meant to be small.
    Raises InputError for numbers that are not finite. Source: docs/theory.md.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Determinant([[1.0, 0.0], [0.0, 2.0]]))
    array([3., 6.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"vectors": real("k", "d")}
    _light: ClassVar[int] = 0  # few members in unions may have many dividends
    vectors: Array

    def __init__(self, vectors: Any, *, mask: Any = None) -> None:
        self.bind(mask, vectors=vectors)

    def definition(self, members: Array) -> float:
        value = 0.0
        for stretch in np.linalg.svd(self.vectors[members].astype(np.float64), compute_uv=False).tolist():
            value += stretch * stretch * (1 + value)  # positive terms only
        return value

    def outline(self) -> Sequence[Outline]:
        groups, (k, dimension) = prod(self.shape), self.vectors.shape[-2:]
        made = 8.0 * groups * (2 * k * dimension + 6 * k * k)
        return [self._outlined("products", "product", made, groups * k * k * (4.0 * dimension + 20.0 * k))]

    def reduce(self) -> Sequence[Problem]:
        vectors = in_float64(self.rows("vectors", full=True))  # absent members have been read as 0
        xp = namespace(vectors)
        turns, stretches = _principal(vectors)
        spread = stretches * stretches  # mu
        # A vector of zeros is a null player to the last bit.
        shares = xp.where(xp.any(vectors != 0, axis=2)[:, :, None], turns * turns, 0.0)
        return [Problem("products", "product", (1 + spread, xp.ones_like(spread), spread), shares=shares)]

    def outline_unions(self) -> Sequence[Outline]:
        groups, (k, dimension) = prod(self.shape), self.vectors.shape[-2:]
        outlines = []
        for size in range(1, min(dimension, k) + 1):
            sets = comb(k, size)
            made = sets * (groups * (24.0 * size * dimension + k) + k * (size + 1) + 72 + 16 * size)
            making = 2.0 * sets * (k * (size + 2) + 8 * groups * size * dimension)
            outlines.append(self._outlined("dividends", "unanimity", made, making, width=sets))
        return outlines

    def reduce_unions(self) -> Sequence[Problem]:
        vectors = in_float64(self.rows("vectors", full=True))  # absent members have been read as 0
        xp = namespace(vectors)
        groups, k, dimension = vectors.shape
        problems = []
        for size in range(1, min(dimension, k) + 1):
            chosen = np.array(list(combinations(range(k), size)))  # [T, size]
            parts = xp.take(vectors, self.beside(chosen.ravel()), axis=1)
            parts = xp.reshape(parts, (groups, len(chosen), size, dimension))
            weights = _gram(parts)
            sets = (chosen[:, :, None] == np.arange(k)).any(axis=1).T
            problems.append(Problem("dividends", "unanimity", (for_all(self, sets), weights)))
        return problems or [Problem("dividends", "additive", (xp.sum(vectors, axis=2),))]

    def marginals(self, orders: Orders) -> Array:
        """det(M + x x^T) - det(M) = det(M) x^T M^-1 x with M = R^T R, R updated from place to place, to keep digits."""
        vectors = in_float64(along(self.rows("vectors", full=True), orders))
        xp, (groups, k, d) = namespace(vectors), vectors.shape
        if not d:
            return xp.sum(vectors, axis=2)
        root, rises = xp.broadcast_to(self.beside(np.eye(d)), (groups, d, d)), []
        for j in range(k):
            x = vectors[:, j, :]
            stretched = xp.linalg.solve(xp.matrix_transpose(root), x[:, :, None])[..., 0]
            whole = xp.prod(xp.linalg.diagonal(root), axis=-1)
            rises.append(xp.sum((whole[:, None] * stretched) ** 2, axis=1))
            root = xp.linalg.qr(xp.concat([root, x[:, None, :]], axis=1))[1]
        return xp.stack(rises, axis=1)


def _principal(vectors: Array) -> tuple[Array, Array]:
    """U [B, K, K] and s [B, K] of vectors [B, K, d] = U diag(s) V^T, with zeros where d < K.

    By way of the triangle of a QR decomposition where vectors are long. The matrix of products would lose half the digits of
    nearly parallel vectors.
    """
    xp, (groups, k, dimension) = namespace(vectors), vectors.shape
    known = xp.all(xp.isfinite(vectors), axis=(1, 2))  # what a device has not been asked for yet
    safe = xp.where(known[:, None, None], vectors, 0.0)
    if dimension > k:
        long = xp.matrix_transpose(safe)
        triangle = np.linalg.qr(long, mode="r") if isinstance(long, np.ndarray) else xp.linalg.qr(long)[1]
        safe = xp.matrix_transpose(triangle)
    elif not dimension:
        safe = xp.broadcast_to(beside(np.zeros((k, 1)), vectors), (groups, k, 1))
    turns, stretches, _ = xp.linalg.svd(safe, full_matrices=False)
    stretches = xp.where(known[:, None], stretches, xp.nan)
    more = k - stretches.shape[1]
    gap = xp.broadcast_to(beside(np.zeros((k, more)), vectors), (groups, k, more))
    return xp.concat([turns, gap], axis=2), laid_out(xp.concat([stretches, gap[:, 0, :]], axis=1), (groups, k))


def _gram(vectors: Array) -> Array:
    """The Gram determinants [..] of vectors [.., size, d], each less what those before it span (modified Gram-Schmidt).

    The determinant of the matrix of their products would lose half the digits of nearly parallel vectors.
    """
    xp, squares = namespace(vectors), []
    for _ in range(vectors.shape[-2]):
        first, vectors = vectors[..., :1, :], vectors[..., 1:, :]
        square = xp.sum(first**2, axis=-1, keepdims=True)
        squares.append(square[..., 0, 0])
        along_first = xp.sum(vectors * first, axis=-1, keepdims=True) / xp.where(square > 0, square, 1.0)
        vectors = vectors - along_first * first
    return reduce(mul, squares)
