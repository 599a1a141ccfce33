"""Linear algebra in small tiles, which no BLAS library shares out among threads: the bits do not depend on their number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

TILE = 64  # OpenBLAS computes a product of 64^3 multiplications, and a factorization of 64 rows, in the calling thread


def times(left: Array, right: Array) -> Array:
    """left @ right for [..., n, m] and [..., m, p], summed tile by tile along m in one order."""
    if max(left.shape[-2:] + right.shape[-1:]) <= TILE:
        small: Array = np.matmul(left, right)
        return small
    first, second = _tiles(left), _tiles(right)
    total = np.matmul(first[..., :, None, 0, :, :], second[..., None, 0, :, :, :])  # [..., I, P, b, d]
    for j in range(1, second.shape[-4]):
        total += np.matmul(first[..., :, None, j, :, :], second[..., None, j, :, :, :])
    *lead, rows, columns, height, width = total.shape
    joined = total.swapaxes(-3, -2).reshape(*lead, rows * height, columns * width)
    product: Array = joined[..., : left.shape[-2], : right.shape[-1]]
    return product


def _tiles(matrix: Array) -> Array:
    """[..., I, J, b, c]: tiles of equal size, the last ones filled up with zeros."""
    *lead, n, m = matrix.shape
    rows, columns = -(-n // TILE), -(-m // TILE)
    height, width = -(-n // rows), -(-m // columns)
    padded = matrix
    if (n, m) != (rows * height, columns * width):
        padded = np.zeros((*lead, rows * height, columns * width))
        padded[..., :n, :m] = matrix
    return np.ascontiguousarray(padded.reshape(*lead, rows, height, columns, width).swapaxes(-3, -2))


def inverse_root(matrix: Array) -> Array:
    """W, lower triangular, with W matrix W' = 1, for a positive definite matrix [n, n]. O(n^3)."""
    n = len(matrix)
    if n <= TILE:
        return np.tril(np.linalg.inv(np.linalg.cholesky(matrix)))
    half = TILE * (-(-n // TILE) // 2)
    upper = inverse_root(matrix[:half, :half])
    below = times(matrix[half:, :half], upper.T)
    lower = inverse_root(matrix[half:, half:] - times(below, below.T))
    root = np.zeros((n, n))
    root[:half, :half], root[half:, half:] = upper, lower
    root[half:, :half] = -times(times(lower, below), upper)
    return root
