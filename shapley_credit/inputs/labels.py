"""Labels: which members say the same, whatever their labels are made of.

Labels are [..., k], a group along the last axis, compared by content:

    an array of any library     has the axes of the labels; an element of an object array is a label, whatever it is
    a column of a table         (pandas, polars, Arrow) has one axis; a cell is a label, whatever it is
    a list or a tuple           is an axis; lists within it are axes too, as deep as all are lists of one length:
                                [[0, 0, 1], [2, 2, 2]] is two groups of three
    all else within a list      is a label: a string, a number, a tuple, an array, a list beside others of another length

A list, a tuple and an array of the same elements are the same label, and so are 1, 1.0 and True. Lists that are labels are
read as groups when all are of one length: pass tuples, or an object array.

None is a missing label, and so are the null of a column and what does not equal itself: NaN, NaT and the NA of pandas. A member
without a label is there, and changes no value of a utility of labels: it is a null player of it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from shapley_credit.convert import Array, Library, from_numpy, to_array, to_numpy
from shapley_credit.errors import InputError
from shapley_credit.inputs.fields import Field, check_dtype
from shapley_credit.inputs.ids import cells_of, encoded_array, encoded_column, is_column
from shapley_kernels.arrays import dtype_of, everybody, namespace

# The code of a missing label, in arrays that may hold any. Labels that are integers as they are hold none.
MISSING = int(np.iinfo(np.int64).min)


class Labels(NamedTuple):
    """Labels that have been read.

    codes: integers [...], equal where the labels are. names: what the codes 0, 1, .. stand for, in the order of their first
    appearance; None for codes that are the labels themselves. missing: whether MISSING among the codes is a missing label.
    library: the one that the labels came from.
    """

    codes: NDArray[Any]
    names: Sequence[Any] | None
    missing: bool = False
    library: Library | None = None

    def named(self) -> Labels:
        """The same labels with codes that count from 0."""
        if self.names is not None:
            return self
        labels = _of_codes(*encoded_array(self.codes, "a label"), self.library)
        return labels.where(self.codes != MISSING) if self.missing else labels

    def where(self, chosen: NDArray[np.bool_]) -> Labels:
        """The same labels, those that are not chosen missing."""
        labels = self if self.missing or self.names is not None or (self.codes != MISSING).all() else self.named()
        return labels._replace(codes=np.where(chosen, labels.codes.astype(np.int64), MISSING), missing=True)


def read_labels(data: Any, name: str, *, several: bool = True) -> Labels:
    """Labels of any kind, of any library on the host.

    several: whether a tuple is an axis, and one label by itself is refused. Raises InputError for labels that can't be
    compared, and for arrays on a device.
    """
    if isinstance(data, Labels):
        return data
    integers = isinstance(getattr(data, "dtype", None), np.dtype) and data.dtype.kind in "bi"
    if not integers and (column := encoded_column(data, "a label")) is not None:
        return _of_codes(*column, None)
    given, library = read_answers(data, name, several=several)
    if given.dtype.kind == "u" and given.max(initial=0) <= np.iinfo(np.int64).max:
        given = given.astype(np.int64)
    if given.dtype.kind in "bi":
        return Labels(given, None, library=library)
    return _of_codes(*encoded_array(given, "a label"), library)


def _of_codes(codes: NDArray[np.int64], names: Sequence[Any], library: Library | None) -> Labels:
    gone = codes < 0
    return Labels(np.where(gone, MISSING, codes), names, bool(gone.any()), library)


def read_answers(answers: Any, name: str, *, several: bool = True) -> tuple[NDArray[Any], Library | None]:
    """Answers as an array [...], of objects if they came in lists and are no integers, and the library they came from."""
    if is_column(answers) and not isinstance(getattr(answers, "dtype", None), np.dtype):
        answers = cells_of(answers)
        return np.fromiter(answers, object, len(answers)), None
    if isinstance(answers, Sequence) and not isinstance(answers, str | bytes) and (several or not isinstance(answers, tuple)):
        return _of_lists(answers), None
    array: NDArray[Any]
    if not several and not hasattr(answers, "__array__") and not hasattr(answers, "__dlpack__"):
        return np.fromiter([answers], object, 1).reshape(()), None
    array, library = to_numpy(answers, name)
    if several and not array.ndim:
        raise InputError(f"{name} must be a list or an array [..., G] of answers; got {type(answers).__name__}.")
    return array, library


def _of_lists(rows: Sequence[Any]) -> NDArray[Any]:
    flat, shape = list(rows), [len(rows)]
    while all(isinstance(item, list) for item in flat) and len({len(row) for row in flat}) == 1:
        shape.append(len(flat[0]))
        flat = [answer for row in flat for answer in row]
    if all(issubclass(kind, int | np.integer | np.bool_) for kind in {*map(type, flat)}):
        array = np.array(flat)
        if array.dtype.kind in "biu":  # mixed integers of NumPy may become floats, which can't tell them apart
            return array.reshape(shape)
    return np.fromiter(flat, object, len(flat)).reshape(shape)


def is_coded(dtype: np.dtype[Any]) -> bool:
    """Whether an array of labels is one of codes: whether int64 holds what it may hold."""
    return dtype.kind in "bi" or (dtype.kind == "u" and dtype.itemsize < 8)


def may_be_names(data: Any) -> bool:
    """Whether labels are more than integers that NumPy reads: False for a number, lists of integers, arrays of a library."""
    if type(data) is list:
        rows = data if {*map(type, data)} == {list} and len({*map(len, data)}) == 1 else [data]
        return not all({*map(type, row)} == {int} for row in rows)
    of_library = hasattr(data, "dtype") and (hasattr(data, "__dlpack__") or isinstance(data, np.generic))
    return data is not None and type(data) is not int and not of_library


def with_codes(given: Mapping[str, Any], fields: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The arguments of a utility with labels as integers, in the library that they came from, and whether a member has none.

    fields: those of the utility; what its label fields hold is compared across all of them. Labels on a device stay there, and
    must be integers. Raises InputError for others there, and as `read_labels`.
    """
    specs = {name: spec for name, spec in fields.items() if isinstance(spec, Field) and spec.domain == "label"}
    there = {name: _on_device(given[name], spec, name) for name, spec in specs.items()}
    found = {
        name: read_labels(given[name], name, several=bool(spec.axes))
        for name, spec in specs.items()
        if there[name] is None and given[name] is not None
    }
    there = {name: array for name, array in there.items() if array is not None}
    if any(labels.names is not None for labels in found.values()):
        if there:
            raise InputError(
                f"{' and '.join(there)} of a device can't be compared with {' and '.join(found)} of the host, which hold more "
                "than integers; move all of them to the host, or encode all of them as integers."
            )
        found = _compared(found)
    without = any(labels.missing for name, labels in found.items() if specs[name].axes)
    return {**given, **there, **{name: from_numpy(labels.codes, labels.library) for name, labels in found.items()}}, without


