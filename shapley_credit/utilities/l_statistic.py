"""Any combination of order statistics: medians, quantiles, trimmed means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import prod
from typing import Any, ClassVar, Self

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import check_finite
from shapley_credit.inputs.fields import Field, Parameter, read_parameter, real
from shapley_credit.inputs.pricing import Cost, Outline, refuse_dear
from shapley_credit.inputs.problems import Problem
from shapley_credit.utilities.by_function import ByFunction
from shapley_credit.utility import Utility, or_of_all
from shapley_kernels.arrays import namespace


class LStatistic(ByFunction, Utility):
    """Linear combination of order statistics, v(S) = sum_r D[r, |S|] s_(r), s_(1) >= s_(2) >= .. in S, v(empty) = base.

    Shapley: each score is a game of two counts, the members above it and those below it, averaged over the draws of every size
    (hypergeometric).
    scores: [..., k] in the units of v; weights D: [..., k, k], row r - 1 for rank r, column s - 1 for size s; base: [...];
    mask: [..., k]. Cost O(k^3).
    Constructors: `of_sizes`, `median`, `quantile`, `trimmed_mean`, `top_mean`. Raises InputError for numbers that are not
    finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.LStatistic([3.0, 1.0], [[1.0, 0.5], [0.0, 0.5]]))
    array([2., 0.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {
        "scores": real("k"),
        "weights": real("ranks", "ranks"),
        "base": real(),
    }
    _moved: ClassVar[str] = "scores"
    _made: ClassVar[tuple[str, ...]] = ("weights",)
    scores: Array
    base: Array

    def __init__(self, scores: Any, weights: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores, weights=weights, base=base)

    @cached_property
    def weights(self) -> Array:
        """D [..., k, k], made when it is asked for if it was given by a function of the size."""
        refuse_dear(self._making(), f"an LStatistic of {self.k:,} members")
        weights = np.zeros((self.k, self.k))
        for size in range(1, self.k + 1):
            values = list(self._function(size))
            if len(values) != size:
                raise InputError(f"column({size}) must hold {size} weights; got {len(values)}.")
            weights[:size, size - 1] = values
        check_finite(weights, "weights")
        return self.beside(weights.astype(self.dtype))

    def _making(self) -> Cost:
        return Cost(self.k**3 / 2, 40.0 * self.k**2)

    @classmethod
    def of_sizes(cls, scores: Any, column: Callable[[int], Sequence[float]], base: Any = 0.0, *, mask: Any = None) -> Self:
        """An L-statistic by its weights for every size.

        v(S) = sum_r column(|S|)[r - 1] s_(r), where column(s) gives s weights, best score first; it is asked when weights are
        needed, for sizes up to that of a group. scores: [..., k]; base: [...]; mask: [..., k]. Cost O(k^3).
        Raises InputError as the class does, and, when it is asked, for a column of another length than s.

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.set_shapley(u.LStatistic.of_sizes([3.0, 1.0], lambda size: [1 / size] * size))
        array([2., 0.])
        """
        self = cls.__new__(cls)
        self.bind(mask, scores=scores, base=base)
        self._function = column
        return self

    @classmethod
    def median(cls, scores: Any, base: Any = 0.0, *, low: bool = False, mask: Any = None) -> Self:
        """Median score of S.

        v(S) = median of s over S, of an even number the mean of the two middle ones, or with `low` the lower one;
        v(empty) = base. scores: [..., k]; base: [...]; mask: [..., k]. Cost O(k^3).
        Raises InputError for numbers that are not finite.

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.set_shapley(u.LStatistic.median([1.0, 2.0, 6.0]))
        array([-0.83333333, -0.08333333,  2.91666667])
        """

        def column(size: int) -> list[float]:
            last = size // 2
            middle = {last} if low or size % 2 else {last - 1, last}
            return [1 / len(middle) if rank in middle else 0.0 for rank in range(size)]

        return cls.of_sizes(scores, column, base, mask=mask)

    @classmethod
    def quantile(cls, scores: Any, q: float, base: Any = 0.0, *, mask: Any = None) -> Self:
        """The q-quantile of S, linear between order statistics (Hyndman & Fan 1996, type 7).

        v(S) = quantile of s over S, v(empty) = base. scores: [..., k]; q in [0, 1]; base: [...]; mask: [..., k]. Cost O(k^3).
        Raises InputError for q outside [0, 1].

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.set_shapley(u.LStatistic.quantile([1.0, 3.0], 0.75))
        array([0.25, 2.25])
        """
        if not 0 <= q <= 1:
            raise InputError(f"q must be in [0, 1]; got {q!r}.")

        def column(size: int) -> list[float]:
            place = (1 - q) * (size - 1)
            return [max(0.0, 1 - abs(rank - place)) for rank in range(size)]

        return cls.of_sizes(scores, column, base, mask=mask)

    @classmethod
    def trimmed_mean(cls, scores: Any, cut: float, base: Any = 0.0, *, mask: Any = None) -> Self:
        """Mean of S without the floor(cut |S|) best and as many worst scores.

        v(S) = trimmed mean of s over S, v(empty) = base. scores: [..., k]; cut in [0, 1/2); base: [...]; mask: [..., k].
        Cost O(k^3). Raises InputError for cut outside [0, 1/2).

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.set_shapley(u.LStatistic.trimmed_mean([1.0, 3.0], 0.25))
        array([0., 2.])
        """
        if not 0 <= cut < 0.5:
            raise InputError(f"cut must be in [0, 1/2); got {cut!r}.")

        def column(size: int) -> list[float]:
            off = int(cut * size)
            return [1 / (size - 2 * off) if off <= rank < size - off else 0.0 for rank in range(size)]

        return cls.of_sizes(scores, column, base, mask=mask)

    @classmethod
    def top_mean(cls, scores: Any, m: int, base: Any = 0.0, *, mask: Any = None) -> Self:
        """Mean of the min(m, |S|) best scores of S.

        v(S) = sum of the min(m, |S|) best / min(m, |S|), v(empty) = base. scores: [..., k]; m: whole number >= 1; base: [...];
        mask: [..., k]. Cost O(k^3). Raises InputError for m < 1.

        >>> import shapley_credit as sc
        >>> from shapley_credit import utilities as u
        >>> sc.set_shapley(u.LStatistic.top_mean([1.0, 3.0], 1))
        array([0.5, 2.5])
        """
        m = read_parameter(m, Parameter(), "m")
        return cls.of_sizes(scores, lambda s: [1 / min(m, s)] * min(m, s) + [0.0] * (s - min(m, s)), base, mask=mask)

    def definition(self, members: Array) -> float:
        if not len(members):
            return float(self.base)
        return float(np.sort(self.scores[members])[::-1] @ self.weights[: len(members), len(members) - 1])

    def reduce(self) -> Sequence[Problem]:
        scores, keys, base = self.less_base("scores"), self.rows("scores", full=True), self.rows("base", full=True)
        excess = 0 * base if self.is_zero("base") else self._excess()
        apart = (known := isinstance(excess, np.ndarray)) and bool(excess.any())  # then base is a matter of the empty set alone
        game = Problem("ranks", "sized", (keys if apart else scores, keys, self.present(), self.rows("weights")))
        if known:
            return [game, or_of_all(self, -base)] if apart else [game]
        return [game, Problem("counts", "cardinality", (base[:, None] * excess, self.present()))]

    def outline(self) -> Sequence[Outline]:
        own, made = vars(self).get("weights"), self._making()
        if own is None:
            return [self._outlined("ranks", "sized", made.bytes + 17.0 * prod(self.shape) * self.k, made.operations)]
        return [self._outlined("ranks", "sized", 8.0 * prod(own.shape) + 17.0 * prod(self.shape) * self.k, tables=own.ndim > 2)]

    def _excess(self) -> Array:
        """What the weights of every size add up to, less 1, [B or 1, K + 1]; 0 where only rounding is left, and for size 0."""
        weights = self.rows("weights")
        xp = namespace(weights)
        used = xp.triu(weights)
        excess, size = xp.sum(used, axis=1) - 1, xp.sum(xp.abs(used), axis=1)
        excess = xp.where(xp.abs(excess) <= self.k * xp.finfo(weights.dtype).eps * size, 0.0, excess)
        return xp.concat([xp.zeros_like(excess[:, :1]), excess], axis=1)

    def lowered(self) -> Self:
        return self if self._excess().any() else super().lowered()
