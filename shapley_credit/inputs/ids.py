"""Names of any kind, compared by what they hold: labels of answers, ids of groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import NUMPY, to_host, to_numpy
from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown
from shapley_credit.inputs.tensors import library_of, with_values

# Code of each name, -1 for a missing one, and what the codes 0, 1, .. stand for, in the order of their first appearance.
Codes = tuple[NDArray[np.int64], list[Any]]

# Types whose equal objects have equal hashes, and that are all there but None.
_PLAIN = frozenset((str, bytes, int, bool, type(None)))


def frozen(answer: Any, name: str = "an answer") -> Any:
    """The answer as a hashable that is equal where the content is, None for what is missing, at any depth."""
    if type(answer) in (int, str):  # most answers are; the steps below take three times as long
        return answer
    answer = plain(answer)
    if isinstance(answer, list | tuple):
        return tuple(frozen(each, name) for each in answer)
    try:
        hash(answer)
    except TypeError as error:
        raise InputError(
            f"{name} of type {type(answer).__name__} can't be compared with others: {error}. Use strings, numbers or tuples; "
            "of answers gapo.labels_of makes such by a function of yours."
        ) from error
    return None if missing(answer) else answer


def plain(answer: Any) -> Any:
    """An array or a scalar of any library as Python numbers and lists, anything else as it is."""
    if hasattr(type(answer), "as_py"):  # a cell of Arrow
        return answer.as_py()
    if isinstance(answer, NUMPY) or hasattr(answer, "__dlpack__"):
        return to_numpy(answer, "answer")[0].tolist()
    return answer


def missing(answer: Any) -> bool:
    """Whether an answer that is no array is None, or does not equal itself."""
    same = answer == answer
    if isinstance(same, bool | np.bool_):
        return answer is None or not same
    return same is answer  # NA == NA is NA


def encoded(names: Sequence[Any], what: str) -> Codes:
    """Codes of names one by one. Raises InputError for those that can't be compared, which it calls `what`."""
    if not _PLAIN.issuperset(map(type, names)):
        names = [frozen(name, what) for name in names]
    known: dict[Any, int] = dict.fromkeys(names, 0)
    known.pop(None, None)
    different = list(known)
    known = {name: code for code, name in enumerate(different)}
    known[None] = -1
    return np.fromiter(map(known.__getitem__, names), np.int64, len(names)), different


def encoded_array(array: NDArray[Any], what: str) -> Codes:
    """Codes [...] of the elements of an array of any dtype."""
    if array.dtype.kind not in "biufcmM":
        codes, names = encoded(array.ravel().tolist(), what)
        return codes.reshape(array.shape), names
    found, first, inverse = np.unique(array.ravel(), return_index=True, return_inverse=True)
    order = np.argsort(first)
    codes = np.argsort(order)[inverse].reshape(array.shape)
    return _merged(codes, found[order].tolist(), what)


def encoded_column(column: Any, what: str) -> Codes | None:
    """Codes of a column of pandas, polars or Arrow, by its own encoding; None for anything else."""
    encode = next((_ENCODERS[method] for method in _ENCODERS if hasattr(type(column), method)), None)
    if encode is None:
        return None
    try:
        codes, names = encode(column)
    except Exception:  # noqa: BLE001 - cells that its library can't encode, lists for example, are compared one by one
        return encoded(cells_of(column), what)
    return _merged(codes, names, what)


def cells_of(column: Any) -> list[Any]:
    """What stands in a column of pandas, polars or Arrow, as Python objects."""
    cells: list[Any] = column.to_pylist() if hasattr(column, "to_pylist") else column.to_list()
    return cells


def is_column(data: Any) -> bool:
    """Whether it is a column of pandas, polars or Arrow."""
    return any(hasattr(type(data), method) for method in _ENCODERS)


def _merged(codes: NDArray[Any], names: list[Any], what: str) -> Codes:
    """Codes of names of which some may be equal or missing: 0.0 and -0.0, 1 and True, NaN."""
    codes = codes.astype(np.int64, copy=False)
    kinds = {*map(type, names)}
    if len(kinds) < 2 and kinds <= _PLAIN - {type(None)}:
        return codes, names
    merged, different = encoded(names, what)
    return np.append(merged, -1)[codes], different


