"""Whether matrices are symmetric."""

from __future__ import annotations

import numpy as np

from shapley_credit.convert import Array
from shapley_credit.errors import InputError

# Asymmetry that passes, relative to the largest entry: the rounding of a float32 product such as x @ x.T.
_ASYMMETRY = 1e-5


def is_symmetric(array: Array) -> bool:
    """Whether all entries are finite and symmetric, in one pass; sometimes False where a slower look says yes."""
    from shapley_kernels.scan import asymmetry

    gap, largest = asymmetry(array.reshape(-1, *array.shape[-2:]))
    return gap <= _ASYMMETRY * largest


def check_symmetric(array: Array, name: str) -> None:
    """Raise InputError at the first entry that its mirror image does not equal."""
    mirror = np.swapaxes(array, -1, -2)
    gap = np.abs(np.subtract(array, mirror, dtype=np.result_type(array, np.int8)))  # flags and unsigned integers too
    bad = gap > _ASYMMETRY * np.maximum(np.abs(array), np.abs(mirror)).max(initial=0.0)
    if bad.any():
        index = tuple(np.argwhere(bad)[0].tolist())
        raise InputError(
            f"{name} must be symmetric; found {array[index]} at {list(index)} but {mirror[index]} at the mirrored "
            f"place. Pass ({name} + {name}.T) / 2 if that is what you mean."
        )
