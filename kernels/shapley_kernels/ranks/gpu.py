"""Triton kernels of the ranks form: phi_i = gain_i m_{r_i} + sum_{j after i} gain_j c_{r_j}.

K <= 8: a thread a row, its ranks counted pair by pair. Above: (key, member) packed into 64-bit integers are sorted, one running
sum over the ranks, and every credit is written where its member stands; float64 keys leave no room for the member, so that
above 16 of them the array operations of the specification take over.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from shapley_kernels.ranks import ref
from shapley_kernels.triton_launch import (
    columns,
    computing,
    empty_credits,
    from_columns,
    launch,
    operator,
    padded,
    stride,
    tile,
    tiles,
)

PAIRS_LIMIT = 8
WIDE_PAIRS_LIMIT = 16  # of float64 keys
SORT_LIMIT = 1024
TILE = 2048  # members of a program


@triton.jit
def _ahead(b_key, b_other, i: tl.constexpr, j: tl.constexpr):
    """Whether entry j comes before entry i; columns stand in bit-reversed order, so that equal keys ask for the members."""
    return (b_other > b_key) | ((b_other == b_key) & (j < i))


@triton.constexpr_function
def reversed_bits(i, LOG):
    """Member of the i-th of 2^LOG columns."""
    return int(format(i, f"0{LOG}b")[::-1], 2) if LOG else 0


@triton.jit
def _ranked(p_mean, p_shift, b_gains, b_keys, o_constant, m_row, W: tl.constexpr, LOG: tl.constexpr):
    """Credits of a tuple of W gains and keys, entry by entry."""
    b_means = ()
    b_tails = ()
    b_ranks = ()
    for i in tl.static_range(W):
        b_rank = tl.zeros(b_keys[i].shape, tl.int32)
        for j in tl.static_range(W):
            if i != j:
                b_rank += _ahead(b_keys[i], b_keys[j], reversed_bits(i, LOG), reversed_bits(j, LOG)).to(tl.int32)
        b_ranks = b_ranks + (b_rank,)
        o_rank = o_constant + b_rank
        b_means = b_means + (b_gains[i] * tl.load(p_mean + o_rank, mask=m_row, other=0.0),)
        b_tails = b_tails + (b_gains[i] * tl.load(p_shift + o_rank, mask=m_row, other=0.0),)
    b_credits = ()
    for i in tl.static_range(W):
        b_credit = b_means[i]
        for j in tl.static_range(W):
            if i != j:
                b_credit += tl.where(b_ranks[j] > b_ranks[i], b_tails[j], 0.0)
        b_credits = b_credits + (b_credit,)
    return b_credits


@triton.jit
def _pairs(
    p_credit,
    p_gains,
    p_keys,
    p_mean,
    p_shift,
    B,
    K,
    s_keys,
    s_constant,
    BB: tl.constexpr,
    KP: tl.constexpr,
    LOG: tl.constexpr,
    FULL: tl.constexpr,
):
    """p_mean, p_shift [B or 1, KP]: m_r and c_r, 0 beyond K; padding comes last."""
    o_row, o_tile, m_tile = tile(tl.program_id(0), B, K, BB, KP, FULL)
    b_gain = tl.load(p_gains + o_tile, mask=m_tile, other=0.0).to(p_credit.dtype.element_ty)
    o_key = o_row[:, None] * s_keys + tl.arange(0, KP)[None, :]
    b_key = tl.load(p_keys + o_key, mask=m_tile, other=float("-inf")).to(b_gain.dtype)
    b_credits = _ranked(
        p_mean,
        p_shift,
        columns(b_gain, KP, LOG),
        columns(b_key, KP, LOG),
        (o_row * s_constant)[:, None],
        (o_row < B)[:, None],
        KP,
        LOG,
    )
    tl.store(p_credit + o_tile, from_columns(b_credits, KP, LOG), mask=m_tile)


@triton.jit
def _sorted(
    p_credit,
    p_gains,
    p_keys,
    p_mean,
    p_shift,
    B,
    K,
    s_keys,
    s_constant,
    BB: tl.constexpr,
    KP: tl.constexpr,
    LOG: tl.constexpr,
    FULL: tl.constexpr,
):
    o_row, _, m_tile = tile(tl.program_id(0), B, K, BB, KP, FULL)
    o_rank = tl.arange(0, KP)[None, :]
    b_key = tl.load(p_keys + o_row[:, None] * s_keys + o_rank, mask=m_tile, other=float("-inf")).to(tl.float32)
    b_bits = (b_key + 0.0).to(tl.int32, bitcast=True)  # -0 + 0 = 0: equal keys have equal bits
    b_order = tl.where(b_bits < 0, b_bits & 0x7FFFFFFF, ~b_bits)  # falls as the key rises
    b_packed = tl.sort((b_order.to(tl.int64) << 32) | o_rank.to(tl.int64))
    o_member = (b_packed & 0xFFFFFFFF).to(tl.int32)
    m_rank = (o_rank < K) & (o_row < B)[:, None]
    b_gain = tl.load(p_gains + o_row[:, None] * K + o_member, mask=m_rank, other=0.0).to(p_credit.dtype.element_ty)
    o_constant = o_row[:, None] * s_constant + o_rank
    b_mean = tl.load(p_mean + o_constant, mask=m_rank, other=0.0)
    b_tail = b_gain * tl.load(p_shift + o_constant, mask=m_rank, other=0.0)
    b_credit = b_gain * b_mean + (tl.cumsum(b_tail, 1, reverse=True) - b_tail)
    tl.store(p_credit + o_row[:, None] * K + o_member, b_credit, mask=m_rank)


def _constants(discounts: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """m_r and c_r of the formula, [B or 1, width], 0 beyond K."""
    discounts = discounts.to(computing(discounts.dtype))
    ranks = torch.arange(1, discounts.shape[1] + 1, dtype=discounts.dtype, device=discounts.device)
    means = discounts.cumsum(dim=1) / ranks
    shift = torch.nn.functional.pad((discounts[:, 1:] - means[:, :-1]) / ranks[1:], (1, width - len(ranks)))
    return torch.nn.functional.pad(means, (0, width - len(ranks))), shift


@operator(empty_credits)
def discounted(gains: Tensor, keys: Tensor, discounts: Tensor) -> Tensor:
    """gains [B, K], keys, discounts [B or 1, K] -> [B, K]."""
    groups, members = gains.shape
    width = padded(members, 2)
    wide = torch.float64 in (gains.dtype, keys.dtype)
    pairs = width <= (WIDE_PAIRS_LIMIT if wide else PAIRS_LIMIT)
    if width > SORT_LIMIT or (wide and not pairs):
        return ref.discounted(gains, keys, discounts)
    means, shift = _constants(discounts, width)
    programs, sizes = tiles(groups, members, TILE * min(width, 16) // 16, 2)  # few rows a program where they are short
    arrays = gains.contiguous(), keys.contiguous(), means, shift
    numbers = groups, members, stride(keys), stride(means)
    kernel = _pairs if pairs else _sorted
    return launch(kernel, programs, empty_credits(gains), *arrays, *numbers, LOG=width.bit_length() - 1, **sizes)