def _of_arrow(column: Any) -> tuple[NDArray[Any], list[Any]]:
    if hasattr(column.type, "value_type") and hasattr(column.type, "index_type"):
        column = column.cast(column.type.value_type)  # its entries may repeat, be null, and differ between chunks
    encoded_once = column.dictionary_encode()
    if hasattr(encoded_once, "combine_chunks"):
        encoded_once = encoded_once.combine_chunks()
    return encoded_once.indices.fill_null(-1).to_numpy(), encoded_once.dictionary.to_pylist()


def _of_polars(column: Any) -> tuple[NDArray[Any], list[Any]]:
    names = column.drop_nulls().unique(maintain_order=True)
    return column.replace_strict(names, range(len(names)), default=-1).to_numpy(), names.to_list()


def _of_pandas(column: Any) -> tuple[NDArray[Any], list[Any]]:
    codes, names = column.factorize()
    return codes, names.tolist()


# The libraries by a method that only their columns have; none of them is imported.
_ENCODERS: dict[str, Callable[[Any], tuple[NDArray[Any], list[Any]]]] = {
    "dictionary_encode": _of_arrow,
    "replace_strict": _of_polars,
    "factorize": _of_pandas,
}

_IDS = "ids, integers, strings or objects, or rows of tokens"


def codes_of(groups: Any, values: Any) -> tuple[Any, int]:
    """Group of each member as 0 .. count - 1, in the library of values, and the count."""
    xp, n = library_of(values), len(values)
    if isinstance(groups, int | np.integer) and not isinstance(groups, bool):
        if groups < 1 or n % groups:
            raise InputError(f"groups={groups} neighbours each can't divide {n} credits; pass an id for every credit.")
        codes, count = np.arange(n) // groups, n // int(groups)
    elif library_of(groups) is not np and xp is not np:
        if not groups.dim() or with_values(groups, "groups").is_floating_point() or groups.is_complex():
            raise InputError(f"groups must be {_IDS}; got {groups.dtype} of shape {tuple(groups.shape)}.")
        # Ids on a device are compared there, and not copied to the host.
        found, inverse = xp.unique(groups, dim=0, return_inverse=True)
        codes, count = inverse.reshape(-1), len(found)
    else:
        codes, count = _factorised(groups)
    if len(codes) != n:
        raise InputError(f"groups must hold one id for each of the {n} credits; got {len(codes)}.")
    return (codes if xp is np else xp.as_tensor(codes, device=values.device)), count


def _factorised(groups: Any) -> tuple[Any, int]:
    if (column := encoded_column(groups, "an id in groups")) is not None:
        return _without_missing(*column)
    array = groups if isinstance(groups, list | tuple) else to_host(groups, "groups")
    if isinstance(array, np.ndarray) and not array.ndim:
        raise InputError(f"groups must be {_IDS}, or how many neighbours are a group; got {shown(groups)}.")
    rows = isinstance(array, np.ndarray) and array.ndim > 1
    # NumPy tells these apart as they are; all else is compared by content below.
    if isinstance(array, np.ndarray) and array.dtype.kind in ("biuUST" if rows else "biu"):
        found, inverse = np.unique(array, axis=0, return_inverse=True)
        return inverse.reshape(-1), len(found)
    if isinstance(array, np.ndarray) and (rows or array.dtype.kind not in "OUST"):
        raise InputError(f"groups must be {_IDS}; got {array.dtype}.")
    names = array.tolist() if isinstance(array, np.ndarray) else list(array)
    return _without_missing(*encoded(names, "an id in groups"))


def _without_missing(codes: NDArray[np.int64], names: list[Any]) -> tuple[NDArray[np.int64], int]:
    """The codes and their number. Raises InputError for a row without an id."""
    gone = codes < 0
    if gone.any():
        raise InputError(
            f"an id in groups is None, NaN or null, which belongs to no group, in row {int(gone.argmax())} first; leave the "
            "row out, or give it an id of its own."
        )
    return codes, len(names)
