"""A user reads a ranking from the top and may stop."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, key, probability, real
from shapley_credit.inputs.pricing import Outline
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility
from shapley_kernels.arrays import like, namespace
from shapley_kernels.member_axes import Orders, along, keys_along
from shapley_kernels.quadrature import nodes
from shapley_kernels.ranks.order import cascade


class Cascade(Utility):
    """Gain of a user who reads from the top and may stop, v(S) = sum_r u_(r) prod_{l<r} q_(l).

    S is sorted by key, descending, equal keys by lower index.
    A user reads on after member i with chance q_i (Craswell et al. 2008). Shapley: j's gain is a product game, q_i for a member
    before j that is in S, 1 if it is not; one integral each, by exact quadrature.
    gains u: [..., k] in the units of v; continuation q: [..., k], any numbers; keys: [..., k], by default the gains;
    mask: [..., k]. Cost O(k^2 min(k/2, 4.3 sqrt k)). Raises InputError for numbers that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Cascade([3.0, 2.0], [0.5, 0.0]))
    array([2.5, 1.5])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"gains": real("k"), "continuation": real("k"), "keys": key("k")}
    gains: Array
    continuation: Array
    keys: Array | None

    def __init__(self, gains: Any, continuation: Any, keys: Any = None, *, mask: Any = None) -> None:
        self.bind(mask, gains=gains, continuation=continuation, keys=keys)

    def definition(self, members: Array) -> float:
        keys = self.gains if self.keys is None else self.keys
        total, reach = 0.0, 1.0
        for i in sorted(members, key=lambda i: (-keys[i], i)):
            total += reach * self.gains[i]
            reach *= self.continuation[i]
        return float(total)

    def outline(self) -> Sequence[Outline]:
        return [self._outlined("products", "mixture", 40.0 * prod(self.shape) * self.k**2, width=self.k)]

    def reduce(self) -> Sequence[Problem]:
        gains, reading = self.rows("gains", full=True), self.rows("continuation", full=True)
        return [cascade_problem(self, gains, reading, self.keys, np.ones(1), np.ones(1))]

    def marginals(self, orders: Orders) -> Array:
        return cascade_in_order(self, self.rows("gains", full=True), self.rows("continuation"), self.keys, orders, False)


class ERR(Utility):
    """Expected reciprocal rank, v(S) = sum_r (1/r) R_(r) prod_{l<r} (1 - R_(l)), S sorted by key, descending, ties by index.

    R_i is the chance that member i satisfies the user (Chapelle et al. 2009). With 1/r = integral_0^1 z^(r-1) dz it is a
    mixture of cascades with q = z (1 - R); all integrals by exact quadrature.
    relevance R: [..., k] in [0, 1]; keys: [..., k], by default the relevance; mask: [..., k]. Cost O(k^3 min(k/2, 4.3 sqrt k)).
    Raises InputError for relevance outside [0, 1].

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.ERR([0.5, 0.5]))
    array([0.3125, 0.3125])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"relevance": probability("k"), "keys": key("k")}
    relevance: Array
    keys: Array | None

    def __init__(self, relevance: Any, keys: Any = None, *, mask: Any = None) -> None:
        self.bind(mask, relevance=relevance, keys=keys)

    def definition(self, members: Array) -> float:
        keys = self.relevance if self.keys is None else self.keys
        total, reach = 0.0, 1.0
        for rank, i in enumerate(sorted(members, key=lambda i: (-keys[i], i)), start=1):
            total += reach * self.relevance[i] / rank
            reach *= 1 - self.relevance[i]
        return float(total)

    def outline(self) -> Sequence[Outline]:
        games = self.k * ((self.k + 1) // 2)
        return [self._outlined("products", "mixture", 40.0 * prod(self.shape) * self.k * games, width=games)]

    def reduce(self) -> Sequence[Problem]:
        relevance = self.rows("relevance", full=True)
        z, _, weights = nodes((self.k + 1) // 2)
        return [cascade_problem(self, relevance, 1 - relevance, self.keys, z, weights)]

    def marginals(self, orders: Orders) -> Array:
        relevance = self.rows("relevance", full=True)
        less = 1 - namespace(relevance).astype(relevance, namespace(relevance).float64)
        return cascade_in_order(self, relevance, less, self.keys, orders, True)


def cascade_in_order(
    utility: Utility, gains: Array, reading: Array, keys: Array | None, orders: Orders, by_rank: bool
) -> Array:
    """The rise of a user's gain at each place of the orders, without the integrals of `cascade_problem`."""
    keys = keys_along(gains if keys is None else utility.rows("keys"), orders)
    return cascade(along(gains, orders), along(reading, orders), keys, along(utility.present(), orders), by_rank)


def cascade_problem(utility: Utility, gains: Array, reading: Array, keys: Array | None, z: Array, weights: Array) -> Problem:
    """sum_z weight_z sum_j gain_j [j in S] prod_{i in S before j} z q_i, one product game for each j and z; z is NumPy's."""
    xp = namespace(gains)
    (groups, k), games = gains.shape, len(z)
    order_by = gains if keys is None else xp.broadcast_to(utility.rows("keys"), gains.shape)
    rank = xp.argsort(xp.argsort(-order_by, axis=1, stable=True), axis=1)
    before = rank[:, :, None] < rank[:, None, :]  # [B, i, j]
    if utility.mask is not None:
        before = before & utility.present()[:, :, None]
        gains = xp.where(utility.present(), gains, 0)
    inside = xp.where(before[..., None], reading[:, :, None, None] * like(z, gains), 1)  # [B, i, j, z]
    others = like(1 - np.eye(k), gains)[:, :, None]
    flat = (groups, k, k * games)
    outside = xp.reshape(xp.broadcast_to(others, inside.shape), flat)
    joint = xp.reshape(gains[:, :, None] * like(weights, gains), (groups, k * games))
    return Problem("products", "mixture", (xp.reshape(inside, flat), outside, xp.reshape(inside - others, flat), joint))
