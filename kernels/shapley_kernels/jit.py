"""How every Numba kernel is compiled."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def jit(function: F) -> F:
    """Compile at the first call, once a signature; keep the machine code on disk where a directory can be written.

    The GIL is released, so that `parallel.rows` can run a kernel on several threads. Floating-point operations are neither
    reordered nor fused: results do not depend on how rows are split. Only functions of the same file and of SHARED may be
    called from a kernel: the cache on disk watches the one, and the name under which a kernel is kept tells the others.
    """
    return _compile(function, fastmath=False)


def jit_reassociated(function: F) -> F:
    """As `jit`, but sums may be reordered into vector lanes: for kernels whose sums no split of the work cuts."""
    return _compile(function, fastmath={"reassoc", "nsz"})


SHARED = ("lanes.py", "vectors.py", "exchanges.py", "networks.py", "tiles.py", "heights.py", "radix.py", "drawing.py")


@lru_cache(maxsize=1)
def _version_of_shared() -> str:
    source = b"".join(Path(__file__).with_name(name).read_bytes() for name in SHARED)
    return hashlib.sha256(source).hexdigest()[:8]


def _compile(function: F, fastmath: bool | set[str]) -> F:
    function.__qualname__ = f"{function.__qualname__}_{_version_of_shared()}"
    try:
        return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=fastmath)(function))
    except RuntimeError:  # no cache directory can be written: compile in memory
        return cast(F, numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function))
