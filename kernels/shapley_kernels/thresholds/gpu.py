"""Triton kernels of the thresholds form.

    phi_i = c_q for the last a_q <= x_i,  c_q = sum_{p<=q} (a_p - a_{p-1}) / (K - p + 1),  a ascending heights, a_0 = 0:

equal heights have equal c. Absent members, and those that pad rows to a power of two, stand below all others when heights are
sorted, at -inf, and count as heights of 0, which earn 0. In `facility`, whose heights are not negative, they stand at 0. Up to
K = 16 one thread has a row (`airport`) or a column (`facility`), a sorting network in its registers, then K - 1 selections a
member. Above, tiles are sorted across threads, and a member finds its a_q by bisection. Neither sort keeps NaN, so that 0 times
the heights is added.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from shapley_kernels.thresholds import ref
from shapley_kernels.triton_launch import (
    columns,
    empty,
    empty_credits,
    flags,
    from_columns,
    launch,
    operator,
    padded,
    stride,
    tile,
)

NETWORK_LIMIT = 16
SORT_LIMIT = 128  # above, batched sorts of the specification are as fast
NETWORK_TILE = 2048  # entries in the registers of a program
TILE = 2048  # entries that a program sorts
PART = 1024  # elements that a program adds up


@triton.constexpr_function
def exchanges(i, K, P, D):
    """1 if entry i of K is the lower end of a comparator of span D that merges runs of P, -1 if the upper, else 0 (Batcher)."""

    def lower(j):
        first = D % P
        return first <= j and j + D < K and (j - first) % (2 * D) < D and j // (2 * P) == (j + D) // (2 * P)

    return 1 if lower(i) else -1 if lower(i - D) else 0


@triton.jit
def _at_least_0(b_entries):
    return tl.maximum(b_entries, 0.0, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def _counted(b_entries):
    """Sorted entries as the heights that they count as."""
    return tl.where(b_entries == float("-inf"), 0.0, b_entries)


@triton.jit
def _exchange(b_entries, K: tl.constexpr, P: tl.constexpr, D: tl.constexpr):
    b_next = ()
    for i in tl.static_range(K):
        if exchanges(i, K, P, D) == 1:
            b_next = b_next + (tl.minimum(b_entries[i], b_entries[i + D]),)
        elif exchanges(i, K, P, D) == -1:
            b_next = b_next + (tl.maximum(b_entries[i - D], b_entries[i]),)
        else:
            b_next = b_next + (b_entries[i],)
    return b_next


@triton.jit
def _network_shares(b_heights, K: tl.constexpr, LOG: tl.constexpr):
    """Shares of a tuple of K heights, entry by entry, with no exchange between threads."""
    b_sorted = b_heights
    for i_run in tl.static_range(LOG):
        for i_span in tl.static_range(i_run + 1):
            b_sorted = _exchange(b_sorted, K, 2**i_run, 2 ** (i_run - i_span))
    b_level = _counted(b_sorted[0]) * (1.0 / K)
    for i in tl.static_range(K):
        b_level += 0.0 * _counted(b_heights[i])
    b_shares = ()
    for i in tl.static_range(K):
        b_shares = b_shares + (b_level,)
    for q in tl.static_range(1, K):
        b_level += (_counted(b_sorted[q]) - _counted(b_sorted[q - 1])) * (1.0 / (K - q))
        b_next = ()
        for i in tl.static_range(K):
            b_next = b_next + (tl.where(b_sorted[q] <= b_heights[i], b_level, b_shares[i]),)
        b_shares = b_next
    return b_shares


@triton.jit
def _sorted_shares(b_height, BB: tl.constexpr, KP: tl.constexpr, LOG: tl.constexpr):
    """Shares [BB, KP] of the heights [BB, KP], row by row."""
    o_column = tl.arange(0, KP)
    b_sorted = tl.sort(b_height)
    o_previous = tl.broadcast_to(tl.maximum(o_column - 1, 0)[None, :], [BB, KP])
    b_stair = _counted(b_sorted)
    b_gap = tl.where(o_column[None, :] == 0, b_stair, b_stair - tl.gather(b_stair, o_previous, 1))
    b_level = tl.cumsum(b_gap / (KP - o_column)[None, :].to(b_gap.dtype), 1)
    o_last = tl.zeros([BB, KP], tl.int32)
    for i in tl.static_range(LOG):
        o_next = o_last + KP // 2 ** (i + 1)
        o_last = tl.where(tl.gather(b_sorted, o_next, 1) <= b_height, o_next, o_last)
    return tl.gather(b_level, o_last, 1)


@triton.jit
def _airport(
    p_credit,
    p_scores,
    p_base,
    p_present,
    B,
    K,
    s_base,
    s_present,
    BB: tl.constexpr,
    KP: tl.constexpr,
    LOG: tl.constexpr,
    FULL: tl.constexpr,
    NETWORK: tl.constexpr,
):
    o_row, o_tile, m_tile = tile(tl.program_id(0), B, K, BB, KP, FULL)
    b_score = tl.load(p_scores + o_tile, mask=m_tile, other=0.0).to(p_credit.dtype.element_ty)  # [BB, KP]
    b_base = tl.load(p_base + o_row * s_base, mask=o_row < B, other=0.0).to(b_score.dtype)
    o_present = o_row[:, None] * s_present + tl.arange(0, KP)[None, :]
    b_present = tl.load(p_present + o_present, mask=m_tile, other=0) != 0
    b_height = b_score - b_base[:, None]
    # A score of -inf is no absent member: it becomes NaN.
    b_height = tl.where(b_present, b_height + 0.0 * b_height, float("-inf"))
    if NETWORK:
        b_share = from_columns(_network_shares(columns(b_height, KP, LOG), KP, LOG), KP, LOG)
    else:
        b_none = tl.sum(0.0 * _counted(b_height), 1)[:, None]
        b_share = _sorted_shares(b_height, BB, KP, LOG) + b_none
    tl.store(p_credit + o_tile, b_share, mask=m_tile)


@triton.jit
def _facility(
    p_credit,
    p_scores,
    p_weights,
    K,
    E,
    NE,
    s_weights,
    BE: tl.constexpr,
    KP: tl.constexpr,
    LOG: tl.constexpr,
    STEPS: tl.constexpr,
    NETWORK: tl.constexpr,
):
    """STEPS tiles of BE elements of one group; in a network, a thread an element, whose scores are K loads along elements."""
    i_group, i_part = (tl.program_id(0) // NE).to(tl.int64), tl.program_id(0) % NE
    dtype: tl.constexpr = p_credit.dtype.element_ty
    p_part = p_credit + (i_group * NE + i_part) * K
    o_member = tl.arange(0, KP)
    b_total = tl.zeros([BE, KP], dtype)
    b_totals = ()
    for i in tl.static_range(KP):
        b_totals = b_totals + (tl.zeros([BE], dtype),)
    for i_step in range(STEPS):
        o_element = (i_part * STEPS + i_step) * BE + tl.arange(0, BE)
        m_element = o_element < E
        b_weight = tl.load(p_weights + i_group * s_weights + o_element, mask=m_element, other=0.0).to(dtype)  # [BE]
        if NETWORK:
            b_heights = ()
            for i in tl.static_range(KP):
                o_score = (i_group * K + i) * E + o_element
                b_score = tl.load(p_scores + o_score, mask=o_element < tl.where(i < K, E, 0), other=0.0).to(dtype)
                b_heights = b_heights + (_at_least_0(b_score),)
            b_shares = _network_shares(b_heights, KP, LOG)
            b_next = ()
            for i in tl.static_range(KP):
                b_next = b_next + (b_totals[i] + b_weight * b_shares[i],)
            b_totals = b_next
        else:
            o_score = (i_group * K + o_member)[None, :] * E + o_element[:, None]
            m_score = m_element[:, None] & (o_member < K)[None, :]
            b_height = _at_least_0(tl.load(p_scores + o_score, mask=m_score, other=0.0).to(dtype))  # [BE, KP]
            b_total += b_weight[:, None] * _sorted_shares(b_height, BE, KP, LOG)
            b_total += 0.0 * b_height
    if NETWORK:
        for i in tl.static_range(KP):
            tl.store(p_part + i, tl.sum(b_totals[i], 0), mask=i < K)
    else:
        tl.store(p_part + o_member, tl.sum(b_total, 0), mask=o_member < K)


@operator(empty_credits)
def airport(scores: Tensor, base: Tensor, present: Tensor) -> Tensor:
    """v(S) = max of the scores of the present members of S, base if there are none.

    scores [B, K], base [B or 1], present [B or 1, K] -> [B, K].
    """
    groups, members = scores.shape
    if members > SORT_LIMIT:
        return ref.airport(scores, base, present)
    width = padded(members, 2)
    network = width <= NETWORK_LIMIT
    rows = (NETWORK_TILE if network else TILE) // padded(width, 8)
    if network and scores.dtype == torch.float64:
        rows = 128
    return launch(
        _airport,
        triton.cdiv(groups, rows),
        empty_credits(scores),
        scores.contiguous(),
        base.contiguous(),
        flags(present),
        groups,
        members,
        stride(base),
        stride(present),
        BB=rows,
        KP=width,
        LOG=width.bit_length() - 1,
        FULL=width == members,
        NETWORK=network,
    )


@operator(empty_credits)
def facility(scores: Tensor, weights: Tensor) -> Tensor:
    """v(S) = sum_e w_e max(0, max_{i in S} scores_ie). scores [B, K, E], weights [B or 1, E] -> [B, K]."""
    groups, members, elements = scores.shape
    if members > SORT_LIMIT:
        return ref.facility(scores, weights)
    width = padded(members, 2)
    network = width <= NETWORK_LIMIT
    block = TILE // width // (2 if scores.dtype == torch.float64 else 1)
    if network:  # registers: 8 scores of 4 elements a thread, or 16 of one
        block = NETWORK_TILE // 4 if width <= 8 and scores.dtype != torch.float64 else NETWORK_TILE // 16
    parts = triton.cdiv(elements, max(PART, block))
    credit = launch(
        _facility,
        groups * parts,
        empty(scores, groups, parts, members),
        scores.contiguous(),
        weights.contiguous(),
        members,
        elements,
        parts,
        stride(weights),
        BE=block,
        KP=width,
        LOG=width.bit_length() - 1,
        STEPS=max(PART // block, 1),
        NETWORK=network,
    )
    return credit.sum(dim=1)  # in one order, whatever the batch
