"""Triton kernels of the dividends form: phi_i = sum_{e: i in A_e} w_e / |A_e|.

`coverage`: a program takes PART elements of one group in tiles of BE, whole columns at a time: count a column, divide, add to
the rows. `distinct`: BB groups a program, each member against all others.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from shapley_kernels.counts.gpu import same_class
from shapley_kernels.dividends import ref
from shapley_kernels.triton_launch import computing, empty, empty_credits, flags, launch, operator, padded, stride, tile, tiles

COLUMN_LIMIT = 256
PAIRS_LIMIT = 1024
TILE = 4096  # flags of a tile
PART = 1024  # elements that a program adds up
PAIRS_TILE = 2048  # members of a program


@triton.jit
def _coverage(p_credit, p_hits, p_weights, K, E, NE, s_weights, BE: tl.constexpr, KP: tl.constexpr, STEPS: tl.constexpr):
    i_group, i_part = (tl.program_id(0) // NE).to(tl.int64), tl.program_id(0) % NE
    o_member = tl.arange(0, KP)
    b_total = tl.zeros([KP], p_credit.dtype.element_ty)
    for i_step in range(STEPS):
        o_element = (i_part * STEPS + i_step) * BE + tl.arange(0, BE)
        m_hit = (o_member < K)[:, None] & (o_element < E)[None, :]
        o_hit = (i_group * K + o_member)[:, None] * E + o_element[None, :]
        b_hit = tl.load(p_hits + o_hit, mask=m_hit, other=0) != 0  # [KP, BE]
        b_size = tl.maximum(tl.sum(b_hit.to(tl.int32), 0), 1).to(b_total.dtype)
        b_weight = tl.load(p_weights + i_group * s_weights + o_element, mask=o_element < E, other=0.0).to(b_total.dtype)
        b_total += tl.sum(tl.where(b_hit, (b_weight / b_size)[None, :], 0.0), 1)
    tl.store(p_credit + (i_group * NE + i_part) * K + o_member, b_total, mask=o_member < K)


@triton.jit
def _distinct(p_credit, p_labels, p_present, B, K, s_present, BB: tl.constexpr, KP: tl.constexpr, FULL: tl.constexpr):
    o_row, o_tile, m_tile = tile(tl.program_id(0), B, K, BB, KP, FULL)
    b_label = tl.load(p_labels + o_tile, mask=m_tile, other=0)
    o_present = o_row[:, None] * s_present + tl.arange(0, KP)[None, :]
    b_here = tl.load(p_present + o_present, mask=m_tile, other=0) != 0
    b_same = same_class(p_labels, p_present, b_label, o_row, B, K, s_present, KP)
    tl.store(p_credit + o_tile, tl.where(b_here, 1.0 / tl.maximum(b_same, 1).to(tl.float64), 0.0), mask=m_tile)


def additive(scores: Tensor) -> Tensor:
    """v(S) = sum_S scores. scores [B, K] -> [B, K]."""
    return scores.detach().to(computing(scores.dtype), copy=True)


def _coverage_fake(hits: Tensor, weights: Tensor) -> Tensor:
    return empty(weights, *hits.shape[:2])


@operator(_coverage_fake)
def coverage(hits: Tensor, weights: Tensor) -> Tensor:
    """A_e = {i: hits_ie}. hits [B, K, E] bool, weights [B or 1, E] -> [B, K]."""
    groups, members, elements = hits.shape
    if members > COLUMN_LIMIT:
        return ref.coverage(hits, weights)
    width = padded(members)
    block = min(TILE // width, PART)
    parts = triton.cdiv(elements, PART)
    credit = launch(
        _coverage,
        groups * parts,
        empty(weights, groups, parts, members),
        flags(hits),
        weights.contiguous(),
        members,
        elements,
        parts,
        stride(weights),
        BE=block,
        KP=width,
        STEPS=PART // block,
    )
    return credit.sum(dim=1)  # in one order, whatever the batch


@operator(empty_credits)
def distinct(labels: Tensor, present: Tensor) -> Tensor:
    """v(S) = number of classes in S. labels [B, K] int, present [B or 1, K] bool -> [B, K] float64."""
    groups, members = labels.shape
    if members > PAIRS_LIMIT:
        return ref.distinct(labels, present)
    programs, sizes = tiles(groups, members, PAIRS_TILE)
    arrays = labels.contiguous(), flags(present)
    return launch(_distinct, programs, empty_credits(labels), *arrays, groups, members, stride(present), **sizes)


def unanimity(sets: Tensor, weights: Tensor) -> Tensor:
    """v(S) = sum_e w_e [A_e within S], whose credits are those of `coverage`. sets [B, K, E], weights [B or 1, E] -> [B, K]."""
    return coverage(sets, weights)
