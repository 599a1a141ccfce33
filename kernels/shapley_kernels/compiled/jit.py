"""How every Numba kernel is compiled."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import FunctionCache
from numba.core.registry import cpu_target

F = TypeVar("F", bound=Callable[..., object])


def jit(function: F) -> F:
    """Compile at the first call, once a signature; keep the machine code on disk where a directory can be written.

    The GIL is released, so that `threads.rows` can run a kernel on several threads. Floating-point operations are neither
    reordered nor fused: results do not depend on how rows are split. Only functions of the same file and of this folder may be
    called from a kernel: the cache on disk watches the file, and the name of a kernel in it holds a hash of the folder.
    """
    return _compile(function, fastmath=False)


def jit_reassociated(function: F) -> F:
    """As `jit`, but sums may be reordered into vector lanes: for kernels in which no split of the work cuts a sum."""
    return _compile(function, fastmath={"reassoc", "nsz"})


def targets(feature: str) -> bool:
    """Whether kernels are compiled for processors with a feature, by LLVM's name for it.

    False where NUMBA_CPU_NAME alone says for which. Machine code on disk is kept apart by features.
    """
    *_, features = cpu_target.target_context.codegen().magic_tuple()
    return f"+{feature}" in features.split(",")


@lru_cache(maxsize=1)
def version_of_this_folder() -> str:
    """A name for the content of all that a kernel may call besides its own file."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.name.encode() + file.read_bytes() for file in files)).hexdigest()[:8]


class _KernelCache(FunctionCache):
    """Machine code on disk, which no kernel depends on: code that can't be read is compiled anew, or not kept."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - a damaged pickle may raise anything
            _say(
                f"compiled kernels in {self.cache_path} can't be read ({type(error).__name__}: {error}), and are compiled anew"
            )
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - as above, and a disk may be full
            _say(f"compiled kernels can't be kept in {self.cache_path} ({type(error).__name__}: {error})")

    def _forget(self) -> None:
        """Empty the index of this kernel, so that no other process meets the damage."""
        try:
            self.flush()  # type: ignore[no-untyped-call]
        except OSError:  # a directory that can be read only
            self.disable()  # type: ignore[no-untyped-call]


_told: set[str] = set()


def _say(message: str) -> None:
    """Warn of the disk once a process, not once a kernel."""
    if not _told:
        _told.add(message)
        warnings.warn(
            f"{message}. Delete the directory, or set NUMBA_CACHE_DIR, if it says so again.", RuntimeWarning, stacklevel=2
        )


def _compile(function: F, fastmath: bool | set[str]) -> F:
    function.__qualname__ = f"{function.__qualname__}_{version_of_this_folder()}"
    kernel: Any = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function)
    with suppress(RuntimeError):  # no cache directory can be written: compile in memory
        kernel._cache = _KernelCache(function)  # type: ignore[no-untyped-call]
    return cast(F, kernel)
