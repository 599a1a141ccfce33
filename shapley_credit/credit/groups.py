"""Credits to advantages: the groups of a batch, their baselines and scales, in one pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from shapley_credit.convert import computing_dtype, from_numpy, to_numpy
from shapley_credit.credit.baselines import BASELINES, NEEDS, SCALES, Batch, decoupled, scaled
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import number, one_of, shown
from shapley_credit.inputs.ids import codes_of
from shapley_credit.inputs.tensors import library_of, numbers
from shapley_credit.torch_compile import between_graphs


@between_graphs
def advantages(
    credit: Any,
    groups: Any,
    *,
    baseline: str = "mean",
    scale: str = "none",
    lengths: Any = None,
    without: Any = None,
    weights: Any = None,
    floor: float = 1e-3,
) -> Any:
    """Advantages of completions: credits less the baseline of their group, over a scale.

        A_i = (c_i - b_i) / s_i,

    with n, mean and std those of the present credits of the group of i, std with n - 1:

        baseline            b_i
        none                0
        mean                mean (Dr. GRPO: Liu et al. 2025, 2503.20783)
        leave_one_out       mean of the others; A_i = 0 in a group of one (RLOO: Ahmadian et al. 2024)
        length_weighted     sum_j l_j c_j / sum_j l_j (OPO: Hao et al. 2025, 2505.23585)
        length_weighted_leave_one_out
                            the same over the others alone; A_i = 0 in a group of one
        half_window_median  median of the narrowest window of ceil(n / 2) sorted credits (Zhang et al. 2025, 2510.21830)
        set_leave_one_out   v(N - i) / (n - 1), for c_i the share of i in v(N)

    A baseline from the other completions alone leaves the expected gradient as it is; `mean` keeps (n - 1) / n of it, and the
    leave-one-out weighted by length has the least variance if |grad log pi|^2 grows with length (docs/theory.md, section 10).

        scale               s_i
        none                1
        group_std           max(std, floor) (GRPO: Shao et al. 2024)
        batch_std           max(std of all credits of the batch, floor)
        decoupled           each column of credit [N, R] over its group_std; then their sum with `weights`, less its mean, over
                            its std, both over the batch (GDPO: Liu et al. 2026, 2601.05242)

    credit: [N], or [N, R] for decoupled. NaN marks the absent: they get exactly 0 and change no other advantage.
    groups: N ids, equal within a group: a list of hashables, an array or tensor of integers, strings or objects, or a matrix of
        prompt tokens [N, P] whose equal rows are a group; or a whole number G: every G neighbours are a group.
    lengths: [N], l, in tokens. without: [N], v(N - i). weights: [R], 1 by default.
    floor: the smallest divisor, in the units of credit.

    Returns [N] in the units of credit, pure numbers under a scale; in the array library and on the device of credit, 16-bit
    floats as float32. Sums are float64. Not divided by default: near a tie a std turns noise into signal.
    Cost O(N), half_window_median O(N log N). Raises InputError for unknown rules, infinite credits and shapes that differ.

    >>> import shapley_credit as sc
    >>> sc.advantages([1.0, 3.0, 5.0, 7.0], ["a", "b", "a", "b"])
    array([-2., -2.,  2.,  2.])
    >>> sc.advantages([1.0, 3.0, 5.0, float("nan")], 2, baseline="leave_one_out")
    array([-2.,  2.,  0.,  0.])
    """
    values, give_back = enter(credit, "credit")
    columns = isinstance(scale, str) and scale == "decoupled"
    if values.ndim != 1 + columns or not all(values.shape):
        raise InputError(
            f"credit must be [N], or [N, R] with scale='decoupled', N and R at least 1; got shape {tuple(values.shape)} with "
            f"scale={shown(scale)}."
        )
    batch = read_batch(values, groups, baseline, "group_std" if columns else scale, floor, lengths=lengths, without=without)
    if columns:
        mix = _side(np.ones(values.shape[1]) if weights is None else weights, "weights", values[0]).tolist()
        return give_back(decoupled(batch, values, mix, baseline, floor))
    if weights is not None:
        raise InputError("weights add up rewards that are scaled one by one; leave them out or pass scale='decoupled'.")
    return give_back(scaled(batch.of(values), baseline, scale, floor))


def read_batch(values: Any, groups: Any, baseline: str, scale: str, floor: float, **sides: Any) -> Batch:
    """The groups of values [N, ...] and what the baseline needs beside them, checked; the caller adds the credits."""
    one_of(baseline, BASELINES, "baseline")
    one_of(scale, SCALES, "scale", ", or decoupled for several rewards")
    number(floor, "floor must be positive, for it is the smallest number to divide by", lambda least: least > 0)
    for name, side in sides.items():
        needed = name == NEEDS.get(baseline)
        if (side is not None) != needed:
            told = f"is missing, but baseline={baseline!r} needs it" if needed else f"means nothing to baseline={baseline!r}"
            raise InputError(f"{name} {told}.")
    codes, count = codes_of(groups, values)
    filled = {name: _side(side, name, values) for name, side in sides.items() if side is not None}
    return Batch(library_of(values), codes, count, **filled)


def enter(credit: Any, name: str) -> tuple[Any, Callable[[Any], Any]]:
    """Credits in float64, and the way back to the library, device and computing dtype of the caller."""
    xp = library_of(credit)
    if xp is np:
        array, library = to_numpy(credit, name)
        return numbers(array, name, array), lambda out: from_numpy(out.astype(computing_dtype(array.dtype)), library)
    # As `computing_dtype` does it: float32 for floats of up to 32 bits, float64 for all else.
    narrow = credit.is_floating_point() and credit.dtype.itemsize <= 4
    return numbers(credit, name, credit), lambda out: out.to(xp.float32 if narrow else xp.float64)


def _side(data: Any, name: str, like: Any) -> Any:
    """`data` in float64, one number for each entry along the first axis of `like`."""
    side = numbers(data, name, like)
    if tuple(side.shape) != tuple(like.shape[:1]):
        raise InputError(f"{name} must be of shape [{like.shape[0]}]; got {tuple(side.shape)}.")
    if library_of(like).isnan(side).any() or (name == "lengths" and (side < 0.0).any()):
        raise InputError(f"{name} must be numbers{', none below 0' if name == 'lengths' else ''}; got {shown(data)}.")
    return side
