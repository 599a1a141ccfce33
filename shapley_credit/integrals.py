"""Functions of a sum of weights as integrals over product games exp(-x w(S)), by the trapezoidal rule in ln x."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.utility import Problem, Utility, or_of_all

# Trapezoidal rule in ln x: aliasing is below 1e-17 at this step, whatever the scales of the weights.
STEP = 0.25
BELOW, ABOVE = 40.0, 4.0


def weights_of(utility: Utility) -> Array:
    """Weights [B, K] in float64, 0 for absent members."""
    weights = utility.rows("weights", full=True).astype(np.float64)
    return np.where(utility.present(), weights, 0) if utility.mask is not None else weights


def nodes(w: Array, w_0: Array | None, *, below: float = BELOW) -> tuple[Array, Array]:
    """Nodes x of the trapezoidal rule in ln x and their steps, [B, X] each, for weights [B, K].

    Every group has the nodes that its own weights need, whatever the other groups; steps beyond are 0.
    """
    positive = np.concatenate(
        [np.where(w > 0, w, np.nan), np.full((len(w), 1), np.nan) if w_0 is None else w_0 + 0 * w[:, :1]], axis=1
    )
    empty = np.isnan(positive).all(axis=1, keepdims=True)
    logs = np.log(np.where(empty, 1, positive))
    start, end = -np.nanmax(logs, axis=1) - below, -np.nanmin(logs, axis=1) + ABOVE
    counts = np.ceil((end - start) / STEP).astype(np.int64) + 1
    steps = np.arange(counts.max(initial=1))
    x = np.exp(np.minimum(start[:, None] + STEP * steps, end[:, None] + STEP))
    return x, np.where(steps < counts[:, None], STEP, 0.0)


def exponential_problem(w: Array, x: Array, weights: Array) -> Problem:
    """sum_x weight_x exp(-x w(S)). w [B, K], x, weights [B, X]."""
    exponents = -w[:, :, None] * x[:, None, :]
    inside = np.exp(exponents)
    return Problem("products", "mixture", (inside, np.ones_like(inside), np.expm1(exponents), weights))


def share_problem(w: Array, gains: Array, x: Array, weights: Array) -> Problem:
    """sum_x weight_x sum_{j in S} gain_j exp(-x w(S)), one product game for each j and x."""
    groups, k = w.shape
    own = np.eye(k, dtype=bool)[None, :, :, None]
    exponents = -w[:, :, None] * x[:, None, :]
    decay = np.broadcast_to(np.exp(exponents)[:, :, None, :], (groups, k, k, x.shape[1]))
    change = np.broadcast_to(np.expm1(exponents)[:, :, None, :], decay.shape)
    flat = (groups, k, k * x.shape[1])
    arrays = (decay, np.where(own, 0.0, np.ones_like(decay)), np.where(own, decay, change))
    joint = gains[:, :, None] * weights[:, None, :]
    return Problem("products", "mixture", (*(a.reshape(flat) for a in arrays), joint.reshape(groups, -1)))


def log_of_sum(utility: Utility, scores: Array, base: Array) -> Sequence[Problem]:
    """ln w(S) for a set that is not empty, base for the empty one; the largest score is taken out first."""
    present = utility.present()
    top = np.where(present, scores, -np.inf).max(axis=1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    w = np.where(present, np.exp(scores - top), 0)
    x, step = nodes(w, np.ones((1, 1)))
    return [*less_empty(utility, w, x, step), or_of_all(utility, top[:, 0] - base)]


def less_empty(utility: Utility, w: Array, x: Array, weights: Array) -> Sequence[Problem]:
    """sum_x weight_x (exp(-x) - exp(-x w(S))) for a set that is not empty, 0 for the empty one.

    In one mixture, node by node: -exp(-x w(S)) + (1 - exp(-x)) [S = empty], whose value at the empty set is constant.
    """
    exponents = -w[:, :, None] * x[:, None, :]
    inside = np.exp(exponents)
    none = np.where(utility.present(), 0.0, 1.0)[:, :, None] * np.ones_like(exponents)
    ones = np.ones_like(inside)
    return [
        Problem(
            "products",
            "mixture",
            (
                np.concatenate([inside, none], axis=2),
                np.concatenate([ones, ones], axis=2),
                np.concatenate([np.expm1(exponents), none - ones], axis=2),
                np.concatenate([-weights, -weights * np.expm1(-x)], axis=1),
            ),
        )
    ]