def _on_device(data: Any, spec: Field, name: str) -> Array | None:
    """Labels of a device as int64, None for those of the host. Raises InputError for what is no integer."""
    if is_column(data) or not hasattr(data, "__dlpack__"):
        return None
    array, library = to_array(data, name)
    if library is None or library.device is None:
        return None
    check_dtype(dtype_of(array), spec, name)
    return namespace(array).astype(array, namespace(array).int64)


def _compared(found: Mapping[str, Labels]) -> dict[str, Labels]:
    """The same labels with one code for a name in all of them."""
    if len(found) == 1:
        return dict(found)
    known: dict[Any, int] = {}
    compared = {}
    for name, labels in found.items():
        codes, names, missing, library = labels.named()
        common = np.array([known.setdefault(each, len(known)) for each in names or ()] + [MISSING], np.int64)
        compared[name] = Labels(common.take(np.maximum(codes, -1), mode="wrap"), names, missing, library)
    return compared


class Labelled:
    """The part of a utility of labelled members that leaves those without a label out: they are there, as null players.

    They are not absent: a mask would hold for all terms of a sum, and take them out of orders too.
    """

    has_missing: bool = False  # whether a code of its labels may be MISSING

    @property
    def labelled(self: Any) -> Array | None:
        """Which members are present and have a label, bool [..., k]; None for all."""
        if not self.has_missing:
            return self.mask
        labelled = self.labels != MISSING
        return labelled if self.mask is None else labelled & self.mask

    @property
    def counted(self) -> Array | None:
        """Those that kernels count in the sizes of sets; semivalues that count members by size are refused if some are not."""
        return self.labelled

    def present(self: Any) -> Array:
        """bool [B or 1, K]: those that a kernel is to look at; all kernels return 0 for the others."""
        labelled = self.labelled
        return self.beside(everybody(self.k)) if labelled is None else self.flatten(labelled, 1)

    def known(self: Any, members: Array) -> Array:
        """The labels of those members of one group that have one."""
        labels = self.labels[members]
        return labels[labels != MISSING] if self.has_missing else labels

    def among_labelled(self) -> Self:
        """The same utility with the members without a label absent."""
        if not self.has_missing:
            return self
        among = copy.copy(self)
        among.__dict__ |= {"mask": self.labelled, "has_missing": False}
        return among
