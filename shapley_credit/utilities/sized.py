"""Utilities of the size of a set, and of averages."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, real
from shapley_credit.inputs.pricing import LINEAR, Outline
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility, or_of_all
from shapley_kernels.arrays import at_least, namespace
from shapley_kernels.earlier_members import before, counted, sums_before
from shapley_kernels.member_axes import Orders, along


class Cardinality(Utility):
    """Function of the size, v(S) = f(|S|).

    Shapley: phi_i = (f(k) - f(0)) / k, by symmetry (Shapley 1953).
    f: [..., k + 1] in the units of v, f[s] the value of a set of s members; mask: [..., k], with which n present members share
    f(n) - f(0). Cost O(k). Raises InputError for values that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Cardinality([0.0, 1.0, 1.5]))
    array([0.75, 0.75])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"f": real("sizes")}
    _light: ClassVar[int] = LINEAR
    f: Array

    def __init__(self, f: Any, *, mask: Any = None) -> None:
        self.bind(mask, f=f)

    def definition(self, members: Array) -> float:
        return float(self.f[len(members)])

    def lowered(self) -> Self:
        lower = copy.copy(self)
        lower.f = self.f - self.f[..., :1]
        return lower

    def reduce(self) -> Sequence[Problem]:
        return [Problem("counts", "cardinality", (self.rows("f", full=True), self.present()))]


