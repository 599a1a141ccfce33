"""Triton kernels of the table form: A_i = sum_{S contains i} u(|S|) (v(S) - v(0)), in float64 whatever the dtype of the values.

n <= 12: BB games a program, S = (high, low): a sum of the weighted values over the high bits gives every A_i of a low bit, one
over the low bits those of the high ones. Above: S = (program, step, row, lane). The rows of a step are folded lane by lane, so
that a step costs one sum over the lanes; a program writes its A_i and its total, and a second kernel, a program a game, adds
them up in order: the same bits in any batch.
"""

from __future__ import annotations

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from shapley_kernels.arrays import beside
from shapley_kernels.table import ref
from shapley_kernels.triton_launch import empty, launch, operator

SMALL_LIMIT = 12
TILE_BITS = 10  # log2 of the values that a program of small games holds
LANES = 9  # log2 of the length of a row
ROWS = 3  # log2 of the rows of a step
PROGRAMS = 11  # log2 of the most programs of a game
SUMS = 32  # numbers that a program writes: A_i for i < 31, and its total


@triton.jit
def _popcount(b_set):
    b_set -= (b_set >> 1) & 0x55555555
    b_set = (b_set & 0x33333333) + ((b_set >> 2) & 0x33333333)
    b_set = (b_set + (b_set >> 4)) & 0x0F0F0F0F
    return (b_set * 0x01010101) >> 24


@triton.jit
def _credits(b_sums, b_spread, n, NP: tl.constexpr):
    """spread + A - mean(A) along the last axis [BB, NP], of which n are players."""
    m_player = (tl.arange(0, NP) < n)[None, :]
    b_mean = tl.sum(tl.where(m_player, b_sums, 0.0), 1)[:, None] / n
    return b_spread[:, None] / n + (b_sums - b_mean), m_player


@triton.jit
def _small(p_credit, p_values, p_weights, B, n, BB: tl.constexpr, HIGH: tl.constexpr, LOW: tl.constexpr, NP: tl.constexpr):
    """p_weights [n + 1] = u; sets of HIGH + LOW = n bits."""
    o_game = tl.program_id(0).to(tl.int64) * BB + tl.arange(0, BB)
    m_game = o_game < B
    o_high, o_low = tl.arange(0, 2**HIGH), tl.arange(0, 2**LOW)
    o_set = o_high[:, None] * 2**LOW + o_low[None, :]  # [2^HIGH, 2^LOW]
    p_game = p_values + o_game * 2 ** (HIGH + LOW)
    b_empty = tl.load(p_game, mask=m_game, other=0.0).to(tl.float64)
    b_all = tl.load(p_game + (2 ** (HIGH + LOW) - 1), mask=m_game, other=0.0).to(tl.float64)
    b_value = tl.load(p_game[:, None, None] + o_set[None, :, :], mask=m_game[:, None, None], other=0.0).to(tl.float64)
    b_weight = tl.load(p_weights + _popcount(o_set))
    b_weighted = b_weight[None, :, :] * (b_value - b_empty[:, None, None])
    b_by_low, b_by_high = tl.sum(b_weighted, 1), tl.sum(b_weighted, 2)
    o_player = tl.arange(0, NP)
    b_sums = tl.zeros([BB, NP], tl.float64)
    for i in tl.static_range(LOW):
        b_sum = tl.sum(tl.where(((o_low >> i) & 1)[None, :] != 0, b_by_low, 0.0), 1)
        b_sums = tl.where((o_player == i)[None, :], b_sum[:, None], b_sums)
    for i in tl.static_range(HIGH):
        b_sum = tl.sum(tl.where(((o_high >> i) & 1)[None, :] != 0, b_by_high, 0.0), 1)
        b_sums = tl.where((o_player == LOW + i)[None, :], b_sum[:, None], b_sums)
    b_credit, m_player = _credits(b_sums, b_all - b_empty, n, NP)
    o_credit = o_game[:, None] * n + o_player[None, :]
    tl.store(p_credit + o_credit, b_credit.to(p_credit.dtype.element_ty), mask=m_game[:, None] & m_player)


