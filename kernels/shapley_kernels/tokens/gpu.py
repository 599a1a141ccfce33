"""Triton kernels of the tokens form.

`scatter` and `spread`: count the mask of every tile of BT tokens, add up where the packed values of each tile start, then write
the tiles. `spread` finds the first and the last segment of a tile by bisection, and searches on only where these differ.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from shapley_kernels.triton_launch import empty, flags, launch, operator

TILE = 1024  # tokens of a program


@triton.jit
def _tokens(i_tile, T, NT, BT: tl.constexpr):
    """Offsets of the tokens of a tile of one row, and which of them the row has."""
    o_token = (i_tile % NT) * BT + tl.arange(0, BT)
    return (i_tile // NT).to(tl.int64) * T + o_token, o_token < T


@triton.jit
def _count(p_count, p_mask, T, NT, BT: tl.constexpr):
    o_token, m_token = _tokens(tl.program_id(0), T, NT, BT)
    b_mask = tl.load(p_mask + o_token, mask=m_token, other=0)
    tl.store(p_count + tl.program_id(0), tl.sum((b_mask != 0).to(tl.int64), 0))


@triton.jit
def _packed(p_mask, p_end, T, NT, BT: tl.constexpr):
    """Offsets of a tile's tokens, which of them the row has, their mask, and the index of each token among the packed ones."""
    o_token, m_token = _tokens(tl.program_id(0), T, NT, BT)
    b_inside = tl.load(p_mask + o_token, mask=m_token, other=0) != 0
    i_end = tl.load(p_end + tl.program_id(0))
    b_count = tl.cumsum(b_inside.to(tl.int32), 0)
    i_first = i_end - tl.sum(b_inside.to(tl.int32), 0)
    return o_token, m_token, b_inside, i_first, i_end, i_first + b_count - 1


@triton.jit
def _scatter(p_out, p_values, p_mask, p_end, N, T, NT, BT: tl.constexpr):
    o_token, m_token, b_inside, _, _, o_value = _packed(p_mask, p_end, T, NT, BT)
    b_value = tl.load(p_values + o_value, mask=b_inside & (o_value < N), other=0.0)
    tl.store(p_out + o_token, b_value.to(p_out.dtype.element_ty), mask=m_token)


@triton.jit
def _segment(p_starts, o_token, low, high):
    """The last segment in low .. high that starts at or before the packed token."""
    while low < high:
        middle = (low + high + 1) // 2
        later = tl.load(p_starts + middle) > o_token
        low, high = tl.where(later, low, middle), tl.where(later, middle - 1, high)
    return low


@triton.jit
def _spread(p_out, p_credit, p_starts, p_mask, p_end, S, T, NT, BT: tl.constexpr):
    o_token, m_token, b_inside, i_first, i_end, o_packed = _packed(p_mask, p_end, T, NT, BT)
    i_low = _segment(p_starts, i_first, 0 * i_first, 0 * i_first + S - 1)
    i_high = _segment(p_starts, tl.maximum(i_end - 1, i_first), i_low, 0 * i_first + S - 1)
    b_segment = i_low + 0 * o_packed
    b_high = i_high + 0 * o_packed
    width = i_high - i_low
    while width > 0:  # all lanes take equally many steps
        b_middle = (b_segment + b_high + 1) // 2
        b_later = tl.load(p_starts + b_middle) > o_packed
        b_segment, b_high = tl.where(b_later, b_segment, b_middle), tl.where(b_later, tl.maximum(b_middle - 1, 0), b_high)
        width = width // 2
    b_credit = tl.load(p_credit + b_segment).to(p_out.dtype.element_ty)
    tl.store(p_out + o_token, tl.where(b_inside, b_credit, 0.0), mask=m_token)


def _ends(mask: Tensor) -> tuple[Tensor, int]:
    """Number of packed tokens up to the end of each tile, and the number of tiles of a row."""
    rows, tokens = mask.shape
    tiles = triton.cdiv(tokens, TILE)
    counts = launch(_count, rows * tiles, empty(mask, rows * tiles, dtype=torch.int64), mask, tokens, tiles, BT=TILE)
    return counts.cumsum(dim=0), tiles


def _scatter_fake(values: Tensor, mask: Tensor) -> Tensor:
    return empty(values, *mask.shape)


@operator(_scatter_fake)
def scatter(values: Tensor, mask: Tensor) -> Tensor:
    """out[mask] = values, 0 elsewhere. values [N], mask [B, T] bool -> [B, T]; callers see to it that N is the mask's count."""
    rows, tokens = mask.shape
    ends, tiles = _ends(flags(mask))
    out = empty(values, rows, tokens)
    return launch(_scatter, rows * tiles, out, values.contiguous(), flags(mask), ends, values.numel(), tokens, tiles, BT=TILE)


def _spread_fake(credit: Tensor, lengths: Tensor, mask: Tensor) -> Tensor:
    return empty(credit, *mask.shape)


@operator(_spread_fake)
def spread(credit: Tensor, lengths: Tensor, mask: Tensor) -> Tensor:
    """Every token gets the credit of its segment. credit, lengths [S], mask [B, T] bool -> [B, T]."""
    rows, tokens = mask.shape
    ends, tiles = _ends(flags(mask))
    starts = lengths.cumsum(dim=0, dtype=torch.int64) - lengths
    out = empty(credit, rows, tokens)
    if not credit.numel():
        return out.zero_()
    return launch(
        _spread,
        rows * tiles,
        out,
        credit.contiguous(),
        starts,
        flags(mask),
        ends,
        credit.numel(),
        tokens,
        tiles,
        BT=TILE,
    )
