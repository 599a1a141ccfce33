"""Numba kernel of the counts form for members of several types; the formula is in ref.py.

`typed`: the chances of a vector of counts are built up type after type, and the last type is a sum along a row of the table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.urn_draws import draw_one, mean_change, nothing_drawn

Array = NDArray[Any]


@jit
def _count(types: Array, here: Array, counts: Array) -> int:
    """Present members by type; returns how many there are."""
    counts[:] = 0
    for i in range(types.shape[0]):
        if here[i]:
            counts[types[i]] += 1
    return int(counts.sum())


@jit
def _fill_draws(counts: Array, chance: Array, draws: Array, starts: Array) -> None:
    """For each type t, Pr[x of type t among a + x drawn of types 0 .. t] at draws[starts[t] + a (n_t + 1) + x]."""
    earlier = start = 0
    for t in range(counts.shape[0]):
        special = counts[t]
        among = earlier + special
        starts[t] = start
        nothing_drawn(chance)
        for s in range(among + 1):
            for x in range(max(0, s - earlier), min(s, special) + 1):
                draws[start + (s - x) * (special + 1) + x] = chance[s & 1, x]
            if s < among:
                draw_one(chance, s, among, special)
        start += (earlier + 1) * (special + 1)
        earlier = among


@jit
def _mean_step(counts: Array, draws: Array, starts: Array, table: Array, strides: Array, step: int, at: Array) -> float:
    """sum_x Pr[x] (table[x + step] - table[x]) over all vectors of counts; at [2, T]: x, and where the types before t lead."""
    # An odometer over the counts of all types but the last: t is the first one that has changed.
    last = counts.shape[0] - 1
    chance, earlier = np.ones(last + 1), np.zeros(last + 1, np.int64)
    at[:] = 0
    total, t = 0.0, 0
    while True:
        for u in range(t, last):
            chance[u + 1] = chance[u] * draws[starts[u] + earlier[u] * (counts[u] + 1) + at[0, u]]
            earlier[u + 1] = earlier[u] + at[0, u]
            at[1, u + 1] = at[1, u] + at[0, u] * strides[u]
        row, place = starts[last] + earlier[last] * (counts[last] + 1), at[1, last]
        total += chance[last] * mean_change(draws[row:], table[place:], table[place + step :], counts[last] + 1)
        t = last - 1
        while t >= 0 and at[0, t] == counts[t]:
            at[0, t] = 0
            t -= 1
        if t < 0:
            return float(total)
        at[0, t] += 1


@jit
def typed(types: Array, present: Array, table: Array, strides: Array, credit: Array, low: int, high: int) -> None:
    """strides [T]: those of the axes of the table."""
    members, kinds = types.shape[1], strides.shape[0]
    s_present, s_table = 0 if present.shape[0] == 1 else 1, 0 if table.shape[0] == 1 else 1
    counts, starts, at = np.empty(kinds, np.int64), np.empty(kinds, np.int64), np.empty((2, kinds), np.int64)
    chance, shares = np.empty((2, members + 2)), np.empty(kinds)
    draws = np.empty((members + 1) * (members + kinds))
    for group in range(low, high):
        here = present[group * s_present]
        n = _count(types[group], here, counts)
        for kind in range(kinds):
            if counts[kind]:
                counts[kind] -= 1
                _fill_draws(counts, chance, draws, starts)
                row = table[group * s_table]
                shares[kind] = _mean_step(counts, draws, starts, row, strides, strides[kind], at) / n
                counts[kind] += 1
        for i in range(members):
            credit[group, i] = shares[types[group, i]] if here[i] else 0.0
