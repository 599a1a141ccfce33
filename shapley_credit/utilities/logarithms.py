"""Diminishing returns: logarithms and roots of a sum of weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi, prod
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, positive, real
from shapley_credit.inputs.pricing import Outline
from shapley_credit.inputs.problems import Problem
from shapley_credit.utilities.integrals import (
    BELOW,
    STEP,
    TINY,
    exponential_problem,
    extent,
    in_float64,
    less_empty,
    log_of_sum,
    most_log_nodes,
    most_nodes,
    nodes,
    unit,
    weights_of,
)
from shapley_credit.utility import Utility, or_of_all
from shapley_kernels.arrays import at_least, at_most, namespace
from shapley_kernels.earlier_members import before, counted, running, sums_before
from shapley_kernels.member_axes import Orders, along

# A share of a sum that is too small to move a digit of its root.
UNFELT = 1e-250
# Times this, up to 2^64 weights have a sum within the range of floats, however large they are.
ROOM = 2.0**-64


class LogSum(Utility):
    """Logarithmic returns, v(S) = ln(1 + w(S)), w(S) = sum_{i in S} w_i.

    ln(1 + w) = integral_0^inf exp(-x) (1 - exp(-x w)) / x dx (Frullani): an integral over product games.
    weights: [..., k], above 0; mask: [..., k]. Cost as `MNLShare`. Raises InputError for weights that are not above 0.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.LogSum([1.0, 2.0])).round(8)
    array([0.49041463, 0.89587973])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"weights": positive("k")}
    weights: Array

    def __init__(self, weights: Any, *, mask: Any = None) -> None:
        self.bind(mask, weights=weights)

    def definition(self, members: Array) -> float:
        return float(np.log1p(self.weights[members].sum()))

    def outline(self) -> Sequence[Outline]:
        games = most_nodes(weights_of(self), self.beside(np.ones((1, 1))))
        return [self._outlined("products", "mixture", 40.0 * prod(self.shape) * self.k * games, width=games)]

    def reduce(self) -> Sequence[Problem]:
        w = weights_of(self)
        x, step = nodes(w, self.beside(np.ones((1, 1))))
        return [exponential_problem(w, x, -step * namespace(x).exp(-x))]

    def marginals(self, orders: Orders) -> Array:
        w = along(weights_of(self), orders)
        xp, total = namespace(w), ROOM + sums_before(ROOM * w)
        # Small weights are not scaled, as they could underflow; large ones are, as their sum could overflow.
        return xp.log1p(xp.where(total < 1, w / (at_most(total, 1.0) / ROOM), ROOM * w / total))


