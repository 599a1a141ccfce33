"""The published rule of OSPO: coalitions that are contiguous windows of phrases (2601.08403), with its figures of merit.

Kept apart from `ospo`, whose Owen values are efficient, signed and cover all of the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import NamedTuple

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.errors import InputError

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
    if n < 1 or width < 1 or limit < 2:
        raise InputError(f"windows needs n >= 1, width >= 1 and limit >= 2; got {n}, {width} and {limit}.")
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
    Returns a WindowCredit. Cost O(m n). Known weaknesses: the mass falls from .58 for 4 phrases to .06 for 20 with windows of
    8, the credits do not add up, and what the text outside of all phrases earns belongs to nobody.
    Raises InputError for shapes that differ. Source: 2601.08403.

    >>> from shapley_credit.methods.windows import window_credit, windows
    >>> found = window_credit(windows(3), [0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0])
    >>> found.values.round(3).tolist(), found.mass.round(3).tolist(), round(found.gap, 3)
    ([0.833, 0.667, 0.833], [0.833, 0.667, 0.833], 0.667)
    """
    held, worth = np.asarray(coalitions, np.bool_), np.asarray(values, np.float64)
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

    W_pt is the share of phrase p's characters that lie in token t, its columns scaled to add up to 1; o = 1/2 if a is constant,
    and c = R / T for at most one phrase. credit: [n]; phrases: [n] and tokens: [T], half-open spans of character offsets.
    Returns c [T]. Cost O(n T). Known weaknesses: signs are lost in o, R = 0 gives nothing to anybody, R < 0 turns the order
    around. Source: 2601.08403.

    >>> from shapley_credit.methods.windows import window_rewards
    >>> window_rewards([0.2, 0.8], [(0, 4), (5, 9)], [(0, 4), (5, 9)], 1.0).tolist()
    [0.0, 1.0]
    """
    phi, length = np.asarray(credit, np.float64), len(tokens)
    if len(phi) != len(phrases):
        raise InputError(f"credit and phrases must go together; got {len(phi)} and {len(phrases)}.")
    if len(phi) <= 1:
        return np.full(length, reward / max(length, 1))
    (low, high), (start, end) = np.array(phrases).T[:, :, None], np.array(tokens).T[:, None, :]
    overlap = np.maximum(np.minimum(high, end) - np.maximum(low, start), 0) / np.maximum(high - low, 1)
    shares = overlap / np.where(overlap.sum(axis=0) > 0, overlap.sum(axis=0), 1)
    paid = phi @ shares
    spread = np.ptp(paid)
    order = (paid - paid.min()) / spread if spread > 0 else np.full(length, 0.5)
    rewards: Array = order * reward / max(order.sum(), 1e-4)
    return rewards


def window_advantages(
    token_rewards: Sequence[float] | Array, advantage: float, *, mode: str = "proportional", clip: float = np.inf
) -> Array:
    """Advantages of the tokens by the published rule, given the z-scored advantage A of the response.

        proportional   A T c_t / max(sum c, 1e-4), whose mean is A
        rank           the same with the ranks 1 .. T of c, descending, in its place
        hybrid         A T (.7 p_t + .3 / T), p the shares of proportional

    all clipped to [-clip, clip], as published 2 std(A) of the group. token_rewards: c [T] from `window_rewards`.
    Returns [T]. Cost O(T log T). Known weaknesses: rank gives the best token the least, and a negative sum c explodes.
    Raises InputError for another mode. Source: 2601.08403.

    >>> from shapley_credit.methods.windows import window_advantages
    >>> window_advantages([0.0, 0.25, 0.75], 1.0).tolist()
    [0.0, 0.75, 2.25]
    """
    if mode not in MODES:
        raise InputError(f"mode must be one of {', '.join(MODES)}; got {mode!r}.")
    share: Array = np.asarray(token_rewards, np.float64)
    if mode == "rank":
        share = np.argsort(np.argsort(-share, kind="stable"), kind="stable") + 1.0
    share = share / max(share.sum(), 1e-4)
    if mode == "hybrid":
        share = 0.7 * share + 0.3 / len(share)
    clipped: Array = np.clip(advantage * len(share) * share, -clip, clip)
    return clipped
