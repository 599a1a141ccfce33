"""Numba kernels of the ranks form.

    phi_(q) = own_q gain_(q) + sum_{p > q} before_p gain_(p) + sum_{p < q} after_p gain_(p),

one pass over ranks q, by key, descending, equal keys by lower index. What one unit of gain of rank q is worth to its owner, to
a better and to a worse member comes from a row of rates [3, K]; the two games differ in nothing else. Eight groups at a time,
one a lane: a sorting network keeps the mask of every exchange of keys; gains follow the masks, and credits go back by them. Up
to REGISTERS members it runs in registers, filled up by members that come last and gain nothing. Above, integers of 32 bits are
sorted that hold the leading bits of a key and its member, and keys that agree in these bits are put in order afterwards. Above
KEYS_LIMIT groups are sorted one by one, by digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_kernels.compiled import memory, threads
from shapley_kernels.compiled.jit import jit
from shapley_kernels.compiled.lanes import load, rank, repeat, restore, splat, store
from shapley_kernels.compiled.radix_sort import INDEX, ascending, room_for_order
from shapley_kernels.compiled.sorted_heights import put_right
from shapley_kernels.compiled.sorting_networks import comparators
from shapley_kernels.compiled.tiles import keys_above, reach, room_for_keys, sort_rows, tile, turn
from shapley_kernels.compiled.urn_draws import draw_one, mean, mean_change, nothing_drawn

Array = NDArray[Any]

# The most members for which a network runs in registers, and for which one of keys is faster than a sort.
REGISTERS = 16
KEYS_LIMIT = 2048
MASKS = len(comparators(REGISTERS))
NS_SORTED = 8  # a member


@jit
def _share(b_gains: Array, b_rates: Array, b_credit: Array) -> None:
    """Gains by rank to credits by rank, [K, 8] each. rates [3 K, 8]."""
    members = b_gains.shape[0]
    better = splat(b_gains.dtype.type(0))
    for q in range(members):
        gain = load(b_gains, 8 * q)
        store(b_credit, 8 * q, gain * load(b_rates, 8 * q) + better)
        better = better + gain * load(b_rates, 8 * (2 * members + q))
    worse = splat(b_gains.dtype.type(0))
    for q in range(members - 1, -1, -1):
        store(b_credit, 8 * q, load(b_credit, 8 * q) + worse)
        worse = worse + load(b_gains, 8 * q) * load(b_rates, 8 * (members + q))


@jit
def _solve_tile(b_gains: Array, b_keys: Array, b_rates: Array, b_credit: Array, masks: Array) -> None:
    """Gains [8 or 16, 8] to credits, destroying keys and gains."""
    rank(b_keys, masks)
    repeat(b_gains, masks)
    _share(b_gains, b_rates, b_credit)
    restore(b_credit, masks)


@jit
def _fill_rates(rates: Array, rows: Array, first: int, lanes: int, b_rates: Array, filled: Array) -> None:
    """Write the rates of each group to its lane of b_rates [3 height, 8], unless they are there already."""
    height, s_rows = b_rates.shape[0] // 3, 0 if rows.shape[0] == 1 else 1
    for lane in range(lanes):
        row = rows[(first + lane) * s_rows]
        if row != filled[lane]:
            filled[lane] = row
            for q in range(rates.shape[2]):
                for rate in range(3):
                    b_rates[rate * height + q, lane] = rates[row, rate, q]


@jit
def _ranked(gains: Array, keys: Array, present: Array, rates: Array, rows: Array, credit: Array, low: int, high: int) -> None:
    """rates [R, 3, K], rows [B or 1]: the row of rates of each group."""
    members = gains.shape[1]
    s_keys, s_present = 0 if keys.shape[0] == 1 else 1, 0 if present.shape[0] == 1 else 1
    height = 8 if members <= 8 else REGISTERS
    b_gains, b_credit = tile(height, 8, gains.dtype), tile(height, 8, gains.dtype)
    b_keys, b_rates = tile(height, 8, keys.dtype), tile(3 * height, 8, gains.dtype)
    masks, filled = np.empty(MASKS, np.uint8), np.full(8, -1)
    # With all members present there is nothing to mask, going in or coming out.
    complete = s_present == 0 and present.all()
    for first in range(low, high, 8):
        lanes = min(8, high - first)
        width = reach(members, first, high)
        turn(gains, first * members, members, lanes, width, b_gains, 0, 8)
        turn(keys, first * members * s_keys, members * s_keys, lanes, width if s_keys else members, b_keys, 0, 8)
        if first == low or rows.shape[0] > 1:
            _fill_rates(rates, rows, first, lanes, b_rates, filled)
        for lane in range(0 if complete else lanes):
            for i in range(members):
                if not present[(first + lane) * s_present, i]:
                    b_keys[i, lane] = -np.inf  # last in rank, where all rates are 0
        for i in range(members, height):
            store(b_keys, 8 * i, splat(keys.dtype.type(-np.inf)))
            store(b_gains, 8 * i, splat(gains.dtype.type(0)))
        _solve_tile(b_gains, b_keys, b_rates, b_credit, masks)
        turn(b_credit, 0, 8, width, lanes, credit, first * members, members)
        for group in range(first, first if complete else first + lanes):
            for i in range(members):
                credit[group, i] = credit[group, i] if present[group * s_present, i] else 0


@jit
def _falls(keys: Array, present: Array, bits: int, places: Array, falls: Array, b_keys: Array, lane: int) -> None:
    """Minus the keys [K] of a group, those of absent members above all, to falls, and what sorts them to a row of b_keys."""
    members, wide = keys.shape[0], b_keys.shape[1]
    lowest = keys.dtype.type(np.inf)
    for i in range(members):
        falls[lane, i] = -keys[i] if present[i] else np.inf
        lowest = min(lowest, falls[lane, i])
    keys_above(falls, lane * wide, members, lowest, bits, places, b_keys, lane * wide)


@jit
def _ranked_by_keys(
    gains: Array, keys: Array, present: Array, rates: Array, rows: Array, credit: Array, bits: int, low: int, high: int
) -> None:
    """As _ranked, for more members."""
    members = gains.shape[1]
    s_keys, s_present = 0 if keys.shape[0] == 1 else 1, 0 if present.shape[0] == 1 else 1
    wide, member = (members + 7) // 8 * 8, np.uint32((1 << bits) - 1)
    falls, b_rows, b_keys = tile(8, wide, keys.dtype), tile(8, wide, np.uint32), room_for_keys(members)
    b_falls, b_gains = tile(members, 8, keys.dtype), tile(members, 8, gains.dtype)
    b_credit, b_rates = tile(members, 8, gains.dtype), tile(3 * members, 8, gains.dtype)
    filled, places = np.full(8, -1), np.arange(members).astype(np.uint32)
    for first in range(low, high, 8):
        lanes = min(8, high - first)
        if rows.shape[0] > 1 or first == low:
            _fill_rates(rates, rows, first, lanes, b_rates, filled)
        for lane in range(lanes):
            _falls(keys[(first + lane) * s_keys], present[(first + lane) * s_present], bits, places, falls, b_rows, lane)
        turn(b_rows, 0, wide, 8, members, b_keys, 0, 8)
        sort_rows(b_keys)
        for lane in range(lanes):
            for q in range(members):
                b_falls[q, lane] = falls[lane, np.uint64(b_keys[q, lane] & member)]
        put_right(b_falls, b_keys, splat(keys.dtype.type(0)))
        for lane in range(lanes):
            row = gains[first + lane]
            for q in range(members):
                b_gains[q, lane] = row[np.uint64(b_keys[q, lane] & member)]
        _share(b_gains, b_rates, b_credit)
        for lane in range(lanes):
            row, here = credit[first + lane], present[(first + lane) * s_present]
            for q in range(members):
                i = np.uint64(b_keys[q, lane] & member)
                row[i] = b_credit[q, lane] if here[i] else 0


@jit
def _ranked_one_by_one(
    gains: Array, keys: Array, present: Array, rates: Array, rows: Array, credit: Array, low: int, high: int
) -> None:
    """As _ranked, group by group, in the steps of _share."""
    members = gains.shape[1]
    s_keys, s_present = 0 if keys.shape[0] == 1 else 1, 0 if present.shape[0] == 1 else 1
    s_rows = 0 if rows.shape[0] == 1 else 1
    zero = gains.dtype.type(0)
    falling, scratch, counts = room_for_order(members)
    for group in range(low, high):
        row = rows[group * s_rows]
        for i in range(members):
            falling[i] = -keys[group * s_keys, i] if present[group * s_present, i] else np.inf  # last, where all rates are 0
        best = ascending(falling, scratch, counts)
        better = worse = zero
        for q in range(members):
            member = best[q] & INDEX
            gain = gains[group, member]
            credit[group, member] = gain * rates[row, 0, q] + better
            better += gain * rates[row, 2, q]
        for q in range(members - 1, -1, -1):
            member = best[q] & INDEX
            here = present[group * s_present, member]
            credit[group, member] = credit[group, member] + worse if here else zero
            worse += gains[group, member] * rates[row, 1, q]


@jit
def _discount_rates(discounts: Array, rates: Array, low: int, high: int) -> None:
    """Owner's share m_q, the mean of d_1 .. d_q, and a better one's c_q = (d_q - m_{q-1}) / q."""
    for row in range(low, high):
        total = 0.0
        for q in range(discounts.shape[1]):
            rates[row, 1, q] = (discounts[row, q] - total / q) / (q + 1) if q else 0.0
            total += discounts[row, q]
            rates[row, 0, q] = total / (q + 1)
            rates[row, 2, q] = 0.0


@jit
def _discounted(gains: Array, keys: Array, discounts: Array, credit: Array, low: int, high: int) -> None:
    """discounts [B or 1, K]."""
    count, members = discounts.shape
    rates = np.empty((count, 3, members), gains.dtype)
    if count == 1:
        _discount_rates(discounts, rates, 0, 1)
    else:
        _discount_rates(discounts, rates, low, high)
    present = np.ones((1, members), np.bool_)
    _ranked(gains, keys, present, rates, np.arange(count), credit, low, high)


@jit
def _size_rates(weights: Array, sizes: Array, rates: Array, low: int, high: int) -> None:
    """Rates for groups of n = sizes[row] members, weights [R or 1, K, K] by size and rank.

    The owner's mean over s = 0 .. n-1 others drawn, x of them better; for the others the change by one more better or worse
    member among n - 2, s - 1 of them drawn.
    """
    s_weights = 0 if weights.shape[0] == 1 else 1
    chance = np.empty((2, weights.shape[1] + 1))
    for row in range(low, high):
        d, n = weights[row * s_weights], sizes[row]
        for better in range(n):
            own = 0.0
            nothing_drawn(chance)
            for s in range(n):
                own += mean(chance[s & 1], d[s], min(s, better) + 1) / n
                if s < n - 1:
                    draw_one(chance, s, n - 1, better)
            rates[row, 0, better] = own
            for worse in range(2):
                special, moved = better - 1 + worse, 0.0
                nothing_drawn(chance)
                for s in range(1, n if 0 <= special <= n - 2 else 0):
                    change = mean_change(chance[(s - 1) & 1], d[s - 1], d[s, 1 - worse :], min(s - 1, special) + 1)
                    moved += s / (n * (n - 1)) * change
                    if s < n - 1:
                        draw_one(chance, s - 1, n - 2, special)
                rates[row, 1 + worse, better] = moved


def _registers_ns(members: int) -> float:
    """Nanoseconds a group of a network in registers."""
    return 0.2 * len(comparators(8 if members <= 8 else REGISTERS)) + 3 * members


def _rank_many(*arguments: Any) -> None:
    """`_ranked` for more members than REGISTERS; the arguments are its own."""
    groups, members = arguments[0].shape
    if members > KEYS_LIMIT:
        threads.rows(_ranked_one_by_one, groups, NS_SORTED * members, *arguments)
    else:
        bits = (members - 1).bit_length()
        threads.rows(_ranked_by_keys, groups, (2 + 0.05 * bits**2) * members, *arguments, bits)


def discounted(gains: Array, keys: Array, discounts: Array) -> Array:
    """gains [B, K], keys, discounts [B or 1, K] -> [B, K]."""
    groups, members = gains.shape
    credit = memory.empty(gains.shape, gains.dtype)
    if members <= REGISTERS:
        threads.rows(_discounted, groups, _registers_ns(members), gains, keys, discounts, credit)
        return credit
    rates = np.empty((len(discounts), 3, members), gains.dtype)
    threads.rows(_discount_rates, len(discounts), 10 * members, discounts, rates)
    _rank_many(gains, keys, np.ones((1, members), np.bool_), rates, np.arange(len(discounts)), credit)
    return credit


def sized(gains: Array, keys: Array, present: Array, weights: Array) -> Array:
    """gains [B, K], keys, present [B or 1, K], weights [B or 1, K, K] -> [B, K] float64. Rates once a size and table."""
    members = gains.shape[1]
    sizes, rows = present.sum(axis=1), np.arange(max(len(present), len(weights)))
    if len(weights) == 1:
        sizes, rows = np.unique(sizes, return_inverse=True)
    elif len(sizes) == 1:
        sizes = np.repeat(sizes, len(weights))
    rates = np.zeros((len(sizes), 3, members))
    by_size = np.ascontiguousarray(weights.swapaxes(1, 2))
    threads.rows(_size_rates, len(sizes), 0.5 * members**3, by_size, sizes, rates)
    credit = memory.empty(gains.shape, rates.dtype)
    arguments = gains.astype(rates.dtype, copy=False), keys, present, rates, rows.ravel(), credit
    if members <= REGISTERS:
        threads.rows(_ranked, len(gains), _registers_ns(members), *arguments)
    else:
        _rank_many(*arguments)
    return credit
