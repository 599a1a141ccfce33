"""Groups with absent members, as groups in which all are present.

With f the lower of base and the lowest present score, absent members stand at f, where the airport game over f pays them 0 and
others nothing for them. The step from base to f, of the OR game over the present members, is paid apart.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from shapley_kernels.compiled.jit import jit

Array = NDArray[Any]


@jit
def lower(scores: Array, base: Array, present: Array, lowered: Array, floor: Array, first: Array, low: int, high: int) -> None:
    """Scores with absent members at the floor, to lowered [B, K]; the floors [B], and the shares [B] of the step to them."""
    members, real = scores.shape[1], scores.dtype.type
    s_base = 0 if base.shape[0] == 1 else 1
    s_present = 0 if present.shape[0] == 1 else 1
    for group in range(low, high):
        start = bottom = base[group * s_base]
        here = present[group * s_present]
        count = 0
        for i in range(members):
            count += int(here[i])
            bottom = min(bottom, scores[group, i] if here[i] else bottom)
        for i in range(members):
            lowered[group, i] = scores[group, i] if here[i] else bottom
        floor[group] = bottom
        first[group] = (bottom - start) * real(1 / max(count, 1))


@jit
def raise_present(first: Array, present: Array, credit: Array, low: int, high: int) -> None:
    """Add the share of the first step to the credit [B, K] of every present member."""
    s_present, none = 0 if present.shape[0] == 1 else 1, credit.dtype.type(0)
    for group in range(low, high):
        here = present[group * s_present]
        for i in range(credit.shape[1]):
            credit[group, i] += first[group] if here[i] else none
