"""The textbook formula of each work from the operations of NumPy, and of torch: the best that users compose themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Formula = Callable[..., Any]


@lru_cache(maxsize=4)
def _table_weights(n: int) -> tuple[Array, Array]:
    """|S|! (n - 1 - |S|)! / n! for all S, and the coalitions without member 0."""
    sizes = np.bitwise_count(np.arange(1 << n, dtype=np.uint32))
    return np.array([*(1 / (n * comb(n - 1, s)) for s in range(n)), 0.0])[sizes], sizes


def numpy_table(values: Array) -> Array:
    """phi_i = sum_{S without i} |S|! (n - 1 - |S|)! / n! [v(S + i) - v(S)], a vectorised sum a player. values [2^n]."""
    n = len(values).bit_length() - 1
    weights = _table_weights(n)[0]
    credit = np.empty(n)
    for i in range(n):
        v, w = values.reshape(-1, 2, 1 << i), weights.reshape(-1, 2, 1 << i)
        credit[i] = (w[:, 0] * (v[:, 1] - v[:, 0])).sum()
    return credit


def numpy_max(scores: Array) -> Array:
    """phi_(j) = sum_{l<=j} (s_(l) - s_(l-1)) / (k - l + 1) over ascending scores. [B, K]."""
    order = np.argsort(scores, axis=1)
    gaps = np.diff(np.take_along_axis(scores, order, axis=1), axis=1, prepend=scores.dtype.type(0))
    credit = np.empty_like(scores)
    counts = np.arange(scores.shape[1], 0, -1, dtype=scores.dtype)
    np.put_along_axis(credit, order, np.cumsum(gaps / counts, axis=1), axis=1)
    return credit


def numpy_facility(scores: Array) -> Array:
    """The formula of the maximum for every element, summed. [B, K, E]."""
    groups, members, elements = scores.shape
    columns = np.swapaxes(scores, 1, 2).reshape(groups * elements, members)
    credit: Array = numpy_max(columns).reshape(groups, elements, members).sum(axis=1)
    return credit


@lru_cache(maxsize=4)
def _nodes(members: int) -> list[tuple[float, float]]:
    x, w = np.polynomial.legendre.leggauss((members + 1) // 2)
    return list(zip(((x + 1) / 2).tolist(), (w / 2).tolist(), strict=True))


def numpy_noisy_or(p: Array) -> Array:
    """phi_i = p_i integral_0^1 prod_{j != i} (1 - t p_j) dt by exact quadrature, prefixes times suffixes. [B, K]."""
    integral = np.zeros_like(p)
    for t, weight in _nodes(p.shape[1]):
        factors = 1 - t * p
        before, after = np.ones_like(p), np.ones_like(p)
        np.cumprod(factors[:, :-1], axis=1, out=before[:, 1:])
        after[:, :-1] = np.cumprod(factors[:, :0:-1], axis=1)[:, ::-1]
        integral += weight * before * after
    return p * integral


def numpy_dcg(gains: Array) -> Array:
    """Ranks by a sort, means of discounts before, a running sum after. [B, K]."""
    ranks = np.arange(1, gains.shape[1] + 1)
    discounts = 1 / np.log2(ranks + 1)
    means = np.cumsum(discounts) / ranks
    order = np.argsort(-gains, axis=1, kind="stable")
    ranked = np.take_along_axis(gains, order, axis=1)
    shares = ranked * means
    shares[:, :-1] += np.cumsum((ranked[:, 1:] * ((discounts[1:] - means[:-1]) / ranks[1:]))[:, ::-1], axis=1)[:, ::-1]
    credit = np.empty_like(gains)
    np.put_along_axis(credit, order, shares, axis=1)
    return credit


def numpy_coverage(hits: Array) -> Array:
    """The weight 1 of each element split among those who hit it. [B, K, E]."""
    share = 1 / np.maximum(hits.sum(axis=1), 1)
    credit: Array = np.where(hits, share[:, None, :], 0.0).sum(axis=2)
    return credit


def numpy_pairs(distances: Array) -> Array:
    """phi_i = (d_i. - d_ii) / 2. [B, K, K]."""
    credit: Array = (distances.sum(axis=2) - np.diagonal(distances, axis1=1, axis2=2)) / 2
    return credit


def numpy_tokens(credit: Array, mask: Array) -> Array:
    """The credit of a row at each of its tokens. credit [B], mask [B, T]."""
    return np.where(mask, credit[:, None], 0)


# By work, from the arguments of its kernel.
NUMPY: dict[str, Formula] = {
    "table": lambda values: numpy_table(values[0])[None],
    "max": lambda scores, base, present: numpy_max(scores),
    "facility": lambda scores, weights: numpy_facility(scores),
    "noisy-or": numpy_noisy_or,
    "DCG": lambda gains, keys, discounts: numpy_dcg(gains),
    "coverage": lambda hits, weights: numpy_coverage(hits),
    "pairs": lambda distances, present, f: numpy_pairs(distances),
    "tokens": lambda credit, lengths, mask: numpy_tokens(credit, mask),
}


def torch_formulas() -> dict[str, Formula]:
    """The same for torch tensors on any device."""
    import torch

    def table(values: Any) -> Any:
        n = len(values).bit_length() - 1
        weights = _on(values, "table", n)
        sums = []
        for i in range(n):
            v, w = values.reshape(-1, 2, 1 << i), weights.reshape(-1, 2, 1 << i)
            sums.append((w[:, 0] * (v[:, 1] - v[:, 0])).sum())
        return torch.stack(sums)

    def maximum(scores: Any) -> Any:
        ascending, order = torch.sort(scores, dim=1)
        gaps = torch.diff(ascending, dim=1, prepend=torch.zeros_like(ascending[:, :1]))
        shares = torch.cumsum(gaps / torch.arange(scores.shape[1], 0, -1, device=scores.device, dtype=scores.dtype), dim=1)
        return torch.empty_like(scores).scatter_(1, order, shares)

    def facility(scores: Any) -> Any:
        ascending, order = torch.sort(scores, dim=1)
        gaps = torch.diff(ascending, dim=1, prepend=torch.zeros_like(ascending[:, :1]))
        counts = torch.arange(scores.shape[1], 0, -1, device=scores.device, dtype=scores.dtype)
        shares = torch.cumsum(gaps / counts[:, None], dim=1)
        return torch.empty_like(scores).scatter_(1, order, shares).sum(dim=2)

    def noisy_or(p: Any) -> Any:
        integral = torch.zeros_like(p)
        one = torch.ones_like(p[:, :1])
        for t, weight in _nodes(p.shape[1]):
            factors = 1 - t * p
            before = torch.cumprod(torch.cat([one, factors[:, :-1]], dim=1), dim=1)
            after = torch.cumprod(torch.cat([one, factors[:, 1:].flip(1)], dim=1), dim=1).flip(1)
            integral = integral + weight * before * after
        return p * integral

    def dcg(gains: Any) -> Any:
        ranks = torch.arange(1, gains.shape[1] + 1, device=gains.device, dtype=gains.dtype)
        discounts = 1 / torch.log2(ranks + 1)
        means = torch.cumsum(discounts, dim=0) / ranks
        ranked, order = torch.sort(gains, dim=1, descending=True, stable=True)
        shift = torch.cat([torch.zeros_like(means[:1]), (discounts[1:] - means[:-1]) / ranks[1:]])
        moved = ranked * shift
        tail = torch.cumsum(moved.flip(1), dim=1).flip(1) - moved
        return torch.empty_like(gains).scatter_(1, order, ranked * means + tail)

    def coverage(hits: Any) -> Any:
        share = 1 / hits.sum(dim=1).clamp(min=1).to(torch.float32)
        return torch.where(hits, share[:, None, :], 0.0).sum(dim=2)

    def pairs(distances: Any) -> Any:
        return (distances.sum(dim=2) - torch.diagonal(distances, dim1=1, dim2=2)) / 2

    return {
        "table": lambda values: table(values[0])[None],
        "max": lambda scores, base, present: maximum(scores),
        "facility": lambda scores, weights: facility(scores),
        "noisy-or": noisy_or,
        "DCG": lambda gains, keys, discounts: dcg(gains),
        "coverage": lambda hits, weights: coverage(hits),
        "pairs": lambda distances, present, f: pairs(distances),
        "tokens": lambda credit, lengths, mask: torch.where(mask, credit[:, None], 0.0),
    }


@lru_cache(maxsize=4)
def _constant(what: str, n: int, device: str) -> Any:
    import torch

    return torch.as_tensor(_table_weights(n)[0], device=device)


def _on(values: Any, what: str, n: int) -> Any:
    return _constant(what, n, str(values.device)).to(values.dtype)
