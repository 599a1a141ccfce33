"""Product games."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, real
from shapley_credit.inputs.pricing import LINEAR
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility
from shapley_kernels.arrays import namespace


class Product(Utility):
    """Product game, v(S) = offset + scale prod_{i in S} a_i prod_{i not in S} b_i over the present members.

    Shapley: phi_i = scale (a_i - b_i) integral_0^1 prod_{j != i} ((1 - t) b_j + t a_j) dt (Owen 1972), by exact quadrature.
    inside a: [..., k]; outside b: [..., k], by default 1; scale, offset: [...]; mask: [..., k]. Cost O(k min(k/2, 4.3 sqrt k)).
    Raises InputError for numbers that are not finite.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.Product([2.0, 3.0]))
    array([2., 3.])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {
        "inside": real("k"),
        "outside": real("k"),
        "scale": real(),
        "offset": real(),
    }
    _light: ClassVar[int] = LINEAR
    inside: Array
    outside: Array | None
    scale: Array
    offset: Array

    def __init__(self, inside: Any, outside: Any = None, scale: Any = 1.0, offset: Any = 0.0, *, mask: Any = None) -> None:
        self.bind(mask, inside=inside, outside=outside, scale=scale, offset=offset)

    def definition(self, members: Array) -> float:
        product = self.inside[members].prod()
        if self.outside is not None:
            rest = np.setdiff1d(np.arange(self.k), members)
            product *= self.outside[rest if self.mask is None else rest[self.mask[rest]]].prod()
        return float(self.offset + self.scale * product) if self.scale else float(self.offset)  # the product may overflow

    def lowered(self) -> Self:
        lower = copy.copy(self)
        lower.offset = self.offset - self.offset
        return lower

    def rises(self, sets: Array) -> Array:
        xp = namespace(sets)
        inside, outside = (xp.astype(array, xp.float64)[:, None, :] for array in self._factors())
        product = xp.prod(xp.where(sets, inside, outside), axis=2)
        return self.rows("scale")[:, None] * (product - xp.prod(outside, axis=2))

    def _factors(self) -> tuple[Array, Array]:
        """inside [B, K], outside [B or 1, K], 1 for absent members."""
        inside = self.rows("inside", full=True)
        xp = namespace(inside)
        outside = xp.ones_like(inside[:1, :]) if self.outside is None else self.rows("outside")
        if self.mask is not None:
            inside, outside = xp.where(self.present(), inside, 1), xp.where(self.present(), outside, 1)
        return inside, outside

    def reduce(self) -> Sequence[Problem]:
        inside, outside = self._factors()
        scale = self.rows("scale")[:, None]
        if isinstance(scale, np.ndarray) and not scale.all():  # times 0, products may overflow
            inside, outside = np.where(scale, inside, 1), np.where(scale, outside, 1)
        delta = (inside - outside) * scale
        return [Problem("products", "product", (inside, outside, delta))]
