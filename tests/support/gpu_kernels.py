"""How tests run the Triton kernels: on the GPU where there is one, else in the interpreter with smaller tiles."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import torch

from errors_seen import gpu_tolerance
from kernel_inputs import GAMES, SIZES, inputs

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# Launch sizes for the interpreter, which takes a second for thousands of entries.
SMALL: dict[str, dict[str, int]] = {
    "thresholds": {"TILE": 128, "NETWORK_TILE": 512, "PART": 64},
    "ranks": {"TILE": 64},
    "products": {"TILE": 64, "PART": 16},
    "pairs": {"TILE": 64, "WHOLE_LIMIT": 5},
    "counts": {"TILE": 32},
    "dividends": {"TILE": 64, "PART": 16, "PAIRS_TILE": 32},
    "tokens": {"TILE": 4},
    "table": {"TILE_BITS": 6, "SMALL_LIMIT": 5, "LANES": 4, "ROWS": 1, "PROGRAMS": 4},
}

# What a form's launchers compare sizes with before they call the specification.
LIMITS = {
    "thresholds": ("SORT_LIMIT",),
    "ranks": ("SORT_LIMIT", "WIDE_PAIRS_LIMIT"),
    "products": ("PRODUCT_LIMIT", "MIXTURE_LIMIT"),
    "pairs": ("SPLIT_LIMIT",),
    "counts": ("ROW_LIMIT", "PAIRS_LIMIT"),
    "dividends": ("COLUMN_LIMIT", "PAIRS_LIMIT"),
}

# Sizes K that reach every branch of every kernel within the time that the interpreter has.
INTERPRETED: dict[tuple[str, str], tuple[int, ...]] = {
    ("thresholds", "airport"): (1, 3, 8, 13, 17),
    ("thresholds", "facility"): (3, 17, 1),
    ("ranks", "discounted"): (1, 3, 8, 11, 16),
    ("products", "product"): (1, 3, 8, 9, 33),
    ("products", "noisy_or"): (1, 8, 17),
    ("products", "mixture"): (1, 9),
    ("table", "solve"): (1, 2, 5, 9, 10),
}
FEW_SIZES = (1, 3, 8, 11)
MANY_SIZES = (1, 2, 3, 7, 8, 9, 16, 31, 33, 64, 65, 128)


def module_of(form: str) -> ModuleType:
    return importlib.import_module(f"shapley_kernels.{form}.gpu")


def kernels() -> list[tuple[str, str]]:
    """The functions that have kernels; the others run as array operations of the specification."""
    return sorted(key for key in GAMES if key[0] in SMALL and hasattr(module_of(key[0]), key[1]))


def sizes(form: str, game: str) -> tuple[int, ...]:
    if DEVICE.type == "cuda":
        return SIZES.get((form, game), MANY_SIZES)
    return INTERPRETED.get((form, game), FEW_SIZES)


@contextmanager
def small_tiles(form: str, module: ModuleType) -> Iterator[None]:
    with ExitStack() as stack:
        if DEVICE.type != "cuda":
            for name, size in SMALL[form].items():
                stack.enter_context(mock.patch.object(module, name, size))
        yield


@contextmanager
def poisoned() -> Iterator[None]:
    """Memory that torch.empty returns is full of nan, so that an entry that no program writes is seen."""
    allocate = torch.empty

    def empty(*arguments: Any, **options: Any) -> torch.Tensor:
        array = allocate(*arguments, **options)
        return array.fill_(torch.nan if array.is_floating_point() else 77)

    with mock.patch("torch.empty", empty):
        yield


def tensors(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(torch.tensor(a, device=DEVICE) if isinstance(a, np.ndarray) else a for a in arguments)


def check(function: Callable[..., Any], specification: Callable[..., Any], arguments: tuple[Any, ...], dtype: Any) -> None:
    """The credits of the specification in float64, in the dtype it promises, relative to max |v|; inputs untouched."""
    exact = tuple(a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype == np.float32 else a for a in arguments)
    truth, given = specification(*exact), tensors(arguments)
    with poisoned():
        credit = function(*given)
    assert credit.device.type == DEVICE.type
    assert credit.shape == truth.shape
    assert credit.cpu().numpy().dtype == specification(*arguments).dtype
    floats = [a for a in arguments if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    scale = float(np.prod([np.abs(a).max(initial=1.0) for a in floats]))
    scale *= max((a.shape[-1] for a in arguments if isinstance(a, np.ndarray) and a.ndim == 3), default=1)
    error = np.abs(credit.cpu().numpy() - truth).max(initial=0.0)
    assert error <= gpu_tolerance(dtype) * scale  # false for nan
    assert all(np.array_equal(a, b.cpu().numpy()) for a, b in zip(arguments, given, strict=True) if isinstance(a, np.ndarray))


def check_nan(function: Callable[..., Any], specification: Callable[..., Any], form: str, game: str) -> None:
    """NaN in the data of a group shows in its credits if it shows in those of the specification, and in no other group."""
    rng = np.random.default_rng(11)
    for members in sizes(form, game)[1:]:
        right = inputs(form, game, rng, 3, members, np.float32)
        good = function(*tensors(right))
        for place, array in enumerate(right):
            if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or len(array) != 3 or not array.size:
                continue
            spoilt = array.copy()
            spoilt[(1, *rng.integers(array.shape[1:]))] = np.nan
            wrong = tuple(spoilt if i == place else a for i, a in enumerate(right))
            credit = function(*tensors(wrong))
            with np.errstate(all="ignore"):
                truth = specification(*wrong)
            assert np.isnan(truth[1]).any() == bool(credit[1].isnan().any())
            assert torch.equal(credit[[0, 2]], good[[0, 2]])


def specification(form: str, game: str) -> Any:
    return getattr(importlib.import_module(f"shapley_kernels.{form}.ref"), game)