class Mean(Utility):
    """Average score, v(S) = sum_{i in S} s_i / |S|, v(empty) = base.

    Shapley: phi_i = (s_mean - base) / k + (k H_k - 1) / (k (k - 1)) (s_i - s_mean), with harmonic numbers H.
    scores: [..., k] and base: [...] in the units of v; mask: [..., k]. Cost O(k).
    Raises InputError for scores that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Mean([1.0, 3.0]))
    array([0., 2.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k"), "base": real()}
    _light: ClassVar[int] = LINEAR
    _moved: ClassVar[str] = "scores"
    scores: Array
    base: Array

    def __init__(self, scores: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores, base=base)

    def definition(self, members: Array) -> float:
        return float(self.scores[members].mean()) if len(members) else float(self.base)

    def reduce(self) -> Sequence[Problem]:
        scores = self.less_base("scores")
        return [Problem("counts", "size_sum", (scores, self.present(), self.beside(_reciprocals(self.k, self.dtype))))]


class SizedSum(Utility):
    """Sum of scores times a function of the size, v(S) = f(|S|) sum_{i in S} s_i.

    Shapley: phi_i = f(k) s_mean + (a - b) (s_i - s_mean), a = sum_{s=1}^k f(s) / k, b = (f(k) - a) / (k - 1).
    scores: [..., k]; f: [..., k + 1], f[s] the factor of a set of s members, f[0] not used; mask: [..., k]. Cost O(k).
    Raises InputError for numbers that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.SizedSum([1.0, 3.0], [0.0, 1.0, 0.5]))
    array([0., 2.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k"), "f": real("sizes")}
    _light: ClassVar[int] = LINEAR
    scores: Array
    f: Array

    def __init__(self, scores: Any, f: Any, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores, f=f)

    def definition(self, members: Array) -> float:
        return float(self.f[len(members)] * self.scores[members].sum())

    def reduce(self) -> Sequence[Problem]:
        return [Problem("counts", "size_sum", (self.rows("scores", full=True), self.present(), self.rows("f")))]


class GroupVariance(Utility):
    """Population variance of the scores of S, v(empty) = 0.

    v(S) = sum s^2 / |S| - (sum s / |S|)^2, so that the Shapley value is that of a sum and of a sum over pairs, each times a
    function of the size. scores: [..., k]; mask: [..., k]. Cost O(k^2). Raises InputError for scores that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.GroupVariance([1.0, 3.0]))
    array([0.5, 0.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k")}
    scores: Array

    def __init__(self, scores: Any, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores)

    def definition(self, members: Array) -> float:
        return float((self.scores[members] - self.scores[members[0]]).var()) if len(members) else 0.0

    def outline(self) -> Sequence[Outline]:
        return [self._outlined("pairs", "pair_sums", 24.0 * prod(self.shape) * self.k**2)]

    def reduce(self) -> Sequence[Problem]:
        present, centred = self.present(), self._centred()
        mean = _reciprocals(self.k, self.dtype)
        squares = Problem("counts", "size_sum", (centred**2, present, self.beside(mean)))
        return [squares, *_square_of_sum(centred, present, self.beside(-(mean**2)))]

    def _centred(self) -> Array:
        """Scores less their mean [B, K], 0 where absent."""
        present, scores = self.present(), self.rows("scores", full=True)
        xp = namespace(scores)
        size = xp.astype(at_least(xp.count_nonzero(present, axis=1), 1), scores.dtype)[:, None]
        centre = xp.sum(xp.where(present, scores, 0), axis=1, keepdims=True) / size
        return xp.where(present, scores - centre, 0)

    def marginals(self, orders: Orders) -> Array:
        """((n - 1) / n d^2 - variance before) / n for the n-th member, d its distance from the mean before (Welford 1962)."""
        _, step, n = _means(along(self._centred(), orders), along(self.present(), orders))
        squares = (n - 1) * n * step**2
        variance = sums_before(squares) / at_least(n - 1, 1)
        return (squares - variance) / n


class EnsembleError(Utility):
    """Negative squared error of the mean prediction, v(S) = -(mean of p over S - y)^2, v(empty) = base.

    (sum e)^2 = sum e^2 + 2 sum over pairs e_i e_j with e = p - y, so that the Shapley value is that of a sum and of a sum over
    pairs, each times a function of the size (ensemble games; Rozemberczki & Sarkar 2021 define them by votes).
    predictions: [..., k]; target y, base: [...]; mask: [..., k]. Cost O(k^2). Raises InputError for numbers that are not
    finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.EnsembleError([1.0, -1.0], base=-1.0))
    array([0.5, 0.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"predictions": real("k"), "target": real(), "base": real()}
    predictions: Array
    target: Array
    base: Array

    def __init__(self, predictions: Any, target: Any = 0.0, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, predictions=predictions, target=target, base=base)

    def definition(self, members: Array) -> float:
        return -float((self.predictions[members] - self.target).mean() ** 2) if len(members) else float(self.base)

    def outline(self) -> Sequence[Outline]:
        return [self._outlined("pairs", "pair_sums", 24.0 * prod(self.shape) * self.k**2)]

    def reduce(self) -> Sequence[Problem]:
        present = self.present()
        errors = self.rows("predictions", full=True) - self.rows("target")[:, None]
        errors = namespace(errors).where(present, errors, 0)
        square = self.beside(-(_reciprocals(self.k, self.dtype) ** 2))
        return [*_square_of_sum(errors, present, square), or_of_all(self, -self.rows("base", full=True))]

    def marginals(self, orders: Orders) -> Array:
        errors = self.rows("predictions", full=True) - self.rows("target")[:, None]
        present, base = along(self.present(), orders), self.rows("base", full=True)[:, None]
        earlier, step, n = _means(along(errors, orders), present)
        xp = namespace(n)
        return -step * (2 * earlier + step) - xp.where(n == 1, xp.astype(base, xp.float64), 0.0)


@lru_cache(maxsize=256)
def _reciprocals(k: int, dtype: Any) -> NDArray[Any]:
    """1/s for s = 0 .. k, 0 for s = 0, [1, k + 1]."""
    reciprocals = np.concatenate([[0.0], 1 / np.arange(1, k + 1)]).astype(dtype)[None, :]
    reciprocals.flags.writeable = False
    return reciprocals


def _means(scores: Array, present: Array) -> tuple[Array, Array, Array]:
    """The mean before each place, 0 at the first, its change at the place, and how many are present by then, [B, K] each."""
    xp, size = namespace(scores), at_least(counted(present), 1)
    scores, n = xp.astype(xp.where(present, scores, 0), xp.float64), xp.astype(size, xp.float64)
    earlier = before(xp.cumulative_sum(scores, axis=1) / n)
    return earlier, xp.where(present, (scores - earlier) / n, 0.0), n


def _square_of_sum(scores: Array, present: Array, f: Array) -> Sequence[Problem]:
    """f(|S|) (sum_S x)^2 for scores [B, K] that are 0 where absent."""
    pairs = 2 * scores[:, :, None] * scores[:, None, :]
    return [Problem("counts", "size_sum", (scores**2, present, f)), Problem("pairs", "pair_sums", (pairs, present, f))]
