"""Triton kernels of the pairs form: phi_i = own D_i + rest (D - D_i).

Up to K = 64 a program holds the whole matrices of BB groups. Above, a first kernel adds up BI rows a program, a second one
gives the shares of a group.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from shapley_kernels.pairs import ref
from shapley_kernels.triton_launch import empty_credits, flags, launch, operator, padded, stride

WHOLE_LIMIT = 64
SPLIT_LIMIT = 8192
TILE = 4096  # distances of a program


@triton.jit
def _shares(b_sum, o_group, p_present, p_f, B, K, s_present, s_f, KP: tl.constexpr):
    """Credits [BB, KP] from the sums of rows D_i [BB, KP]."""
    o_member = tl.arange(0, KP)
    m_group = o_group < B
    m_member = m_group[:, None] & (o_member < K)[None, :]
    b_here = tl.load(p_present + o_group[:, None] * s_present + o_member[None, :], mask=m_member, other=0) != 0
    b_size = tl.sum(b_here.to(tl.int32), 1)[:, None]  # n, [BB, 1]
    b_next = tl.load(p_f + (o_group[:, None] * s_f + o_member[None, :] + 1), mask=m_member, other=0.0).to(b_sum.dtype)
    b_weight = tl.where(o_member[None, :] < b_size, o_member[None, :].to(b_sum.dtype), 0.0)  # s f(s + 1) for s = 1 .. n - 1
    b_own = tl.sum(b_weight * b_next, 1)[:, None] / tl.maximum(b_size * (b_size - 1), 1).to(b_sum.dtype)
    b_all = tl.load(p_f + (o_group[:, None] * s_f + b_size), mask=m_group[:, None], other=0.0).to(b_sum.dtype)
    b_rest = (b_all - 2 * b_own) / tl.maximum(b_size - 2, 1).to(b_sum.dtype)
    b_total = tl.sum(b_sum, 1)[:, None] * 0.5
    return tl.where(b_here, b_own * b_sum + b_rest * (b_total - b_sum), 0.0), m_member


@triton.jit
def _whole(p_credit, p_distances, p_present, p_f, B, K, s_present, s_f, BB: tl.constexpr, KP: tl.constexpr, FULL: tl.constexpr):
    if FULL:
        K = KP  # known when compiled: rows are aligned
    o_group = tl.program_id(0).to(tl.int64) * BB + tl.arange(0, BB)
    o_row, o_column = tl.arange(0, KP)[None, :, None], tl.arange(0, KP)[None, None, :]
    m_pair = (o_group < B)[:, None, None] & (o_row < K) & (o_column < K)
    o_pair = (o_group[:, None, None] * K + o_row) * K + o_column
    b_distance = tl.load(p_distances + o_pair, mask=m_pair, other=0.0).to(p_credit.dtype.element_ty)
    b_distance = tl.where(o_row != o_column, b_distance, 0.0)
    b_share, m_member = _shares(tl.sum(b_distance, 2), o_group, p_present, p_f, B, K, s_present, s_f, KP)
    tl.store(p_credit + o_group[:, None] * K + tl.arange(0, KP)[None, :], b_share, mask=m_member)


@triton.jit
def _sums(p_sum, p_distances, R, K, BI: tl.constexpr, BK: tl.constexpr, STEPS: tl.constexpr):
    """Sums of BI of the R = B K rows."""
    o_row = tl.program_id(0).to(tl.int64) * BI + tl.arange(0, BI)
    b_sum = tl.zeros([BI, BK], p_sum.dtype.element_ty)
    for i_step in range(STEPS):
        o_column = i_step * BK + tl.arange(0, BK)
        m_pair = (o_row < R)[:, None] & (o_column < K)[None, :]
        b_distance = tl.load(p_distances + o_row[:, None] * K + o_column[None, :], mask=m_pair, other=0.0).to(b_sum.dtype)
        b_sum += tl.where((o_row % K)[:, None] != o_column[None, :], b_distance, 0.0)
    tl.store(p_sum + o_row, tl.sum(b_sum, 1), mask=o_row < R)


@triton.jit
def _finish(p_credit, p_sum, p_present, p_f, B, K, s_present, s_f, KP: tl.constexpr):
    o_group = tl.program_id(0).to(tl.int64) + tl.arange(0, 1)
    o_member = tl.arange(0, KP)
    o_sum = o_group[:, None] * K + o_member[None, :]
    b_sum = tl.load(p_sum + o_sum, mask=(o_member < K)[None, :], other=0.0)
    b_share, m_member = _shares(b_sum, o_group, p_present, p_f, B, K, s_present, s_f, KP)
    tl.store(p_credit + o_sum, b_share, mask=m_member)


@operator(empty_credits)
def pair_sums(distances: Tensor, present: Tensor, f: Tensor) -> Tensor:
    """distances [B, K, K] symmetric, 0 where a member is absent, diagonal ignored, present [B or 1, K], f [B or 1, K + 1]
    -> [B, K].
    """
    groups, members = distances.shape[:2]
    if members > SPLIT_LIMIT:
        return ref.pair_sums(distances, present, f)
    width, distances = padded(members), distances.contiguous()
    credit = empty_credits(distances)
    rest = (flags(present), f.contiguous(), groups, members, stride(present), stride(f))
    if members <= WHOLE_LIMIT:
        block = max(TILE // width**2, 1)
        return launch(_whole, triton.cdiv(groups, block), credit, distances, *rest, BB=block, KP=width, FULL=width == members)
    sums, block = empty_credits(distances), 8
    columns = min(TILE // block, width)
    rows = groups * members
    launch(
        _sums, triton.cdiv(rows, block), sums, distances, rows, members, BI=block, BK=columns, STEPS=triton.cdiv(width, columns)
    )
    return launch(_finish, groups, credit, sums, *rest, KP=width)
