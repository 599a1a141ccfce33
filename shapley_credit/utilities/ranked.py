"""Gains discounted by rank: DCG, rank-biased precision, nearest neighbours, sums of the best."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array, computed, from_numpy, to_array
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import check_finite
from shapley_credit.inputs.fields import Field, Parameter, key, read_parameter, real
from shapley_credit.inputs.pricing import LINEAR
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility
from shapley_kernels.arrays import beside, dtype_of, namespace


class DCG(Utility):
    """Discounted cumulative gain, v(S) = sum_r d_r g_(r), S sorted by key, descending, equal keys by lower index.

    Shapley: phi_i = g_i m_{r_i} + sum_{j after i} g_j c_{r_j}, with m_r = mean(d_1 .. d_r), c_r = (d_r - m_{r-1}) / r and the
    rank r_i of i among all members: j's discounted gain is a game symmetric in the members before j.
    gains: [..., k] in the units of v; keys: [..., k], by default the gains; discounts: [..., k], any numbers, by default
    d_r = 1 / log2(r + 1) (Jarvelin & Kekalainen 2002); mask: [..., k]. Cost O(k log k).
    Constructors: `DCG.ndcg`, `DCG.rbp`, `DCG.knn`. Raises InputError for numbers that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.DCG([3.0, 2.0], discounts=[1.0, 0.5]))
    array([2.5, 1.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {
        "gains": real("k"),
        "keys": key("k"),
        "discounts": real("ranks"),
    }
    _light: ClassVar[int] = LINEAR
    gains: Array
    keys: Array | None
    discounts: Array | None

    def __init__(self, gains: Any, keys: Any = None, discounts: Any = None, *, mask: Any = None) -> None:
        self.bind(mask, gains=gains, keys=keys, discounts=discounts)

    @classmethod
    def ndcg(cls, gains: Any, ideal: Any = None, keys: Any = None, *, at: int | None = None, mask: Any = None) -> Self:
        """Normalised DCG, v(S) = DCG(S) / max DCG of the ideal gains, both of the first `at` ranks; 0 where the maximum is 0.

        gains, keys, mask: [..., k]; ideal: [..., n], the gains of all that could have been found, by default of the present
        members; at: whole number >= 1, by default all ranks. Gains of graded relevance are often 2^relevance - 1.
        Cost O(k log k + n log n). Raises InputError for numbers that are not finite and at < 1.

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.set_shapley(u.DCG.ndcg([1.0, 0.0, 1.0], [1.0, 1.0, 1.0], at=2)).round(4)
        array([0.5, 0. , 0.5])
        """
        found, library = to_array(gains, "gains")
        found, best = computed(found), computed(to_array(gains if ideal is None else ideal, "ideal")[0])
        if isinstance(best, np.ndarray) and ideal is not None:
            check_finite(best, "ideal")
        xp, k = namespace(found), members_of(found)
        if ideal is None and mask is not None:
            best = xp.where(to_array(mask, "mask")[0], best, 0)
        cut = max(k, members_of(best)) if at is None else read_parameter(at, Parameter(), "at")
        discounts = _logarithmic(max(k, members_of(best)), dtype_of(found))[0]
        discounts = np.where(np.arange(len(discounts)) < cut, discounts, 0.0)
        ranked = xp.flip(xp.sort(best, axis=-1), axis=-1)
        most = xp.sum(ranked * beside(discounts[: members_of(best)], ranked), axis=-1)[..., None]
        share = xp.where(most <= 0, 0, found / xp.where(most <= 0, 1, most))
        return cls(from_numpy(share, library), gains if keys is None else keys, discounts[:k].tolist(), mask=mask)

    @classmethod
    def rbp(cls, gains: Any, persistence: float, keys: Any = None, *, mask: Any = None) -> Self:
        """Rank-biased precision, v(S) = (1 - p) sum_r p^(r-1) g_(r) (Moffat & Zobel 2008).

        gains, keys, mask: [..., k]; persistence p in [0, 1). Cost O(k log k). Raises InputError for another p.

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.set_shapley(u.DCG.rbp([4.0, 2.0], 0.5))
        array([1.75, 0.75])
        """
        if not 0 <= persistence < 1:
            raise InputError(f"persistence must be in [0, 1); got {persistence!r}.")
        ranks = range(members_of(to_array(gains, "gains")[0]))
        return cls(gains, keys, [(1 - persistence) * persistence**rank for rank in ranks], mask=mask)

    @classmethod
    def knn(cls, matches: Any, distances: Any, neighbors: int, *, mask: Any = None) -> Self:
        """k-nearest-neighbour accuracy, v(S) = sum of the matches of the K nearest members of S, divided by K.

        Shapley: the recursion of Jia et al. 2019, Efficient task-specific data valuation for nearest neighbor algorithms,
        theorem 1. matches: [..., k], 1 where a member has the right label; distances: [..., k], equal ones by lower index;
        neighbors: K >= 1. Cost O(k log k). Raises InputError for numbers that are not finite and K < 1.

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.set_shapley(u.DCG.knn([1.0, 0.0, 1.0], [0.1, 0.2, 0.3], 1))
        array([ 0.83333333, -0.16666667,  0.33333333])
        """
        neighbors = read_parameter(neighbors, Parameter(), "neighbors")
        far, library = to_array(distances, "distances")
        if mask is None and isinstance(far, np.ndarray):
            check_finite(far, "distances")
        # ~d = -1 - d reverses the order of integers without overflow.
        near = from_numpy(namespace(far).bitwise_invert(far) if dtype_of(far).kind in "iu" else -computed(far), library)
        ranks = range(members_of(far))
        return cls(matches, near, [1 / neighbors if rank < neighbors else 0.0 for rank in ranks], mask=mask)

    def definition(self, members: Array) -> float:
        keys = self.gains if self.keys is None else self.keys
        best_first = sorted(members, key=lambda i: (-keys[i], i))
        discounts = _logarithmic(self.k, self.dtype)[0] if self.discounts is None else self.discounts
        return float(sum(self.gains[i] * d for i, d in zip(best_first, discounts, strict=False)))

    def reduce(self) -> Sequence[Problem]:
        gains = self.rows("gains", full=True)
        keys = gains if self.keys is None else self.rows("keys")
        if self.mask is not None:  # last in rank and without gain, an absent member changes no other credit
            xp, present = namespace(gains), self.present()
            keys = xp.where(present, keys, -float("inf"))
            gains = xp.where(present, gains, 0)
        unset = self.discounts is None
        discounts = self.beside(_logarithmic(self.k, self.dtype)) if unset else self.rows("discounts")
        return [Problem("ranks", "discounted", (gains, keys, discounts))]


@lru_cache(maxsize=256)
def _logarithmic(k: int, dtype: Any) -> NDArray[Any]:
    """1 / log2(r + 1) for r = 1 .. k, [1, k], read-only."""
    discounts = (1 / np.log2(np.arange(2, k + 2))).astype(dtype)[None, :]
    discounts.flags.writeable = False
    return discounts


def members_of(array: Array) -> int:
    """Length of the last axis; 0 for a number, which `bind` refuses with a message."""
    return array.shape[-1] if array.ndim else 0


class TopM(Utility):
    """Sum of the best m, v(S) = sum of the min(m, |S|) largest scores of S.

    Shapley: DCG with d_r = [r <= m]; m = 1 is Max only for scores >= 0.
    scores: [..., k] in the units of v; m: whole number >= 1; mask: [..., k]. Cost O(k log k).
    Raises InputError for scores that are not finite and m < 1.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.TopM([1.0, 2.0, 4.0], 2))
    array([0.66666667, 1.66666667, 3.66666667])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k"), "m": Parameter()}
    _light: ClassVar[int] = LINEAR
    scores: Array
    m: int

    def __init__(self, scores: Any, m: int, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores, m=m)

    def definition(self, members: Array) -> float:
        return float(sum(sorted(self.scores[members], reverse=True)[: self.m]))

    def reduce(self) -> Sequence[Problem]:
        kept = (np.arange(self.k) < self.m).astype(self.dtype)
        scores = self.rows("scores", full=True)
        keys = scores if self.mask is None else namespace(scores).where(self.present(), scores, -float("inf"))
        return [Problem("ranks", "discounted", (scores, keys, self.beside(kept[None, :])))]
