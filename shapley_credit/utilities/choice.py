"""Choice among the members of a set: logit shares and revenues, weighted means."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, positive, real
from shapley_credit.inputs.pricing import Outline
from shapley_credit.inputs.problems import Problem
from shapley_credit.utilities.integrals import (
    TINY,
    balanced,
    exponential_problem,
    extent,
    in_float64,
    most_nodes,
    nodes,
    products,
    share_problem,
    unit,
    weights_of,
)
from shapley_credit.utility import Utility, or_of_all
from shapley_kernels.arrays import at_least, namespace
from shapley_kernels.earlier_members import sums_before
from shapley_kernels.member_axes import Orders, along


class MNLShare(Utility):
    """Market share under the logit model, v(S) = w(S) / (w_0 + w(S)), w(S) = sum_{i in S} w_i.

    w / (w_0 + w) = 1 - w_0 integral_0^inf exp(-x (w_0 + w)) dx: an integral over product games, by the trapezoidal rule in ln
    x, to rounding. weights: [..., k], above 0; outside w_0: [...], above 0; mask: [..., k].
    Cost O(k min(k/2, 4.3 sqrt k)) for each of 180 + 4 ln(max w / min w) nodes at most. Raises InputError for weights that are
    not above 0, or more than 1e560 apart.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.MNLShare([1.0, 1.0])).round(12)
    array([0.33333333, 0.33333333])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"weights": positive("k"), "outside": positive()}
    weights: Array
    outside: Array

    def __init__(self, weights: Any, outside: Any = 1.0, *, mask: Any = None) -> None:
        self.bind(mask, weights=weights, outside=outside)

    def definition(self, members: Array) -> float:
        total = float(self.weights[members].sum())
        return total / (float(self.outside) + total)

    def outline(self) -> Sequence[Outline]:
        games = most_nodes(weights_of(self), in_float64(self.rows("outside", full=True))[:, None])
        return [self._outlined("products", "mixture", 40.0 * prod(self.shape) * self.k * games, width=games)]

    def reduce(self) -> Sequence[Problem]:
        w, w_0 = balanced(weights_of(self), in_float64(self.rows("outside", full=True))[:, None])
        x, step = nodes(w, w_0)
        reach = products(w_0, x)[:, 0, :]
        return [exponential_problem(w, x, -step * reach * namespace(x).exp(-reach))]

    def marginals(self, orders: Orders) -> Array:
        w, w_0 = balanced(weights_of(self), in_float64(self.rows("outside", full=True))[:, None])
        w = along(w, orders)
        rest = w_0 + sums_before(w)
        return w / (rest + w) * (w_0 / rest)


class MNLRevenue(Utility):
    """Expected revenue under the logit model, v(S) = sum_{i in S} w_i r_i / (w_0 + w(S)).

    Each member's revenue is an integral over product games that are 0 without that member.
    weights: [..., k], above 0; revenues: [..., k]; outside w_0: [...], above 0; mask: [..., k].
    Cost k times that of `MNLShare`. Raises InputError for weights that are not above 0, or more than 1e560 apart.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.MNLRevenue([1.0, 1.0], [3.0, 0.0])).round(12)
    array([ 1.25, -0.25])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {
        "weights": positive("k"),
        "revenues": real("k"),
        "outside": positive(),
    }
    weights: Array
    revenues: Array
    outside: Array

    def __init__(self, weights: Any, revenues: Any, outside: Any = 1.0, *, mask: Any = None) -> None:
        self.bind(mask, weights=weights, revenues=revenues, outside=outside)

    def definition(self, members: Array) -> float:
        chosen = self.weights[members]
        most = chosen.max(initial=self.outside[()])  # else products of weights and revenues may overflow
        return float((chosen / most * self.revenues[members]).sum() / (self.outside / most + (chosen / most).sum()))

    def outline(self) -> Sequence[Outline]:
        games = self.k * most_nodes(weights_of(self), in_float64(self.rows("outside", full=True))[:, None])
        return [self._outlined("products", "mixture", 48.0 * prod(self.shape) * self.k * games, width=games)]

    def reduce(self) -> Sequence[Problem]:
        w, w_0 = balanced(weights_of(self), in_float64(self.rows("outside", full=True))[:, None])
        x, step = nodes(w, w_0)
        revenues = in_float64(self.rows("revenues", full=True))
        return [share_problem(w, revenues, x, step * namespace(x).exp(-products(w_0, x)[:, 0, :]))]

    def marginals(self, orders: Orders) -> Array:
        w, w_0 = balanced(weights_of(self), in_float64(self.rows("outside", full=True))[:, None])
        w, (r, size) = along(w, orders), _of_size_one(along(in_float64(self.rows("revenues", full=True)), orders))
        rest = w_0 + sums_before(w)
        return w / (rest + w) * (r - sums_before(w * r) / rest) * size


class SoftmaxMean(Utility):
    """Weighted mean, v(S) = sum_{i in S} w_i r_i / w(S), v(empty) = base; w_i = exp(score_i) makes it a softmax-weighted mean.

    As `MNLRevenue` with w_0 = 0, of values centred at the mean of all. weights: [..., k], above 0; values: [..., k]; base:
    [...]; mask: [..., k]. Cost k times that of `MNLShare`. Raises InputError for weights that are not above 0, or more than
    1e560 apart.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.SoftmaxMean([1.0, 1.0], [1.0, 4.0])).round(12)
    array([-0.25,  2.75])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"weights": positive("k"), "values": real("k"), "base": real()}
    _moved: ClassVar[str] = "values"
    weights: Array
    values: Array
    base: Array

    def __init__(self, weights: Any, values: Any, base: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, weights=weights, values=values, base=base)

    def definition(self, members: Array) -> float:
        if not len(members):
            return float(self.base)
        chosen = self.weights[members] / self.weights[members].max()
        return float((chosen * self.values[members]).sum() / chosen.sum())

    def outline(self) -> Sequence[Outline]:
        games = self.k * most_nodes(weights_of(self))
        return [self._outlined("products", "mixture", 48.0 * prod(self.shape) * self.k * games, width=games)]

    def reduce(self) -> Sequence[Problem]:
        (w, _), r = balanced(weights_of(self)), in_float64(self.rows("values", full=True))
        centre = self._centre(w, r)
        x, step = nodes(w)
        mean = share_problem(w, r - centre, x, step)
        return [mean, or_of_all(self, centre[:, 0] - in_float64(self.rows("base", full=True)))]

    def marginals(self, orders: Orders) -> Array:
        (w, _), r = balanced(weights_of(self)), in_float64(self.rows("values", full=True))
        centre = self._centre(w, r)
        w, (r, size) = along(w, orders), _of_size_one(along(r - centre, orders))
        base, rest = in_float64(self.rows("base", full=True))[:, None] - centre, sums_before(w)
        mean = namespace(w).where(rest == 0, base / size, sums_before(w * r) / at_least(rest, TINY))
        return w / at_least(rest + w, TINY) * (r - mean) * size

    def _centre(self, w: Array, r: Array) -> Array:
        """The mean of all values [B, 1]: differences from it keep their digits, however far from 0 the values are."""
        xp = namespace(w)
        return xp.sum(w / at_least(xp.sum(w, axis=1, keepdims=True), TINY) * r, axis=1, keepdims=True)


def _of_size_one(values: Array) -> tuple[Array, Array]:
    """Values [B, K] in a unit of their own, a power of two [B, 1], so that products with weights are finite; and that unit."""
    size = 2.0 ** unit(extent(namespace(values).abs(values))[1])
    return values / size, size
