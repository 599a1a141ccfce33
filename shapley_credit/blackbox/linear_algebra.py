"""Linear algebra in tiles so small that BLAS libraries keep them in one thread: no bit depends on the number of threads."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

HUGE = 1e30  # beyond all squares of columns, so that the bordered matrix is positive definite, too
TILE = 64  # OpenBLAS computes a product of 64^3 multiplications, and a factorization of 64 rows, in the calling thread
HIGH, DEEP, WIDE = 64, 128, 32  # tiles of such a product, with few sums of results


def times(left: Array, right: Array, lower: Literal["left", "right", ""] = "") -> Array:
    """left @ right for [..., n, m] and [..., m, p], summed tile by tile along m in one order.

    lower: which of them is lower triangular, so that tiles of zeros are left out.
    """
    if max(left.shape[-2:] + right.shape[-1:]) <= TILE:
        small: Array = np.matmul(left, right)
        return small
    first, second = _tiles(left, HIGH, DEEP), _tiles(right, DEEP, WIDE)
    (rows, depths, high, deep), (columns, wide) = first.shape[-4:], second.shape[-3::2]
    lead = np.broadcast_shapes(first.shape[:-4], second.shape[:-4])
    product = np.empty((*lead, rows * high, columns * wide))
    total, summand = _tiles(product, high, wide), np.empty((*lead, columns, high, wide))
    for i in range(rows):
        # The first product fills all columns; of a lower triangular matrix only its last rows reach them all.
        start, *order = range(depths)[::-1] if lower == "right" else range(depths)
        np.matmul(first[..., i, start, None, :, :], second[..., start, :, :, :], out=total[..., i, :, :, :])
        for j in order if lower != "left" else order[: ((i + 1) * high - 1) // deep]:
            some = slice(-(-(j + 1) * deep // wide) if lower == "right" else None)  # columns
            part = np.matmul(first[..., i, j, None, :, :], second[..., j, some, :, :], out=summand[..., some, :, :])
            total[..., i, some, :, :] += part
    return product[..., : left.shape[-2], : right.shape[-1]]


def _tiles(matrix: Array, high: int, wide: int) -> Array:
    """[..., I, J, b, c]: tiles of equal size, the last ones filled up with zeros."""
    *lead, n, m = matrix.shape
    rows, columns = -(-n // high), -(-m // wide)
    height, width = -(-n // rows), -(-m // columns)
    padded = matrix
    if (n, m) != (rows * height, columns * width):
        padded = np.zeros((*lead, rows * height, columns * width))
        padded[..., :n, :m] = matrix
    return padded.reshape(*lead, rows, height, columns, width).swapaxes(-3, -2)


def inverse_root(matrix: Array) -> Array:
    """W, lower triangular, with W matrix W' = 1, for positive definite matrices [..., n, n]. O(n^3)."""
    n = matrix.shape[-1]
    if n <= TILE:
        small: Array = np.tril(np.linalg.inv(np.linalg.cholesky(matrix)))
        return small
    half = TILE * (-(-n // TILE) // 2)
    upper = inverse_root(matrix[..., :half, :half])
    below = np.swapaxes(times(upper, matrix[..., :half, half:], "left"), -1, -2)
    lower = inverse_root(matrix[..., half:, half:] - times(below, np.swapaxes(below, -1, -2)))
    root = np.zeros(matrix.shape)
    root[..., :half, :half], root[..., half:, half:] = upper, lower
    root[..., half:, :half] = -times(times(lower, below, "left"), upper, "right")
    return root


def precise(smooth: Array, noises: Array, columns: Array) -> tuple[Array, Array]:
    """x' A^-1 x [s, N, c] for columns x [n, c], and log |A| [s, N], A = smooth + noise, [s, n, n] and [N] times 1. O(n^3).

    Not in tiles: the last digits may depend on the number of threads. A few columns are more rows of a Cholesky factor: below
    the factor L of A stand columns' L'^-1.
    """
    (n, count), shape = columns.shape, (len(smooth), len(noises))
    squares, logs, below = np.empty((*shape, count)), np.empty(shape), count if count <= n else 0
    bordered = np.zeros((len(noises), n + below, n + below))
    diagonal = bordered.reshape(len(noises), -1)[:, :: n + below + 1]
    if below:
        bordered[:, n:, :n], diagonal[:, n:] = columns.T, HUGE
    for place, matrix in enumerate(smooth):  # one matrix at a time fits in cache
        bordered[:, :n, :n] = matrix
        diagonal[:, :n] += noises[:, None]
        factor = np.linalg.cholesky(bordered)
        white = factor[:, n:, :n] if below else np.swapaxes(times(np.linalg.inv(factor), columns), -1, -2)
        squares[place] = (white**2).sum(axis=-1)
        logs[place] = 2 * np.log(np.diagonal(factor, axis1=-2, axis2=-1)[:, :n]).sum(axis=-1)
    return squares, logs
