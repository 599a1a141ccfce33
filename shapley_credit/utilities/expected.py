"""Expected best of uncertain members."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, probability, real
from shapley_credit.inputs.pricing import LINEAR
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility
from shapley_kernels.arrays import namespace


class ExpectedMax(Utility):
    """Expected best of independent members, v(S) = E[max(x_0, max_{i in S} X_i)], X_i on a grid x_0 < x_1 < ..

    v(S) = x_last - sum_g (x_(g+1) - x_g) prod_{i in S} F_i(x_g): a product game a grid point, by exact quadrature.
    cdf: [..., k, G], F_i(x_g) = Pr[X_i <= x_g] in [0, 1]; grid x: [..., G], ascending, x_0 = v(empty); mask: [..., k].
    Cost O(G k min(k/2, 4.3 sqrt k)). Raises InputError for chances outside [0, 1].

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.ExpectedMax([[0.5, 1.0], [0.5, 1.0]], [0.0, 1.0]))
    array([0.375, 0.375])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"cdf": probability("k", "G"), "grid": real("G")}
    _light: ClassVar[int] = LINEAR
    cdf: Array
    grid: Array

    def __init__(self, cdf: Any, grid: Any, *, mask: Any = None) -> None:
        self.bind(mask, cdf=cdf, grid=grid)

    def definition(self, members: Array) -> float:
        below = self.cdf[members].prod(axis=0)[:-1]  # chance that the best is at most x_g
        return float(self.grid[:1].sum() + (np.diff(self.grid) * (1 - below)).sum())

    def lowered(self) -> Self:
        lower = copy.copy(self)
        lower.grid = self.grid - self.grid[..., :1]
        return lower

    def reduce(self) -> Sequence[Problem]:
        inside = self.rows("cdf", full=True)[:, :, :-1]
        xp = namespace(inside)
        if self.mask is not None:
            inside = xp.where(self.present()[:, :, None], inside, 1)
        grid = self.rows("grid")
        return [Problem("products", "mixture", (inside, xp.ones_like(inside), inside - 1, grid[:, :-1] - grid[:, 1:]))]
