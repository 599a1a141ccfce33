"""What a set covers: weighted elements, distinct classes, facilities."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, flag, label, real
from shapley_credit.inputs.labels import Labelled
from shapley_credit.inputs.pricing import LINEAR
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility


class Coverage(Utility):
    """Weighted coverage, v(S) = sum_e w_e [some i in S hits e].

    Shapley: phi_i = sum_{e hit by i} w_e / (number of members that hit e) (Harsanyi 1959 dividends of OR games).
    hits: [..., k, E], flags; weights: [..., E] in the units of v, by default 1; mask: [..., k]. Cost O(k E).
    Raises InputError for hits that are not all 0 or 1 and weights that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Coverage([[1, 1, 0], [0, 1, 1]], weights=[1.0, 2.0, 4.0]))
    array([2., 5.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"hits": flag("k", "E"), "weights": real("E")}
    _light: ClassVar[int] = LINEAR
    hits: Array
    weights: Array | None

    def __init__(self, hits: Any, weights: Any = None, *, mask: Any = None) -> None:
        self.bind(mask, hits=hits, weights=weights)

    def definition(self, members: Array) -> float:
        covered = self.hits[members].any(axis=0)
        return float(covered.sum() if self.weights is None else self.weights[covered].sum())

    def reduce(self) -> Sequence[Problem]:
        return [Problem("dividends", "coverage", (self.rows("hits", full=True), element_weights(self, self.hits)))]


class DistinctCount(Labelled, Utility):
    """Number of distinct classes, v(S) = |{label_i : i in S}|; None and NaN are no class.

    Shapley: phi_i = 1 / (number of members of i's class) (Harsanyi 1959 dividends of OR games), 0 without a label.
    labels: [..., k], of any kind (docs/arrays.md); mask: [..., k], for example only what is valid counts. Cost O(k^2) to
    k = 64, O(k log k) above. Raises InputError for labels that can't be compared.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.DistinctCount(["red", "red", "blue", None]))
    array([0.5, 0.5, 1. , 0. ])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"labels": label("k")}
    _light: ClassVar[int] = LINEAR
    labels: Array

    def __init__(self, labels: Any, *, mask: Any = None) -> None:
        self.bind(mask, labels=labels)

    @property
    def counted(self) -> Array | None:
        return self.mask  # a class is an OR game of its members, whatever the sizes of sets

    def definition(self, members: Array) -> float:
        return float(len(set(self.known(members).tolist())))

    def reduce(self) -> Sequence[Problem]:
        return [Problem("dividends", "distinct", (self.rows("labels", full=True), self.present()))]


class FacilityLocation(Utility):
    """Best similarity to every element, v(S) = sum_e w_e max(0, max_{i in S} sim_ie); similarities below 0 count as 0.

    Shapley: the weighted sum of airport games, one an element (Littlechild & Owen 1973).
    similarity: [..., k, E]; weights: [..., E], by default 1; mask: [..., k]. Cost O(E k^2) to k = 64,
    O(E k log k) above. Raises InputError for numbers that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.FacilityLocation([[1.0, 0.0], [3.0, 2.0]]))
    array([0.5, 4.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"similarity": real("k", "E"), "weights": real("E")}
    _light: ClassVar[int] = LINEAR
    similarity: Array
    weights: Array | None

    def __init__(self, similarity: Any, weights: Any = None, *, mask: Any = None) -> None:
        self.bind(mask, similarity=similarity, weights=weights)

    def definition(self, members: Array) -> float:
        best = self.similarity[members].max(axis=0, initial=0)
        return float(best.sum() if self.weights is None else (self.weights * best).sum())

    def reduce(self) -> Sequence[Problem]:
        scores = self.rows("similarity", full=True)  # absent members have been read as 0, the floor of the game
        return [Problem("thresholds", "facility", (scores, element_weights(self, self.similarity)))]


def element_weights(utility: Coverage | FacilityLocation, elements: Array) -> Array:
    """Weights [B or 1, E] in the dtype of the credits, ones where none were given."""
    if utility.weights is None:
        return utility.beside(_ones(elements.shape[-1], utility.dtype))
    return utility.rows("weights")


@lru_cache(maxsize=256)
def _ones(elements: int, dtype: Any) -> NDArray[Any]:
    """[1, E], read-only."""
    ones = np.ones((1, elements), dtype or np.float64)
    ones.flags.writeable = False
    return ones
