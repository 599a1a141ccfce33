"""What every kernel of the host is held to."""

from __future__ import annotations

from typing import Any

import numpy as np

from errors_seen import tolerance


def check(game: Any, specification: Any, arguments: tuple[Any, ...], dtype: Any, groups: int, members: int) -> None:
    """The same credits as the specification, finite, in the dtype it promises, inputs untouched."""
    before = [array.copy() for array in arguments if isinstance(array, np.ndarray)]
    truth = specification(*arguments)
    credit = game(*arguments)
    assert credit.shape == truth.shape == (groups, members)
    assert credit.dtype == truth.dtype
    assert np.isfinite(credit).all()
    sizes = [np.abs(array).max(initial=1.0) for array in arguments if isinstance(array, np.ndarray) and array.dtype.kind == "f"]
    scale = float(np.prod(sizes)) * max((array.shape[-1] for array in before if array.ndim == 3), default=1)
    assert np.abs(credit - truth).max(initial=0.0) <= tolerance(dtype) * scale
    assert all(np.array_equal(a, b) for a, b in zip(before, (x for x in arguments if isinstance(x, np.ndarray)), strict=True))
