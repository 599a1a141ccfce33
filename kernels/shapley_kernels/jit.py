"""How every Numba kernel is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def jit(function: F) -> F:
    """Compile at the first call, once a signature; keep the machine code on disk where a directory can be written.

    The GIL is released, so that `parallel.rows` can run a kernel on several threads. Floating-point operations are neither
    reordered nor fused: results do not depend on how rows are split. Only functions of the same file may be called from a
    kernel, because the disk cache watches one file.
    """
    return _compile(function, fastmath=False)


def jit_reassociated(function: F) -> F:
    """As `jit`, but sums may be reordered into vector lanes: for kernels whose sums no split of the work cuts."""
    return _compile(function, fastmath={"reassoc", "nsz"})


def _compile(function: F, fastmath: bool | set[str]) -> F:
    try:
        return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=fastmath)(function))
    except RuntimeError:  # no cache directory can be written: compile in memory
        return cast(F, numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function))
