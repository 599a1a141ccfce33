"""One order statistic, and the mean of the nearest."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, key, real
from shapley_credit.inputs.pricing import Outline
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility


class MthLargest(Utility):
    """The m-th best score of S, v(S) = s_(m), base if |S| < m.

    Shapley: the L-statistic with all weight on rank m, of the scores minus base.
    scores: [..., k] in the units of v; m: whole number >= 1; base: [...]; mask: [..., k]. Cost O(k^3).
    Raises InputError for numbers that are not finite and m < 1.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.MthLargest([1.0, 2.0, 4.0], 2))
    array([0.33333333, 0.83333333, 0.83333333])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k"), "m": Parameter(), "base": real()}
    _moved: ClassVar[str] = "scores"
    scores: Array
    m: int
    base: Array

    def __init__(self, scores: Any, m: int, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores, m=m, base=base)

    def definition(self, members: Array) -> float:
        return float(np.sort(self.scores[members])[-self.m]) if len(members) >= self.m else float(self.base)

    def outline(self) -> Sequence[Outline]:
        return [self._outlined("ranks", "sized", 16.0 * self.k**2 + 16.0 * prod(self.shape) * self.k)]

    def reduce(self) -> Sequence[Problem]:
        scores = self.less_base("scores")
        weights = np.zeros((1, self.k, self.k))
        weights[0, self.m - 1 : self.m] = 1
        return [Problem("ranks", "sized", (scores, scores, self.present(), self.beside(weights)))]


class SoftKNN(Utility):
    """k-nearest-neighbour accuracy with soft labels, v(S) = mean match of the min(K, |S|) nearest members, v(empty) = base.

    Shapley: as an L-statistic ordered by nearness (for division by K see `DCG.knn`).
    matches: [..., k] in the units of v; distances: [..., k], equal ones by lower index; neighbors: K >= 1; base: [...];
    mask: [..., k]. Cost O(k^3). Raises InputError for numbers that are not finite and K < 1.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.SoftKNN([1.0, 0.0], [0.1, 0.2], 1))
    array([1., 0.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {
        "matches": real("k"),
        "distances": key("k"),
        "neighbors": Parameter(),
        "base": real(),
    }
    _moved: ClassVar[str] = "matches"
    matches: Array
    distances: Array
    neighbors: int
    base: Array

    def __init__(self, matches: Any, distances: Any, neighbors: int, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, matches=matches, distances=distances, neighbors=neighbors, base=base)

    def definition(self, members: Array) -> float:
        nearest = sorted(members, key=lambda i: (self.distances[i], i))[: self.neighbors]
        return float(np.mean(self.matches[nearest])) if nearest else float(self.base)

    def outline(self) -> Sequence[Outline]:
        return [self._outlined("ranks", "sized", 16.0 * self.k**2 + 24.0 * prod(self.shape) * self.k)]

    def reduce(self) -> Sequence[Problem]:
        rank, size = np.arange(self.k)[:, None], np.arange(1, self.k + 1)
        counted = np.minimum(min(self.neighbors, self.k), size)
        weights = np.where(rank < counted, 1 / counted, 0.0)[None]
        arrays = (self.less_base("matches"), -self.rows("distances"), self.present(), self.beside(weights))
        return [Problem("ranks", "sized", arrays)]
