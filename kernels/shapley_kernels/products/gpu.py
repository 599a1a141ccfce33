"""Triton kernels of the products form.

    phi_i = delta_i sum_nodes w prod_{j != i} f_j,  f_j = t a_j + (1 - t) b_j.

Members stand in blocks of 8, a block in the registers of one thread. Node after node: a prefix and a suffix within the block,
times the product of all other blocks, which log2(blocks) exchanges between threads give without a division: with T the product
of a block's side and L that of the side without the block itself, L <- L T', T <- T T', T' that of the facing side. Padding is
neutral: a = b = 1.
"""

from __future__ import annotations

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from shapley_kernels import quadrature
from shapley_kernels.arrays import beside
from shapley_kernels.products import ref
from shapley_kernels.triton_launch import columns, empty, empty_credits, from_columns, launch, operator, padded, stride, tile

PRODUCT_LIMIT = 512
MIXTURE_LIMIT = 64
TILE = 1024  # members of a program
PART = 256  # games that a program of `mixture` adds up


@triton.jit
def _others(b_block, b_weight, C: tl.constexpr, LOG: tl.constexpr, AXIS: tl.constexpr):
    """weight times the product of all other blocks; b_block holds C = 2^LOG blocks along the axis."""
    b_without = b_block * 0.0 + b_weight
    b_with = b_block
    o_block = tl.arange(0, C)
    for i in tl.static_range(LOG):
        o_facing = tl.expand_dims(o_block ^ (2**i), 1 - AXIS)
        b_facing = tl.gather(b_with, tl.broadcast_to(o_facing, b_block.shape), AXIS)
        b_without *= b_facing
        b_with *= b_facing
    return b_without


@triton.jit
def _integrals(p_rule, b_inside, b_outside, NODES, C: tl.constexpr, LOG: tl.constexpr, AXIS: tl.constexpr):
    """sum_nodes w prod_{j != i} f_j for the 8 members of every block; p_rule [3, NODES]: t, 1 - t, w."""
    b_totals = ()
    for i in tl.static_range(8):
        b_totals = b_totals + (b_inside[i] * 0.0,)
    i_node = 0 * NODES
    while i_node < NODES:
        t, rest = tl.load(p_rule + i_node), tl.load(p_rule + NODES + i_node)
        b_befores = ()
        b_factors = ()
        b_product = b_inside[0] * 0.0 + 1.0
        for i in tl.static_range(8):
            b_befores = b_befores + (b_product,)
            b_factors = b_factors + (t * b_inside[i] + rest * b_outside[i],)
            b_product = b_product * b_factors[i]
        b_after = _others(b_product, tl.load(p_rule + 2 * NODES + i_node), C, LOG, AXIS)
        b_next = ()
        for i in tl.static_range(8):
            b_next = (b_totals[7 - i] + b_befores[7 - i] * b_after,) + b_next
            b_after = b_after * b_factors[7 - i]
        b_totals = b_next
        i_node += 1
    return b_totals


@triton.jit
def _blocks(b_tile, BB: tl.constexpr, C: tl.constexpr):
    """A tile [BB, 8 C] as 8 tensors [BB, C]."""
    b_columns = columns(tl.reshape(b_tile, [BB * C, 8]), 8, 3)
    b_blocks = ()
    for i in tl.static_range(8):
        b_blocks = b_blocks + (tl.reshape(b_columns[i], [BB, C]),)
    return b_blocks


@triton.jit
def _product(
    p_credit,
    p_inside,
    p_outside,
    p_delta,
    p_rule,
    B,
    K,
    NODES,
    s_outside,
    BB: tl.constexpr,
    C: tl.constexpr,
    LOG: tl.constexpr,
    FULL: tl.constexpr,
    CHANCES: tl.constexpr,
):
    """CHANCES: p_inside holds p, for a = 1 - p, b = 1, and delta = p in place of a - b."""
    o_row, o_tile, m_tile = tile(tl.program_id(0), B, K, BB, 8 * C, FULL)
    dtype: tl.constexpr = p_credit.dtype.element_ty
    if CHANCES:
        b_delta = tl.load(p_inside + o_tile, mask=m_tile, other=0.0).to(dtype)
        b_inside = 1.0 - b_delta
        b_outside = b_delta * 0.0 + 1.0
    else:
        b_delta = tl.load(p_delta + o_tile, mask=m_tile, other=0.0).to(dtype)
        b_inside = tl.load(p_inside + o_tile, mask=m_tile, other=1.0).to(dtype)
        o_outside = o_row[:, None] * s_outside + tl.arange(0, 8 * C)[None, :]
        b_outside = tl.load(p_outside + o_outside, mask=m_tile, other=1.0).to(dtype)
    b_totals = _integrals(p_rule, _blocks(b_inside, BB, C), _blocks(b_outside, BB, C), NODES, C, LOG, 1)
    b_columns = ()
    for i in tl.static_range(8):
        b_columns = b_columns + (tl.reshape(b_totals[i], [BB * C, 1]),)
    b_integral = tl.reshape(from_columns(b_columns, 8, 3), [BB, 8 * C])
    tl.store(p_credit + o_tile, b_delta * b_integral, mask=m_tile)


