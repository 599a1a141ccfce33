"""Functions of a sum of weights as integrals over product games exp(-x w(S)), by the trapezoidal rule in ln x."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.errors import InputError
from shapley_credit.inputs.problems import Problem
from shapley_credit.utility import Utility, or_of_all
from shapley_kernels.arrays import at_least, at_most, beside, namespace, unsorted

# Trapezoidal rule in ln x: aliasing is below 1e-17 at this step, whatever the scales of the weights.
STEP = 0.25
# How far nodes in ln x reach below and above -ln w: exp(-BELOW) and exp(-exp(ABOVE)) are below rounding.
BELOW, ABOVE = 40.0, 4.0
# On a device the number of nodes can't follow the data: there is room for weights up to exp(SPAN) apart, 1 or w_0 among them.
SPAN = 88.0

# Weights exp(GAP) below another move no digit of a sum with it, however many they are.
GAP = 90.0

# exp(-exp(u)) is 0 for u from here on.
ALL = 7.0

# The least divisor, where a sum of weights may be 0.
TINY = float(np.finfo(np.float64).tiny)
# How far weights of a group may be apart, in ln, so that nodes stay in the range of floats.
FAR = 1290.0
LN_2 = log(2.0)
# The largest even e with 2^e and 2^-e normal numbers.
LARGEST = 1022


def in_float64(array: Array) -> Array:
    """The array in the dtype that integrals are taken in."""
    xp = namespace(array)
    return xp.astype(array, xp.float64)


def weights_of(utility: Utility) -> Array:
    """Weights [B, K] in float64, 0 for absent members."""
    weights = in_float64(utility.rows("weights", full=True))
    return namespace(weights).where(utility.present(), weights, 0) if utility.mask is not None else weights


def extent(w: Array, w_0: Array | None = None) -> tuple[Array, Array]:
    """ln of the smallest and the largest of the weights [B, K] and w_0 [B or 1, 1] above 0, [B, 1] each; 0 if none is."""
    xp = namespace(w)
    if w_0 is not None:
        w = xp.concat([w, xp.broadcast_to(w_0, (w.shape[0], 1))], axis=1)
    absent = w == 0
    logs = xp.log(xp.where(absent, 1.0, w))
    some = ~xp.all(absent, axis=1, keepdims=True)
    lowest = xp.min(xp.where(absent, float("inf"), logs), axis=1, keepdims=True)
    highest = xp.max(xp.where(absent, -float("inf"), logs), axis=1, keepdims=True)
    return xp.where(some, lowest, 0.0), xp.where(some, highest, 0.0)


def unit(log: Array) -> Array:
    """The even e with 2^e next to exp(log), as far as 2^e and 2^-e are normal numbers."""
    return at_most(at_least(2 * namespace(log).round(log / (2 * LN_2)), -LARGEST), LARGEST)


def balanced(w: Array, w_0: Array | None = None) -> tuple[Array, Array | None]:
    """The weights [B, K] and w_0 [B, 1] of every group in a unit of its own, 2^e, that has them on both sides of 1.

    So no product with a node leaves the range of floats, however small or large they all are. Raises InputError for weights
    more than exp(FAR) apart, except on a device, where such a group needs more nodes than there are and comes out as NaN.
    """
    lowest, highest = extent(w, w_0)
    if isinstance(w, np.ndarray) and (highest - lowest > FAR).any():
        far = (highest - lowest).max() / np.log(10)
        raise InputError(f"the weights of a group are up to 1e{far:.0f} apart; {FAR / np.log(10):.0f} digits is the most.")
    scale = 2.0 ** -unit((lowest + highest) / 2)
    return w * scale, None if w_0 is None else w_0 * scale


def nodes(w: Array, w_0: Array | None = None, *, below: float = BELOW, factor: bool = True) -> tuple[Array, Array]:
    """Nodes x of the trapezoidal rule in ln x and their steps, [B, X] each, for weights [B, K].

    factor: whether exp(-x w_0) is a factor of the integrand, so that no nodes are needed where it is 0. Every group has the
    nodes that its own weights need, whatever the other groups; steps beyond are 0. On a device the steps of a group whose
    weights need more than there are come out as NaN.
    """
    xp = namespace(w)
    lowest, highest = extent(w, w_0)
    start, end = -highest - below, -lowest + ABOVE
    if w_0 is not None and factor:
        end = xp.minimum(end, ALL - xp.log(w_0))
    needed = xp.ceil((end - start) / STEP) + 1
    count = needed.max(initial=1) if isinstance(needed, np.ndarray) else np.ceil((below + ABOVE + SPAN) / STEP) + 1
    steps = beside(np.arange(count), w)
    x = xp.exp(xp.minimum(start + STEP * steps, end + STEP))
    return x, xp.where(needed <= float(count), STEP * xp.astype(steps < needed, xp.float64), float("nan"))


def most_nodes(w: Array, w_0: Array | None = None, *, below: float = BELOW) -> float:
    """The most nodes that `nodes` returns."""
    lowest, highest = extent(w, w_0)
    apart = float((highest - lowest).max(initial=0.0)) if isinstance(w, np.ndarray) else SPAN
    return float((apart + below + ABOVE) / STEP + 2)


def most_log_nodes(logs: Array) -> float:
    """The most nodes that `log_nodes` returns for the logarithms [B, K] of weights."""
    apart, window = SPAN, BELOW + ABOVE
    if isinstance(logs, np.ndarray):
        apart = float((logs.max(axis=1, initial=-np.inf) - logs.min(axis=1, initial=np.inf)).max(initial=0.0))
    return float(min((apart + window) / STEP, logs.shape[1] * (window / STEP + 3)) + 2)


def log_nodes(logs: Array) -> tuple[Array, Array]:
    """Nodes u = ln x and their steps, [B, X] each, for integrands exp(-x w(S)) and ln of the weights [B, K], however far apart.

    Such integrands are constant but for u from BELOW below to ABOVE above some -ln w_i. The last node of such a window stands
    for all that follow up to the next window, so that no group has more than 44 / STEP + 3 nodes a member. On a device the
    steps of a group that needs more nodes than there are come out as NaN.
    """
    xp = namespace(logs)
    places, window = xp.sort(-logs, axis=1), BELOW + ABOVE
    left_out = at_least(xp.floor((places[:, 1:] - places[:, :-1] - window) / STEP) - 2.0, 0.0)
    left_out = xp.concat([left_out, 0 * places[:, :1]], axis=1)  # [B, K], after the window of each
    last = xp.ceil((places - places[:, :1] + window) / STEP) - (xp.cumulative_sum(left_out, axis=1) - left_out)
    needed = last[:, -1:] + 1
    host = isinstance(needed, np.ndarray)
    windows = logs.shape[1] if host else min(logs.shape[1], 1 + SPAN / window)
    most = np.ceil(windows * (window / STEP + 3)) + 2
    count = np.fmin(needed.max(initial=1), most) if host else most  # NaN where scores overflow
    indices = beside(np.arange(count + 1), logs)
    jumps = xp.where(indices[None, :, None] > last[:, None, :], left_out[:, None, :], 0.0)  # [B, X + 1, K]
    steps = indices + xp.sum(jumps, axis=2)
    length = STEP * (steps[:, 1:] - steps[:, :-1]) * xp.astype(indices[:-1] < needed, xp.float64)
    return places[:, :1] - BELOW + STEP * steps[:, :-1], xp.where(needed <= float(count), length, float("nan"))


def products(w: Array, x: Array) -> Array:
    """w x, but not above exp(ALL), of weights [B, K] and nodes [B, X], [B, K, X]."""
    with np.errstate(over="ignore"):
        return at_most(w[:, :, None] * x[:, None, :], exp(ALL))


def exponential_problem(w: Array, x: Array, weights: Array) -> Problem:
    """sum_x weight_x exp(-x w(S)). w [B, K], x, weights [B, X]."""
    xp = namespace(w)
    exponents = -products(w, x)
    inside = xp.exp(exponents)
    return Problem("products", "mixture", (inside, xp.ones_like(inside), xp.expm1(exponents), weights))


def share_problem(w: Array, values: Array, x: Array, weights: Array) -> Problem:
    """sum_x weight_x sum_{j in S} x w_j value_j exp(-x w(S)), one product game for each j and x.

    The games stand node by node, so that those of nodes that a group does not need, of weight 0, are last: they change no bit.
    """
    xp = namespace(w)
    (groups, k), games = w.shape, x.shape[1]
    own = beside(np.eye(k, dtype=np.bool_)[None, :, None, :], w)
    reach = products(w, x)
    exponents = -reach[:, :, :, None]
    decay = xp.broadcast_to(xp.exp(exponents), (groups, k, games, k))  # [B, i, x, j]
    arrays = (decay, xp.where(own, 0.0, xp.ones_like(decay)), xp.where(own, decay, xp.expm1(exponents)))
    joint = weights[:, :, None] * xp.permute_dims(reach, (0, 2, 1)) * values[:, None, :]
    flat = (xp.reshape(a, (groups, k, games * k)) for a in arrays)
    return Problem("products", "mixture", (*flat, xp.reshape(joint, (groups, games * k))))


def log_of_sum(utility: Utility, scores: Array, base: Array) -> Sequence[Problem]:
    """ln w(S) for a set that is not empty, base for the empty one; the largest score is taken out first.

    Weights stay logarithms, so that a score may stand any distance below the largest. Where some stand so far below that they
    move no digit of a sum with the others, the best of S alone counts: ln w(S) = ln w'(S) + max_{i in S} d_i, w' the
    weights with such gaps cut to GAP, d_i <= 0 what is cut above i.
    """
    xp = namespace(scores)
    present = utility.present()
    top = xp.max(xp.where(present, scores, -float("inf")), axis=1, keepdims=True)
    top = xp.where(xp.any(present, axis=1, keepdims=True), top, 0)
    logs, cut = _closer(xp.where(present, scores, top), top)
    u, step = log_nodes(logs)
    exponents = -xp.exp(-at_least(-logs[:, :, None] - u[:, None, :], -ALL))
    exponents = xp.where(present[:, :, None], exponents, 0.0)
    integral = less_empty(utility, exponents, xp.exp(-at_least(-u, -ALL)), step)
    rise = top[:, 0] - in_float64(base)
    if isinstance(cut, np.ndarray) and not cut.any():
        return [*integral, or_of_all(utility, rise)]
    most = xp.max(cut, axis=1)
    heights = most[:, None] - cut
    return [*integral, Problem("thresholds", "airport", (heights, 0 * most, present)), or_of_all(utility, rise - most)]


def _closer(scores: Array, top: Array) -> tuple[Array, Array]:
    """Scores [B, K] less their largest [B, 1], gaps between neighbours cut to GAP, and what is cut above each."""
    xp = namespace(scores)
    order = xp.argsort(-scores, axis=1, stable=True)
    falling = xp.take_along_axis(scores, order, axis=1)
    gaps = falling[:, :-1] - falling[:, 1:]  # before the largest is taken out, which would cost those far below their digits
    none = xp.zeros_like(top)
    logs, cut = (
        unsorted(order, xp.concat([none, xp.cumulative_sum(part, axis=1)], axis=1))
        for part in (-at_most(gaps, GAP), at_least(gaps - GAP, 0.0))
    )
    return xp.where(xp.any(cut > 0, axis=1, keepdims=True), logs, scores - top), cut


def less_empty(utility: Utility, exponents: Array, x: Array, weights: Array) -> Sequence[Problem]:
    """sum_x weight_x (exp(-x) - exp(-x w(S))) for a set that is not empty, 0 for the empty one; exponents -x w_i [B, K, X].

    One mixture, node by node: -exp(-x w(S)) + (1 - exp(-x)) [S = empty], whose value at the empty set is constant. The nodes
    that a group does not need stand last, as in `share_problem`.
    """
    xp = namespace(x)
    inside = xp.exp(exponents)
    ones = xp.ones_like(inside)
    none = xp.where(utility.present()[:, :, None], 0.0, ones)
    pairs = ((inside, none), (ones, ones), (xp.expm1(exponents), none - ones), (-weights, -weights * xp.expm1(-x)))
    arrays = (xp.reshape(xp.stack(pair, axis=-1), (*pair[0].shape[:-1], 2 * x.shape[1])) for pair in pairs)
    return [Problem("products", "mixture", tuple(arrays))]
