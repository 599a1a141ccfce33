"""Triton kernels of the counts form, BB rows of one game a program; the formulas are in ref.py.

`size_sum`, `cardinality` and `separable` read f where the counts of the row point. `pass_at_k` multiplies up the chances of a
row's own n and c in float64.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from shapley_kernels.counts import ref
from shapley_kernels.triton_launch import empty, empty_credits, flags, launch, operator, stride, tile, tiles

ROW_LIMIT = 4096
PAIRS_LIMIT = 1024
TILE = 2048  # members of a program


@triton.jit
def _present(p_present, o_row, m_tile, s_present, KP: tl.constexpr):
    """Which members are present [BB, KP], and how many [BB, 1]."""
    o_present = o_row[:, None] * s_present + tl.arange(0, KP)[None, :]
    b_here = tl.load(p_present + o_present, mask=m_tile, other=0) != 0
    return b_here, tl.sum(b_here.to(tl.int32), 1)[:, None]


@triton.jit
def _size_sum(p_credit, p_scores, p_present, p_f, B, K, s_present, s_f, BB: tl.constexpr, KP: tl.constexpr, FULL: tl.constexpr):
    o_row, o_tile, m_tile = tile(tl.program_id(0), B, K, BB, KP, FULL)
    dtype: tl.constexpr = p_credit.dtype.element_ty
    b_here, b_size = _present(p_present, o_row, m_tile, s_present, KP)
    b_score = tl.where(b_here, tl.load(p_scores + o_tile, mask=m_tile, other=0.0).to(dtype), 0.0)
    o_member = tl.arange(0, KP)[None, :]
    p_row = p_f + o_row[:, None] * s_f
    b_f = tl.load(p_row + o_member + 1, mask=m_tile & (o_member < b_size), other=0.0).to(dtype)  # f(1) .. f(n)
    b_height = tl.load(p_row + b_size, mask=(o_row < B)[:, None], other=0.0).to(dtype)
    b_count = tl.maximum(b_size, 1).to(dtype)
    b_alpha = tl.sum(b_f, 1)[:, None] / b_count
    b_slope = b_alpha - (b_height - b_alpha) / tl.maximum(b_size - 1, 1).to(dtype)
    b_mean = tl.sum(b_score, 1)[:, None] / b_count
    b_credit = tl.where(b_here, b_height * b_mean + b_slope * (b_score - b_mean), 0.0)
    tl.store(p_credit + o_tile, b_credit, mask=m_tile)


@triton.jit
def _cardinality(p_credit, p_f, p_present, B, K, s_present, BB: tl.constexpr, KP: tl.constexpr, FULL: tl.constexpr):
    o_row, o_tile, m_tile = tile(tl.program_id(0), B, K, BB, KP, FULL)
    dtype: tl.constexpr = p_credit.dtype.element_ty
    b_here, b_size = _present(p_present, o_row, m_tile, s_present, KP)
    p_row = p_f + o_row[:, None] * (K + 1)
    m_row = (o_row < B)[:, None]
    b_gain = tl.load(p_row + b_size, mask=m_row, other=0.0).to(dtype) - tl.load(p_row, mask=m_row, other=0.0).to(dtype)
    tl.store(p_credit + o_tile, tl.where(b_here, b_gain / tl.maximum(b_size, 1).to(dtype), 0.0), mask=m_tile)


@triton.jit
def _separable(
    p_credit, p_labels, p_present, p_f, B, K, s_present, s_f, BB: tl.constexpr, KP: tl.constexpr, FULL: tl.constexpr
):
    o_row, o_tile, m_tile = tile(tl.program_id(0), B, K, BB, KP, FULL)
    b_here, _ = _present(p_present, o_row, m_tile, s_present, KP)
    b_label = tl.load(p_labels + o_tile, mask=m_tile, other=0)
    b_same = same_class(p_labels, p_present, b_label, o_row, B, K, s_present, KP)
    b_size = tl.where(b_here, b_same, 1)
    p_row = p_f + o_row[:, None] * s_f
    b_gain = tl.load(p_row + b_size, mask=m_tile, other=0.0).to(tl.float64)
    b_gain -= tl.load(p_row, mask=(o_row < B)[:, None], other=0.0).to(tl.float64)
    tl.store(p_credit + o_tile, tl.where(b_here, b_gain / b_size.to(tl.float64), 0.0), mask=m_tile)


@triton.jit
def same_class(p_labels, p_present, b_label, o_row, B, K, s_present, KP: tl.constexpr):
    """Number of present members with the label of each member, int [BB, KP]."""
    b_same = (b_label * 0).to(tl.int32)
    for j in range(KP):
        m_other = (o_row < tl.where(j < K, B, 0))[:, None]
        b_other = tl.load(p_labels + o_row[:, None] * K + j, mask=m_other, other=0)
        b_there = tl.load(p_present + o_row[:, None] * s_present + j, mask=m_other, other=0) != 0
        b_same += (b_there & (b_other == b_label)).to(tl.int32)
    return b_same


@triton.jit
def _no_hit(b_wrong, b_among, M):
    """C(wrong, M) / C(among, M) [BB, 1], 0 if M exceeds `wrong`."""
    b_chance = tl.where(b_wrong >= M, 1.0, 0.0).to(tl.float64)
    j = 0 * M
    while j < M:
        b_chance *= tl.maximum(b_wrong - j, 0).to(tl.float64) / tl.maximum(b_among - j, 1).to(tl.float64)
        j += 1
    return b_chance


@triton.jit
def _pass_at_k(p_credit, p_correct, p_present, B, K, M, s_present, BB: tl.constexpr, KP: tl.constexpr, FULL: tl.constexpr):
    o_row, o_tile, m_tile = tile(tl.program_id(0), B, K, BB, KP, FULL)
    b_here, b_n = _present(p_present, o_row, m_tile, s_present, KP)
    b_right = b_here & (tl.load(p_correct + o_tile, mask=m_tile, other=0) != 0)
    b_c = tl.sum(b_right.to(tl.int32), 1)[:, None]
    o_size = tl.arange(0, KP)[None, :] + 1
    b_harmonic = tl.sum(tl.where((o_size > M) & (o_size <= b_n), 1.0 / o_size.to(tl.float64), 0.0), 1)[:, None]
    b_harmonic *= (0 * b_n + M).to(tl.float64)
    b_count = tl.maximum(b_n, 1).to(tl.float64)
    b_correct = (1.0 + _no_hit(b_n - b_c, b_n - 1, M) * b_harmonic) / b_count
    b_forced = _no_hit(b_n - 1 - b_c, b_n - 1, M - 1)
    b_free = _no_hit(b_n - 1 - b_c, b_n - 1, M)
    b_wrong = (1.0 - b_forced + (b_free - b_forced) * b_harmonic) / b_count
    b_credit = tl.where(b_here & (b_n >= M), tl.where(b_right, b_correct, b_wrong), 0.0)
    tl.store(p_credit + o_tile, b_credit, mask=m_tile)


@operator(empty_credits)
def size_sum(scores: Tensor, present: Tensor, f: Tensor) -> Tensor:
    """v(S) = f(|S|) sum_S x. scores [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K]."""
    groups, members = scores.shape
    if members > ROW_LIMIT:
        return ref.size_sum(scores, present, f)
    programs, sizes = tiles(groups, members, TILE)
    arrays = scores.contiguous(), flags(present), f.contiguous()
    return launch(_size_sum, programs, empty_credits(scores), *arrays, groups, members, stride(present), stride(f), **sizes)


def _cardinality_fake(f: Tensor, present: Tensor) -> Tensor:
    return empty(f, len(f), present.shape[1])


@operator(_cardinality_fake)
def cardinality(f: Tensor, present: Tensor) -> Tensor:
    """v(S) = f(|S|). f [B, K + 1], present [B or 1, K] -> [B, K]."""
    groups, members = len(f), present.shape[1]
    if members > ROW_LIMIT:
        return ref.cardinality(f, present)
    programs, sizes = tiles(groups, members, TILE)
    credit = _cardinality_fake(f, present)
    return launch(_cardinality, programs, credit, f.contiguous(), flags(present), groups, members, stride(present), **sizes)


@operator(empty_credits)
def separable(labels: Tensor, present: Tensor, f: Tensor) -> Tensor:
    """v(S) = sum over classes of f(n_c) - f(0). labels [B, K], present [B or 1, K], f [B or 1, K + 1] -> [B, K] float64."""
    groups, members = labels.shape
    if members > PAIRS_LIMIT:
        return ref.separable(labels, present, f)
    programs, sizes = tiles(groups, members, TILE)
    arrays = labels.contiguous(), flags(present), f.contiguous()
    return launch(_separable, programs, empty_credits(labels), *arrays, groups, members, stride(present), stride(f), **sizes)


@operator(empty_credits)
def pass_at_k(correct: Tensor, present: Tensor, m: int) -> Tensor:
    """The unbiased pass@m estimator. correct [B, K], present [B or 1, K] bool -> [B, K] float64."""
    groups, members = correct.shape
    if members > ROW_LIMIT:
        return ref.pass_at_k(correct, present, m)
    arrays = flags(correct), flags(present)
    programs, sizes = tiles(groups, members, TILE)
    return launch(_pass_at_k, programs, empty_credits(correct), *arrays, groups, members, m, stride(present), **sizes)