class LogSumExp(Utility):
    """Smooth maximum, v(S) = ln sum_{i in S} exp(s_i), v(empty) = base.

    ln w = integral_0^inf (exp(-x) - exp(-x w)) / x dx (Frullani): an integral over product games less the game of the empty
    set, with weights kept as logarithms: scores may stand any distance apart. scores: [..., k]; base: [...]; mask: [..., k].
    Cost O(k min(k/2, 4.3 sqrt k)) for each of 180 + 4 (largest - smallest score) nodes, where a gap between neighbours counts
    as 44 at most. Raises InputError for scores that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.LogSumExp([0.0, 0.0])).round(8)
    array([0.34657359, 0.34657359])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k"), "base": real()}
    _moved: ClassVar[str] = "scores"
    scores: Array
    base: Array

    def __init__(self, scores: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores, base=base)

    def definition(self, members: Array) -> float:
        return float(np.logaddexp.reduce(self.scores[members])) if len(members) else float(self.base)

    def outline(self) -> Sequence[Outline]:
        return [_outlined_log(self)]

    def reduce(self) -> Sequence[Problem]:
        scores = in_float64(self.rows("scores", full=True))
        return log_of_sum(self, scores, self.rows("base", full=True))

    def marginals(self, orders: Orders) -> Array:
        return _rises(self, orders)[0]


class LogMeanExp(Utility):
    """Smooth maximum of averages, v(S) = ln(sum_{i in S} exp(s_i) / |S|), v(empty) = base.

    `LogSumExp` less ln |S|: scores may stand any distance apart. scores: [..., k]; base: [...]; mask: [..., k]. Cost as
    `LogSumExp`. Raises InputError for scores that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.LogMeanExp([1.0, 1.0])).round(12)
    array([0.5, 0.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"scores": real("k"), "base": real()}
    _moved: ClassVar[str] = "scores"
    scores: Array
    base: Array

    def __init__(self, scores: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, scores=scores, base=base)

    def definition(self, members: Array) -> float:
        return float(np.logaddexp.reduce(self.scores[members]) - np.log(len(members))) if len(members) else float(self.base)

    def outline(self) -> Sequence[Outline]:
        return [_outlined_log(self)]

    def reduce(self) -> Sequence[Problem]:
        scores = in_float64(self.rows("scores", full=True))
        sizes = -np.log(np.maximum(np.arange(self.k + 1), 1))
        table = self.flatten(self.beside(sizes), 1, full=True)
        less = Problem("counts", "cardinality", (table, self.present()))
        return [*log_of_sum(self, scores, self.rows("base", full=True)), less]

    def marginals(self, orders: Orders) -> Array:
        rises, size = _rises(self, orders)
        xp = namespace(rises)
        return rises + xp.where(size > 1, xp.log1p(-1 / xp.astype(at_least(size, 2), xp.float64)), 0.0)


class SqrtSum(Utility):
    """Square root of a sum, v(S) = sqrt(w(S)), w(S) = sum_{i in S} w_i.

    sqrt(w) = integral_0^inf (1 - exp(-x w)) x^(-3/2) dx / (2 sqrt(pi)): an integral over product games, the tail of the empty
    set taken out. weights: [..., k], above 0; mask: [..., k]. Cost as `MNLShare`. Raises InputError for weights that are not
    above 0.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.SqrtSum([1.0, 3.0])).round(8)
    array([0.6339746, 1.3660254])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"weights": positive("k")}
    weights: Array

    def __init__(self, weights: Any, *, mask: Any = None) -> None:
        self.bind(mask, weights=weights)

    def definition(self, members: Array) -> float:
        return float(np.sqrt(self.weights[members].sum()))

    def outline(self) -> Sequence[Outline]:
        games = 2 * (most_nodes(weights_of(self), below=2 * BELOW) + log(self.k) / STEP)  # their sum may be k times the largest
        return [self._outlined("products", "mixture", 44.0 * prod(self.shape) * self.k * games, width=games)]

    def reduce(self) -> Sequence[Problem]:
        w = weights_of(self)
        xp = namespace(w)
        e = unit(extent(w)[1])
        w = w * 2.0**-e
        scale = xp.sum(w, axis=1, keepdims=True)
        w = xp.where(self.present(), at_least(w / at_least(scale, TINY), UNFELT), 0)
        x, step = nodes(w, self.beside(np.ones((1, 1))), below=2 * BELOW, factor=False)
        # sqrt(w) - 1 = integral (exp(-x) - exp(-x w)) x^(-3/2) dx / (2 sqrt(pi)) for a set that is not empty.
        root = xp.sqrt(scale) * 2.0 ** (e / 2)
        weights = step / xp.sqrt(x) / (2 * pi**0.5) * root
        return [*less_empty(self, -w[:, :, None] * x[:, None, :], x, weights), or_of_all(self, root[:, 0])]

    def marginals(self, orders: Orders) -> Array:
        w = along(weights_of(self), orders)
        e = unit(extent(w)[1])
        w = w * 2.0**-e
        xp, rest = namespace(w), sums_before(w)
        return w / at_least(xp.sqrt(rest) + xp.sqrt(rest + w), TINY) * 2.0 ** (e / 2)


def _outlined_log(utility: LogSumExp | LogMeanExp) -> Outline:
    """Nodes and the empty set, two games each."""
    games = 2 * most_log_nodes(in_float64(utility.rows("scores", full=True)))
    return utility._outlined("products", "mixture", 44.0 * prod(utility.shape) * utility.k * games, width=games)


def _rises(utility: LogSumExp | LogMeanExp, orders: Orders) -> tuple[Array, Array]:
    """The rise of ln sum exp(s) at each place, from base at the first, and how many are present by then, [B, K] each."""
    scores, present = along(in_float64(utility.rows("scores", full=True)), orders), along(utility.present(), orders)
    xp, size = namespace(scores), counted(present)
    first = scores - in_float64(utility.rows("base", full=True))[:, None]
    best = xp.max(xp.where(present, scores, -float("inf")), axis=1, keepdims=True)
    scores = scores - xp.where(best > -float("inf"), best, 0.0)
    level = before(running("logaddexp", xp.where(present, scores, -float("inf"))))
    rise = xp.logaddexp(xp.zeros_like(scores), scores - xp.where(size > 1, level, scores))
    return xp.where(size > 1, rise, first), size
