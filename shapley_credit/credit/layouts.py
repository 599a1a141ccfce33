"""Masks of trainable tokens in every layout that trainers use, seen as one boolean matrix, and ragged rows of numbers.

A token's coordinate is its place among the trainable tokens of its completion, in row-major order. Padding on either side, tool
holes, prompts in the sequence, a shift by one and packing leave it as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np

from shapley_credit.convert import common_library, from_numpy, to_numpy
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import is_finite, is_scanned, shown, whole_numbers
from shapley_credit.inputs.tensors import library_of, with_values


@dataclass(frozen=True)
class Layout:
    """Where the trainable tokens of each completion are."""

    xp: Any  # torch for tensors on an accelerator, else numpy
    mask: Any  # bool [B, T], or [1, M] for packed rows
    counts: Any  # int [rows], trainable tokens of each completion
    give_back: Callable[[Any], Any]  # from [B, T] to the caller's layout, library and device


def read_layout(mask: Any, cu_seqlens: Any = None) -> Layout:
    """A matrix [B, T], one row [T], packed rows [M] with `cu_seqlens`, a list of rows, or a jagged nested tensor."""
    if getattr(mask, "is_nested", False):
        return _nested(mask, cu_seqlens)
    if isinstance(mask, list | tuple):
        return _listed(mask, cu_seqlens)
    xp, flags, give_back = _boolean(mask)
    if cu_seqlens is not None:
        ends = whole_numbers(cu_seqlens, "cu_seqlens", "integers [rows + 1]")
        packed = flags.ndim == 1 == ends.ndim and ends.size
        if not packed or ends[0] != 0 or ends[-1] != len(flags) or np.any(np.diff(ends) < 0):
            raise InputError(
                f"cu_seqlens must ascend from 0 to the number of packed tokens of a mask [M]; got {ends.tolist()} for a mask "
                f"of shape {tuple(flags.shape)}."
            )
        return _packed(xp, flags, ends, give_back)
    if flags.ndim not in (1, 2):
        raise InputError(f"mask must be [B, T], or [T] for one completion; got shape {tuple(flags.shape)}.")
    rows = flags if flags.ndim == 2 else flags.reshape(1, -1)
    return Layout(xp, rows, _row_counts(xp, rows), lambda out: give_back(out.reshape(flags.shape)))


def _nested(mask: Any, cu_seqlens: Any) -> Layout:
    torch = sys.modules["torch"]
    values, offsets, sizes = _jagged(mask, "mask")
    if cu_seqlens is not None:
        raise InputError("a nested mask needs no cu_seqlens.")
    xp, flags, give_back = _boolean(values)
    # torch takes the result and the mask for equally ragged only if they share the very same offsets.
    return _packed(xp, flags, _ends(sizes), lambda out: torch.nested.nested_tensor_from_jagged(give_back(out), offsets))


def _jagged(data: Any, name: str) -> tuple[Any, Any, Any]:
    """(values, offsets, sizes of the rows [B] on the host) of a jagged nested tensor."""
    if data.layout is not sys.modules["torch"].jagged or data.dim() != 2 or data.lengths() is not None:
        raise InputError(
            f"a nested tensor as {name} must be [B, ragged] in the jagged layout without holes; make it with "
            "torch.nested.nested_tensor(rows, layout=torch.jagged)."
        )
    offsets = data.offsets()
    return data.values(), offsets, np.diff(whole_numbers(offsets, "offsets"))


def _ends(sizes: Any) -> Any:
    return np.concatenate([[0], np.cumsum(sizes)])


def _listed(mask: Any, cu_seqlens: Any) -> Layout:
    if not mask or cu_seqlens is not None:
        raise InputError("a list of masks must hold one row for each completion, at least one, and needs no cu_seqlens.")
    flat, sizes = read_ragged(mask, "mask")
    xp, flags, give_back = _boolean(flat)
    ends = _ends(sizes)
    return _packed(xp, flags, ends, lambda out: [give_back(out)[low:high] for low, high in pairwise(ends.tolist())])


def _packed(xp: Any, flags: Any, ends: Any, give_back: Callable[[Any], Any]) -> Layout:
    counts = [int(xp.count_nonzero(flags[low:high])) for low, high in pairwise(ends.tolist())]
    counted = np.array(counts, np.int64)
    moved = counted if xp is np else xp.as_tensor(counted, device=flags.device)
    return Layout(xp, flags.reshape(1, -1), moved, lambda out: give_back(out.reshape(-1)))


def _boolean(mask: Any) -> tuple[Any, Any, Callable[[Any], Any]]:
    """The mask as booleans, contiguous, without a copy where it is so already; and the way back."""
    xp = library_of(mask)
    if xp is not np:
        _refuse_nan(with_values(mask, "mask").dtype.is_floating_point and bool(mask.isnan().any()))
        return xp, (mask if mask.dtype == xp.bool else mask != 0).contiguous(), lambda out: out
    array, library = to_numpy(mask, "mask")
    if not array.ndim or (array.size and array.dtype.kind not in "biuf"):
        raise InputError(
            f"mask must hold booleans or numbers, 0 for what is not trained; got {array.dtype}{list(array.shape)}."
        )
    _refuse_nan(array.dtype.kind == "f" and not is_finite(array) and np.isnan(array).any())
    return np, _flags(array), lambda out: from_numpy(out, library)


def _refuse_nan(found: Any) -> None:
    if found:
        raise InputError("mask must hold booleans or numbers, 0 for what is not trained; found NaN, which is neither.")


def _flags(array: Any) -> Any:
    """Where an array of the host is not 0."""
    if not is_scanned(array, known="?bBhHiIlLqQfd"):
        return np.ascontiguousarray(array, np.bool_)
    from shapley_kernels.compiled.array_scans import flags

    return flags(array)


def _row_counts(xp: Any, flags: Any) -> Any:
    """How many are set in each row of a boolean matrix."""
    if xp is not np or not is_scanned(flags, known="?"):
        return flags.sum(1, dtype=xp.int32)
    from shapley_kernels.compiled.array_scans import row_counts

    return row_counts(flags)


def read_ragged(rows: Any, name: str) -> tuple[Any, Any]:
    """Rows of numbers laid end to end, and the length of each, int [rows].

    rows: a list or object array of lists, arrays or tensors, a matrix [B, S], a jagged nested tensor.
    """
    if getattr(rows, "is_nested", False):
        values, _, sizes = _jagged(rows, name)
        return values, sizes
    listed = isinstance(rows, list | tuple) or (isinstance(rows, np.ndarray) and rows.dtype == object and rows.ndim == 1)
    if not listed:
        matrix = rows if library_of(rows) is not np else to_numpy(rows, name)[0]
        if matrix.ndim != 2:
            raise InputError(f"{name} must hold a row for each completion; got an array of shape {tuple(matrix.shape)}.")
        return matrix.reshape(-1), np.full(len(matrix), matrix.shape[1], np.int64)
    torch = sys.modules.get("torch")
    if torch is not None and len(rows) and all(isinstance(row, torch.Tensor) for row in rows):
        return _end_to_end(torch.cat, rows, name)
    if all(isinstance(row, list | tuple) for row in rows):
        return _row(list(chain.from_iterable(rows)), name), np.fromiter(map(len, rows), np.int64)
    library = None
    for row in rows:
        library = common_library(library, None if isinstance(row, list | tuple) else to_numpy(row, name)[1])
    flat, sizes = _end_to_end(np.concatenate, [_row(row, name) for row in rows], name)
    return from_numpy(flat, library), sizes


def _end_to_end(join: Callable[[Any], Any], rows: Any, name: str) -> tuple[Any, Any]:
    flat = [row.ndim == 1 and not getattr(row, "is_nested", False) for row in rows]
    if not all(flat):
        raise InputError(f"row {flat.index(False)} of {name} must be numbers in a row; got {shown(rows[flat.index(False)])}.")
    sizes = np.fromiter(map(len, rows), np.int64)
    try:
        return join([row for row in rows if len(row)] or list(rows[:1])), sizes  # an empty list would turn them into floats
    except (RuntimeError, NotImplementedError) as error:
        raise InputError(f"the rows of {name} can't be laid end to end: {error} Pass dense rows on one device.") from error


def _row(row: Any, name: str) -> Any:
    """The numbers of one row."""
    array = to_numpy(row, name)[0]
    if array.ndim != 1:
        raise InputError(f"{name} must hold a row of numbers for each completion; got {shown(row)}, a {type(row).__name__}.")
    if array.size and array.dtype.kind not in "biuf":
        raise InputError(f"{name} must hold real numbers; got {array.dtype}.")
    return array


def same_rows(rows: int, layout: Layout, name: str) -> None:
    if rows != len(layout.counts):
        raise InputError(f"{name} must hold a row for each of the {len(layout.counts)} completions of the mask; got {rows}.")


def agree(given: Any, needed: Any, name: str, told: str) -> None:
    """InputError that names the first row where two counts differ, or the number of rows; `told` says what is needed."""
    if len(given) != len(needed):
        raise InputError(f"{name} has {len(given)} rows where {len(needed)} are needed, one for each completion.")
    wrong = given != needed
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"row {row} of {name} has {int(given[row])} {told.format(int(needed[row]))}. Cut the row where the sequence was "
            "cut, and pass whole sequences, not slices of them."
        )
