"""The published rule of OSPO: coalitions that are contiguous windows of phrases (2601.08403), with its figures of merit.

It is kept apart from `ospo`, whose Owen values are efficient, signed and cover all of the text.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import comb
from typing import NamedTuple

import numpy as np

from shapley_credit.convert import Array, to_host
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import flags, number, one_of, shown, whole_number, whole_numbers

MODES = ("proportional", "rank", "hybrid")


class WindowCredit(NamedTuple):
    """Credits of phrases by windows, and how far they are from a Shapley value.

    Attributes:
        values: [n], phi.
        mass: [n], the Shapley weight of the coalitions that the windows reach, 1 for the true value.
        gap: v(N) - v(empty) - sum phi, 0 for an efficient value.
    """

    values: Array
    mass: Array
    gap: float


def windows(n: int, width: int = 8, limit: int = 96, seed: int = 0) -> Array:
    """The coalitions of the published rule: the empty set, all windows of at most `width` neighbours, and the whole.

        1 + W n - W (W - 1) / 2 + [W < n] of them, W = min(width, n)

    n: number of phrases. Above `limit` the empty set and the whole stay, and a sample of the others, taken without
        replacement.

    Returns bool [m, n]. Cost O(m n). Raises InputError for n, width or limit too small.

    >>> from shapley_credit.methods.windows import windows
    >>> windows(3, width=2).astype(int).tolist()
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 1, 1]]
    """
    for name, count, least in (("n", n, 1), ("width", width, 1), ("limit", limit, 2), ("seed", seed, 0)):
        whole_number(count, f"windows needs {name}, which", least)
    place = np.arange(n)
    inner = [(i, i + w) for w in range(1, min(width, n - 1) + 1) for i in range(n - w + 1)]
    if len(inner) + 2 > limit:
        kept = np.random.default_rng(seed).choice(len(inner), limit - 2, replace=False)
        inner = [inner[i] for i in np.sort(kept)]
    spans = [(0, 0), *inner, (0, n)]
    return np.array([(low <= place) & (place < high) for low, high in spans])


def window_credit(coalitions: Array, values: Sequence[float] | Array) -> WindowCredit:
    """Credits from the marginal contributions between coalitions that were both asked for, weighed as in a Shapley value.

        phi_i = sum over S, S + i both asked of [v(S + i) - v(S)] / (n C(n - 1, |S|)), not renormalised

    coalitions: bool [m, n], from `windows`. values: [m], v of each; as published v(empty) = 0.
    Returns a WindowCredit. Cost O(m n^2). Known weaknesses: the mass falls from .58 for 4 phrases to .06 for 20 with windows of
    8, the credits do not add up, and no phrase gets what the text outside of all phrases earns.
    Raises InputError for shapes that differ. Source: 2601.08403.

    >>> from shapley_credit.methods.windows import window_credit, windows
    >>> found = window_credit(windows(3), [0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0])
    >>> found.values.round(3).tolist(), found.mass.round(3).tolist(), round(found.gap, 3)
    ([0.833, 0.667, 0.833], [0.833, 0.667, 0.833], 0.667)
    """
    held, worth = flags(coalitions, "coalitions"), _finite(values, "values")
    if held.ndim != 2 or worth.shape != held.shape[:1]:
        raise InputError(f"coalitions must be [m, n] and values [m]; got {held.shape} and {worth.shape}.")
    n = held.shape[1]
    known = {row.tobytes(): value for row, value in zip(held, worth, strict=True)}
    phi, mass = np.zeros(n), np.zeros(n)
    for row, value in zip(held, worth, strict=True):
        weight = 1 / (n * comb(n - 1, int(row.sum()))) if row.sum() < n else 0.0
        for i in np.flatnonzero(~row):
            larger = row.copy()
            larger[i] = True
            if (more := known.get(larger.tobytes())) is not None:
                phi[i] += weight * (more - value)
                mass[i] += weight
    whole, empty = known.get(np.ones(n, np.bool_).tobytes(), np.nan), known.get(np.zeros(n, np.bool_).tobytes(), np.nan)
    return WindowCredit(phi, mass, float(whole - empty - phi.sum()))


def window_rewards(
    credit: Sequence[float] | Array,
    phrases: Sequence[tuple[int, int]],
    tokens: Sequence[tuple[int, int]],
    reward: float,
) -> Array:
    """Credit of the tokens by the published rule: overlap, min-max, share of the reward.

        a_t = sum_p W_pt phi_p,    o = (a - min a) / (max a - min a),    c_t = o_t R / max(sum o, 1e-4)

    W_pt is the share of token t's characters that lie in phrase p, its columns scaled to add up to 1, so that each token of
    one phrase gets all of phi_p, and a token in two phrases their mean by characters. A token without characters in any
    phrase has a_t = 0. o = 1/2 if a is constant, and c = 1 / T, whatever R, for at most one phrase.
    credit: [n]; phrases: [n] and tokens: [T], half-open spans of character offsets.

    Returns c [T]. Cost O(n T). Known weaknesses: a phrase is paid once for each of its tokens, a token in no phrase is paid
    best where all phrases do harm, signs are lost in o, R = 0 gives no token anything, R < 0 turns the order around.
    Raises InputError for credit that does not go with phrases or is not finite, and for spans that are no pairs.
    Source: 2601.08403.

    >>> from shapley_credit.methods.windows import window_rewards
    >>> window_rewards([0.2, 0.8], [(0, 2), (2, 10)], [(0, 1), (1, 3), (3, 10)], 1.0).round(3)
    array([0.   , 0.333, 0.667])
    """
    number(reward, "reward must be a finite number", _any)
    phi, spans, places = _finite(credit, "credit"), _spans(phrases, "phrases"), _spans(tokens, "tokens")
    if phi.shape != spans.shape[:1]:
        raise InputError(f"credit must be [n], one for each of the {len(spans)} phrases; got shape {phi.shape}.")
    if len(phi) <= 1 or not len(places):
        return np.full(len(places), 1 / max(len(places), 1))
    (low, high), (start, end) = spans.T[:, :, None], places.T[:, None, :]
    # W divides the column of a token by its length, which cancels as the column is scaled.
    overlap = np.maximum(np.minimum(high, end) - np.maximum(low, start), 0)
    covered = overlap.sum(axis=0)
    held = phi @ (overlap / np.where(covered > 0, covered, 1))
    spread = np.ptp(held)
    constant = spread <= 1e-12 * np.abs(held).max()  # the rounding of a token's mean over phrases of equal credit
    order = np.full(len(places), 0.5) if constant else (held - held.min()) / spread
    rewards: Array = order * reward / max(order.sum(), 1e-4)
    return rewards


def window_advantages(
    token_rewards: Sequence[float] | Array, advantage: float, *, mode: str = "proportional", clip: float = np.inf
) -> Array:
    """Advantages of the tokens by the published rule, given the z-scored advantage A of the response.

        proportional   A T p_t,    p = c / max(sum c, 1e-4)
        rank           the same with the ranks of c in its place, 0 for the largest .. T - 1 for the smallest
        hybrid         A (.7 p_t + .3 / T)

    all clipped to [-clip, clip], as published 2 std(A) of the group. token_rewards: c [T] from `window_rewards`; the first of
    equal ones has the lower rank.

    Returns [T]. Cost O(T log T). Known weaknesses: rank gives the best token nothing and the worst the most, and a single
    token nothing at all; hybrid is not multiplied by T, so that its mean is A / T and that of proportional A; where sum c < 0
    everything is divided by 1e-4 and explodes. Raises InputError for another mode, and for credit that is not finite.
    Source: 2601.08403.

    >>> from shapley_credit.methods.windows import window_advantages
    >>> credit = [1.0, 0.5, 0.2, 0.0]
    >>> window_advantages(credit, 1.0).round(3).tolist()
    [2.353, 1.176, 0.471, 0.0]
    >>> window_advantages(credit, 1.0, mode="rank").round(3).tolist()
    [0.0, 0.667, 1.333, 2.0]
    >>> window_advantages(credit, 1.0, mode="hybrid").round(3).tolist()
    [0.487, 0.281, 0.157, 0.075]
    """
    one_of(mode, MODES, "mode")
    number(advantage, "advantage must be a finite number", _any)
    # An infinite clip clips nothing, but `number` takes finite numbers only.
    number(min(clip, sys.float_info.max) if isinstance(clip, float) else clip, "clip must be 0 or more", lambda most: most >= 0)
    share = _finite(token_rewards, "token_rewards")
    length = len(share)
    if mode == "rank":
        share = np.argsort(np.argsort(-share, kind="stable"), kind="stable").astype(np.float64)
    share = share / max(share.sum(), 1e-4)
    paid = 0.7 * share + 0.3 / max(length, 1) if mode == "hybrid" else length * share
    clipped: Array = np.clip(advantage * paid, -clip, clip)
    return clipped


def _finite(data: Sequence[float] | Array, name: str) -> Array:
    given = to_host(data, name)
    if given.size and given.dtype.kind not in "biuf":
        raise InputError(f"{name} must hold real numbers; got {given.dtype} of shape {given.shape}.")
    row = given.astype(np.float64)
    if row.ndim != 1 or not np.isfinite(row).all():
        raise InputError(f"{name} must be finite numbers in one row; got {shown(row.tolist())}.")
    return row


def _any(given: float) -> bool:
    return True


def _spans(data: Sequence[tuple[int, int]], name: str) -> Array:
    spans = whole_numbers(data, name, "pairs (start, end) of character offsets, integers")
    if spans.shape == (0,):  # none at all, as a list
        return spans.reshape(0, 2)
    if spans.ndim != 2 or spans.shape[1] != 2:
        raise InputError(f"{name} must be pairs (start, end) of character offsets; got shape {spans.shape}.")
    return spans
