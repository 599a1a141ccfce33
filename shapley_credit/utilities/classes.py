"""Diversity of classes: counts, shares, entropy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, label, real
from shapley_credit.inputs.labels import Labelled
from shapley_credit.inputs.pricing import Outline
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility, or_of_all


class ClassCounts(Labelled, Utility):
    """Concave or any other function of the class counts, v(S) = sum_c (f(n_c) - f(0)), n_c the members of class c in S.

    Shapley: phi_i = (f(n_c) - f(0)) / n_c for i in class c, by symmetry within the class, 0 without a label.
    labels: [..., k], of any kind (docs/arrays.md), None and NaN for no class; f: [..., k + 1] in the units of v;
    mask: [..., k]. Cost O(k^2). Raises InputError for labels that can't be compared and values that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.ClassCounts([7, 7, 9], [0.0, 1.0, 1.5, 1.75]))
    array([0.75, 0.75, 1.  ])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"labels": label("k"), "f": real("sizes")}
    labels: Array
    f: Array

    def __init__(self, labels: Any, f: Any, *, mask: Any = None) -> None:
        self.bind(mask, labels=labels, f=f)

    def definition(self, members: Array) -> float:
        _, counts = np.unique(self.known(members), return_counts=True)
        return float((self.f[counts] - self.f[0]).sum())

    def reduce(self) -> Sequence[Problem]:
        return [Problem("counts", "separable", (self.rows("labels", full=True), self.present(), self.rows("f")))]


class _OfClasses(Labelled, Utility):
    """A utility that depends on the labels alone, v(S) = sum_c h(n_c, n), every class a game of two counts; n = sum_c n_c."""

    fields: ClassVar[dict[str, Field | Parameter]] = {"labels": label("k")}
    labels: Array

    def __init__(self, labels: Any, *, mask: Any = None) -> None:
        self.bind(mask, labels=labels)

    @staticmethod
    def worth(count: Array, size: Array) -> Array:
        """h(n_c, n) of counts [1, k + 1] and sizes [k + 1, 1], size 0 given as 1 and its row not used."""
        raise NotImplementedError

    @classmethod
    @lru_cache(maxsize=8)
    def table(cls, k: int) -> Array:
        """h [1, k + 1, k + 1] of counts and sizes, the counts of a size next to each other in memory, as kernels read them."""
        numbers = np.arange(k + 1)
        table = cls.worth(numbers[None, :], np.maximum(numbers, 1)[:, None])
        table[0] = 0
        table.flags.writeable = False
        return table.T[None]

    def outline(self) -> Sequence[Outline]:
        return [self._outlined("counts", "class_sizes", 40.0 * (self.k + 1) ** 2 + 8.0 * prod(self.shape) * self.k)]

    def reduce(self) -> Sequence[Problem]:
        table = self.beside(self.table(self.k))
        return [Problem("counts", "class_sizes", (self.rows("labels", full=True), self.present(), table))]


class UniqueFraction(_OfClasses):
    """Share of distinct classes, v(S) = number of classes in S / n, n the members of S with a label, 0 for n = 0.

    Shapley: every class is a game of two counts, its own members and the others, averaged over the draws of every size.
    labels: [..., k], of any kind (docs/arrays.md), None and NaN for no label; mask: [..., k]. Cost O(k^2).
    Raises InputError for labels that can't be compared.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.UniqueFraction([1, 1]))
    array([0.25, 0.25])
    """

    def definition(self, members: Array) -> float:
        labels = self.known(members)
        return len(set(labels.tolist())) / len(labels) if len(labels) else 0.0

    @staticmethod
    def worth(count: Array, size: Array) -> Array:
        return (count > 0) / size


class GiniSimpson(_OfClasses):
    """Gini-Simpson diversity, v(S) = 1 - sum_c (n_c / n)^2, 0 for n = 0: the chance that two draws with a label differ.

    n are the members of S with a label, n_c those of class c. Shapley: as for `UniqueFraction`.
    labels: [..., k], of any kind (docs/arrays.md), None and NaN for no label; mask: [..., k]. Cost O(k^2).
    Raises InputError for labels that can't be compared.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.GiniSimpson([1, 2]))
    array([0.25, 0.25])
    """

    def definition(self, members: Array) -> float:
        _, counts = np.unique(self.known(members), return_counts=True)
        return float(1 - ((counts / counts.sum()) ** 2).sum()) if len(counts) else 0.0

    @staticmethod
    def worth(count: Array, size: Array) -> Array:
        return -((count / size) ** 2)

    def reduce(self) -> Sequence[Problem]:
        return [or_of_all(self.among_labelled(), self.beside(np.ones(prod(self.shape)))), *super().reduce()]


class Entropy(_OfClasses):
    """Shannon entropy of the classes, v(S) = -sum_c (n_c / n) ln(n_c / n), 0 for n = 0, in nats.

    n are the members of S with a label, n_c those of class c. Shapley: as for `UniqueFraction`.
    labels: [..., k], of any kind (docs/arrays.md), None and NaN for no label; mask: [..., k]. Cost O(k^2).
    Raises InputError for labels that can't be compared.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Entropy([1, 2]))
    array([0.34657359, 0.34657359])
    """

    def definition(self, members: Array) -> float:
        _, counts = np.unique(self.known(members), return_counts=True)
        shares = counts / max(counts.sum(), 1)
        return float(-(shares * np.log(shares)).sum())

    @staticmethod
    def worth(count: Array, size: Array) -> Array:
        shares = np.minimum(count / size, 1)
        return -shares * np.log(np.where(shares > 0, shares, 1))
