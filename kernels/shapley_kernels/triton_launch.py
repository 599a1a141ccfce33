"""What the Triton launchers of all forms share.

Kernels run on the device and the current stream of their tensors, wait for nothing and read nothing back, so that they can be
captured in CUDA graphs after one call (which takes the constants of a size to the device). Grids are one-dimensional and
offsets of rows 64-bit. Credits of float64 data, of labels and of flags are computed in float64, all others in float32; 16-bit
floats are widened as they are loaded.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
import triton
import triton.language as tl
from torch import Tensor

F = TypeVar("F", bound=Callable[..., Tensor])


def launch(kernel: Any, programs: int, out: Tensor, *arguments: Any, warps: int = 4, **sizes: Any) -> Tensor:
    """Run `kernel` on the device of `out`, which is its first argument, and return it."""
    if programs and out.numel():
        with torch.cuda.device(out.device) if out.is_cuda else contextlib.nullcontext():
            # The default of floating-point fusion differs between versions of Triton.
            kernel[(programs,)](out, *arguments, num_warps=warps, enable_fp_fusion=True, **sizes)
    return out


def operator(fake: Callable[..., Tensor]) -> Callable[[F], F]:
    """Register a launcher as an operator for `torch.compile`; `fake` returns an empty tensor of its shape and dtype."""

    def register(launcher: F) -> F:
        form = launcher.__module__.split(".")[-2]
        traced = torch.library.custom_op(f"shapley_kernels::{form}_{launcher.__name__}", launcher, mutates_args=())
        traced.register_fake(fake)

        @functools.wraps(launcher)
        def call(*arguments: Any) -> Tensor:
            if torch.compiler.is_compiling():
                return cast(Tensor, traced(*arguments))
            with torch.no_grad():  # credit is data for the learner
                return launcher(*arguments)

        return cast(F, call)

    return register


def computing(dtype: torch.dtype) -> torch.dtype:
    """float64 for float64 and what is not a float, else float32."""
    return torch.float32 if dtype.is_floating_point and dtype != torch.float64 else torch.float64


def empty(like: Tensor, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
    """Uninitialised, on the device of `like`, by default in the dtype that its values are computed in."""
    return torch.empty(shape, dtype=dtype or computing(like.dtype), device=like.device)


def empty_credits(first: Tensor, *others: Any) -> Tensor:
    """Room for the credits [B, K] of a game whose first argument is [B, K, ..]."""
    return empty(first, *first.shape[:2])


def stride(array: Tensor) -> int:
    """Elements from one group of an array to the next; 0 where all groups share one."""
    return 0 if len(array) == 1 else array[:1].numel()


def flags(array: Tensor) -> Tensor:
    """Booleans as the bytes that they are."""
    return array.contiguous().view(torch.uint8)


def padded(size: int, least: int = 1) -> int:
    """The next power of two."""
    return max(least, 1 << (size - 1).bit_length())


def tiles(groups: int, members: int, entries: int, least: int = 1) -> tuple[int, dict[str, int]]:
    """Number of programs for tiles of so many entries, at least a row and `least` columns, and the sizes that `tile` takes."""
    width = padded(members, least)
    rows = max(entries // width, 1)
    return triton.cdiv(groups, rows), {"BB": rows, "KP": width, "FULL": width == members}


@triton.jit
def tile(i_tile, B, K, BB: tl.constexpr, KP: tl.constexpr, FULL: tl.constexpr):
    """Rows and offsets of the i-th tile of BB rows of [B, K], padded to KP columns (FULL: K = KP), and the mask of entries."""
    o_row = i_tile.to(tl.int64) * BB + tl.arange(0, BB)
    o_column = tl.arange(0, KP)
    if FULL:
        o_tile = o_row[:, None] * KP + o_column[None, :]
        m_tile = (o_row < B)[:, None] & (o_column >= 0)[None, :]
    else:
        o_tile = o_row[:, None] * K + o_column[None, :]
        m_tile = (o_row < B)[:, None] & (o_column < K)[None, :]
    return o_row, o_tile, m_tile


@triton.jit
def columns(b_tile, W: tl.constexpr, LOG: tl.constexpr):
    """A tile [R, W], W = 2^LOG, as a tuple of columns [R, 1] in bit-reversed order, in the registers of a thread a row."""
    parts = (b_tile,)
    for i in tl.static_range(LOG):
        halves = ()
        for j in tl.static_range(2**i):
            even, odd = tl.split(tl.reshape(parts[j], [b_tile.shape[0], W // 2 ** (i + 1), 2]))
            halves = halves + (even, odd)
        parts = halves
    return parts


@triton.jit
def from_columns(parts, W: tl.constexpr, LOG: tl.constexpr):
    """The inverse of `columns`."""
    for i in tl.static_range(LOG):
        pairs = ()
        for j in tl.static_range(W // 2 ** (i + 1)):
            pair = tl.join(parts[2 * j], parts[2 * j + 1])
            pairs = pairs + (tl.reshape(pair, [pair.shape[0], 2 ** (i + 1)]),)
        parts = pairs
    return parts[0]
