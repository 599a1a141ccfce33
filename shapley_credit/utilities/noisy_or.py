"""At least one success."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from shapley_credit.convert import Array
from shapley_credit.inputs.fields import Field, Parameter, probability
from shapley_credit.inputs.pricing import LINEAR
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility


class NoisyOr(Utility):
    """Chance that some member succeeds, v(S) = 1 - prod_{i in S} (1 - p_i).

    Shapley: phi_i = p_i integral_0^1 prod_{j != i} (1 - t p_j) dt (Owen 1972), by exact quadrature.
    probabilities: [..., k] in [0, 1]; mask: [..., k]. Cost O(k min(k/2, 4.3 sqrt k)).
    Raises InputError for probabilities outside [0, 1].

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> sc.set_shapley(u.NoisyOr([0.5, 0.5]))
    array([0.375, 0.375])
    """

    fields: ClassVar[dict[str, Field | Parameter]] = {"probabilities": probability("k")}
    _light: ClassVar[int] = LINEAR
    probabilities: Array

    def __init__(self, probabilities: Any, *, mask: Any = None) -> None:
        self.bind(mask, probabilities=probabilities)

    def definition(self, members: Array) -> float:
        return float(1 - (1 - self.probabilities[members]).prod())

    def reduce(self) -> Sequence[Problem]:
        chances = self.rows("probabilities", full=True)  # absent members have been read as 0
        return [Problem("products", "noisy_or", (chances,))]