@triton.jit
def _mixture(
    p_credit,
    p_inside,
    p_outside,
    p_delta,
    p_weights,
    p_rule,
    K,
    X,
    NX,
    NODES,
    s_weights,
    BX: tl.constexpr,
    C: tl.constexpr,
    LOG: tl.constexpr,
    STEPS: tl.constexpr,
):
    """STEPS tiles of BX games of one group, blocks of members down, games across."""
    i_group, i_part = (tl.program_id(0) // NX).to(tl.int64), tl.program_id(0) % NX
    dtype: tl.constexpr = p_credit.dtype.element_ty
    o_block = tl.arange(0, C)
    b_credits = ()
    for i in tl.static_range(8):
        b_credits = b_credits + (tl.zeros([C, BX], dtype),)
    for i_step in range(STEPS):
        o_game = (i_part * STEPS + i_step) * BX + tl.arange(0, BX)
        b_weight = tl.load(p_weights + i_group * s_weights + o_game, mask=o_game < X, other=0.0).to(dtype)
        b_inside = ()
        b_outside = ()
        for i in tl.static_range(8):
            o_tile, m_tile = _members(i_group, o_block * 8 + i, o_game, K, X)
            b_inside = b_inside + (tl.load(p_inside + o_tile, mask=m_tile, other=1.0).to(dtype),)
            b_outside = b_outside + (tl.load(p_outside + o_tile, mask=m_tile, other=1.0).to(dtype),)
        b_totals = _integrals(p_rule, b_inside, b_outside, NODES, C, LOG, 0)
        b_next = ()
        for i in tl.static_range(8):
            o_tile, m_tile = _members(i_group, o_block * 8 + i, o_game, K, X)
            b_delta = tl.load(p_delta + o_tile, mask=m_tile, other=0.0).to(dtype)
            b_next = b_next + (b_credits[i] + b_weight[None, :] * b_delta * b_totals[i],)
        b_credits = b_next
    for i in tl.static_range(8):
        o_member = o_block * 8 + i
        tl.store(p_credit + (i_group * NX + i_part) * K + o_member, tl.sum(b_credits[i], 1), mask=o_member < K)


@triton.jit
def _members(i_group, o_member, o_game, K, X):
    """Offsets of members and games of a group in [B, K, X], and the mask of those that exist."""
    o_tile = (i_group * K + o_member)[:, None] * X + o_game[None, :]
    return o_tile, (o_member < K)[:, None] & (o_game < X)[None, :]


def _rule(members: int, inside: Tensor) -> Tensor:
    """Nodes, 1 - nodes and weights [3, NODES] for the accuracy of the data, on its device."""
    dtype = np.float64 if inside.dtype == torch.float64 else np.float32
    rule: Tensor = beside(quadrature.rule(members, np.dtype(dtype)).astype(dtype), inside)
    return rule


def _products(inside: Tensor, outside: Tensor, delta: Tensor, chances: bool) -> Tensor:
    groups, members = inside.shape
    width = padded(members, 8)
    rows, rule = max(TILE // width, 1), _rule(members, inside)
    return launch(
        _product,
        triton.cdiv(groups, rows),
        empty_credits(inside),
        inside.contiguous(),
        outside.contiguous(),
        delta.contiguous(),
        rule,
        groups,
        members,
        rule.shape[1],
        stride(outside),
        BB=rows,
        C=width // 8,
        LOG=(width // 8).bit_length() - 1,
        FULL=width == members,
        CHANCES=chances,
        warps=min(rows, 4),  # a row stays within a warp
    )


@operator(empty_credits)
def product(inside: Tensor, outside: Tensor, delta: Tensor) -> Tensor:
    """inside, delta [B, K], outside [B or 1, K] -> [B, K]."""
    if inside.shape[1] > PRODUCT_LIMIT:
        return ref.product(inside, outside, delta)
    return _products(inside, outside, delta, chances=False)


@operator(empty_credits)
def noisy_or(chances: Tensor) -> Tensor:
    """v(S) = 1 - prod_{i in S} (1 - p_i). p [B, K] -> [B, K]."""
    if chances.shape[1] > PRODUCT_LIMIT:
        return ref.noisy_or(chances)
    return _products(chances, chances, chances, chances=True)


@operator(empty_credits)
def mixture(inside: Tensor, outside: Tensor, delta: Tensor, weights: Tensor) -> Tensor:
    """v(S) = sum_x w_x prod_{i in S} a_ix prod_{i not in S} b_ix.

    inside a, outside b, delta = a - b [B, K, X] each, weights [B or 1, X] -> [B, K].
    """
    groups, members, games = inside.shape
    if members > MIXTURE_LIMIT:
        return ref.mixture(inside, outside, delta, weights)
    width = padded(members, 8)
    block, rule = min(TILE // width, PART), _rule(members, inside)
    parts = triton.cdiv(games, PART)
    credit = launch(
        _mixture,
        groups * parts,
        empty(inside, groups, parts, members),
        inside.contiguous(),
        outside.contiguous(),
        delta.contiguous(),
        weights.contiguous(),
        rule,
        members,
        games,
        parts,
        rule.shape[1],
        stride(weights),
        BX=block,
        C=width // 8,
        LOG=(width // 8).bit_length() - 1,
        STEPS=PART // block,
    )
    return credit.sum(dim=1)  # in one order, whatever the batch