@triton.jit
def _fold(b_values, W: tl.constexpr, LOG: tl.constexpr):
    """Sums of 2^LOG lanes with each bit of their place, bit 0 first, and the sum of all."""
    b_bits = ()
    for i in tl.static_range(LOG):
        b_upper = b_values[1]
        for j in tl.static_range(1, W // 2 ** (i + 1)):
            b_upper = b_upper + b_values[2 * j + 1]
        b_bits = b_bits + (b_upper,)
        b_next = ()
        for j in tl.static_range(W // 2 ** (i + 1)):
            b_next = b_next + (b_values[2 * j] + b_values[2 * j + 1],)
        b_values = b_next
    return b_bits, b_values[0]


@triton.jit
def _stream(
    p_sums,
    p_values,
    p_weights,
    LANES: tl.constexpr,
    ROWS: tl.constexpr,
    STEPS: tl.constexpr,
    PROGRAMS: tl.constexpr,
    SUMS: tl.constexpr,
):
    """2^(LANES + ROWS + STEPS) values of one of the games of 2^PROGRAMS programs each; p_sums [B, 2^PROGRAMS, SUMS]."""
    i_game, i_part = (tl.program_id(0) >> PROGRAMS).to(tl.int64), tl.program_id(0) & (2**PROGRAMS - 1)
    p_game = p_values + i_game * 2 ** (LANES + ROWS + STEPS + PROGRAMS)
    empty = tl.load(p_game).to(tl.float64)
    o_lane, o_sum = tl.arange(0, 2**LANES), tl.arange(0, SUMS)
    b_lanes = tl.zeros([2**LANES], tl.float64)
    b_sums = tl.zeros([SUMS], tl.float64)
    b_rows = ()
    for i in tl.static_range(ROWS):
        b_rows = b_rows + (tl.zeros([2**LANES], tl.float64),)
    for i_step in range(2**STEPS):
        i_first = (i_part << STEPS) + i_step
        b_class = _popcount(i_first) + _popcount(o_lane)
        p_step = p_game + (i_first.to(tl.int64) << (LANES + ROWS)) + o_lane
        b_weighted = ()
        for i_row in tl.static_range(2**ROWS):
            b_value = tl.load(p_step + i_row * 2**LANES).to(tl.float64) - empty
            b_weighted = b_weighted + (tl.load(p_weights + b_class + bits(i_row)) * b_value,)
        b_bits, b_total = _fold(b_weighted, 2**ROWS, ROWS)
        b_next = ()
        for i in tl.static_range(ROWS):
            b_next = b_next + (b_rows[i] + b_bits[i],)
        b_rows = b_next
        b_lanes += b_total
        o_bit = o_sum - LANES - ROWS
        m_sum = (o_sum == SUMS - 1) | ((o_bit >= 0) & (o_bit < STEPS) & (((i_step >> tl.maximum(o_bit, 0)) & 1) != 0))
        b_sums += tl.where(m_sum, tl.sum(b_total, 0), 0.0)
    for i in tl.static_range(LANES):
        b_sums += tl.where(o_sum == i, tl.sum(tl.where(((o_lane >> i) & 1) != 0, b_lanes, 0.0), 0), 0.0)
    for i in tl.static_range(ROWS):
        b_sums += tl.where(o_sum == LANES + i, tl.sum(b_rows[i], 0), 0.0)
    tl.store(p_sums + tl.program_id(0).to(tl.int64) * SUMS + o_sum, b_sums)


@triton.constexpr_function
def bits(i):
    """Number of ones."""
    return int(i).bit_count()


@triton.jit
def _finish(p_credit, p_sums, p_values, n, KNOWN: tl.constexpr, PROGRAMS: tl.constexpr, SUMS: tl.constexpr):
    """Add up the programs of one game; a program's number is its part of the set, the bits from KNOWN on."""
    i_game = tl.program_id(0).to(tl.int64)
    o_sum = tl.arange(0, SUMS)
    b_sums = tl.zeros([SUMS], tl.float64)
    for i_block in range(2**PROGRAMS // 16):
        o_part = i_block * 16 + tl.arange(0, 16)
        p_part = p_sums + ((i_game << PROGRAMS) + o_part) * SUMS
        b_part = tl.load(p_part[:, None] + o_sum[None, :])  # [16, SUMS]
        b_total = tl.load(p_part + (SUMS - 1))
        m_high = (o_sum >= KNOWN)[None, :] & (((o_part[:, None] >> tl.maximum(o_sum - KNOWN, 0)[None, :]) & 1) != 0)
        b_sums += tl.sum(tl.where((o_sum < KNOWN)[None, :], b_part, tl.where(m_high, b_total[:, None], 0.0)), 0)
    p_game = p_values + (i_game << n)
    b_spread = tl.load(p_game + ((1 << (n + 0 * i_game)) - 1) + 0 * tl.arange(0, 1)).to(tl.float64) - tl.load(p_game).to(
        tl.float64
    )
    b_credit, m_player = _credits(b_sums[None, :], b_spread, n, SUMS)
    tl.store(p_credit + i_game * n + o_sum[None, :], b_credit.to(p_credit.dtype.element_ty), mask=m_player)


def _small_games(values: Tensor, n: int, weights: Tensor) -> Tensor:
    games = len(values)
    high, rows = n // 2, 1 << max(TILE_BITS - n, 0)
    credit = empty(values, games, n)
    return launch(
        _small,
        triton.cdiv(games, rows),
        credit,
        values,
        weights,
        games,
        n,
        BB=rows,
        HIGH=high,
        LOW=n - high,
        NP=max(1 << (n - 1).bit_length(), 1),
    )


def _fake(values: Tensor) -> Tensor:
    return empty(values, len(values), values.shape[1].bit_length() - 1)


@operator(_fake)
def solve(values: Tensor) -> Tensor:
    """values [B, 2^n] -> [B, n], computed in float64; n <= 31."""
    values = values.contiguous()
    games, n = len(values), values.shape[1].bit_length() - 1
    weights = beside(ref.size_weights(n) if n > 1 else np.zeros(2), values)
    if n <= SMALL_LIMIT:
        return _small_games(values, n, weights)
    known = LANES + ROWS + max(n - LANES - ROWS - PROGRAMS, 0)
    parts = n - known
    sums = empty(values, games, 1 << parts, SUMS, dtype=torch.float64)
    sizes = {"LANES": LANES, "ROWS": ROWS, "STEPS": known - LANES - ROWS, "PROGRAMS": parts, "SUMS": SUMS}
    launch(_stream, games << parts, sums, values, weights, **sizes)
    credit = empty(values, games, n)
    return launch(_finish, games, credit, sums, values, n, KNOWN=known, PROGRAMS=parts, SUMS=SUMS)
