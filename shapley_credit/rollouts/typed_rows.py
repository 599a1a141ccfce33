"""Rows as columns of one type each; rows without an id, or without a number where one must be, are told apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shapley_credit.errors import InputError
from shapley_credit.inputs.checks import shown
from shapley_credit.rollouts.expression import Expression

NUMBER, TRUTH = "numbers", "true and false"
_KINDS: dict[type, str] = {str: "text", int: NUMBER, float: NUMBER, bool: TRUTH, list: "lists", dict: "objects"}
_INT64 = range(-(2**63), 2**63)


class Wanted(NamedTuple):
    """The columns that are read: those of the group, those of the utility, and of these the ones that must be numbers."""

    by: tuple[str, ...]
    columns: tuple[str, ...]
    numbers: frozenset[str]

    @classmethod
    def of(cls, by: tuple[str, ...], expression: Expression) -> Wanted:
        """What a utility of the groups of `by` needs."""
        return cls(by, tuple(dict.fromkeys((*by, *expression.columns))), _numbers_of(expression))


def _numbers_of(expression: Expression) -> frozenset[str]:
    """The columns in which a utility takes no text."""
    ones: dict[str, list[Any]] = {name: [1] for name in expression.columns}
    return frozenset(name for name in ones if _takes(expression, ones) and not _takes(expression, {**ones, name: ["text"]}))


def _takes(expression: Expression, columns: Mapping[str, Any]) -> bool:
    try:
        expression.utility(columns)
    except InputError:
        return False
    return True


class Typed(NamedTuple):
    """The rows that are as they must be, and what is wrong with the others, by their place in what was given."""

    table: pa.Table
    faults: dict[int, str]


class Typing:
    """The kind of value of each column of rows, the same for all of them, however many are looked at at a time."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._kinds: dict[str, str] = {}

    def typed(self, rows: Sequence[Sequence[Any]]) -> Typed:
        """Rows of Python values, in the order of the wanted columns, as columns. Raises InputError for lists of no one type."""
        faults: dict[int, str] = {}
        columns = zip(*rows, strict=True) if rows else ([] for _ in self._wanted.columns)
        arrays = [self._array(name, [*column], faults) for name, column in zip(self._wanted.columns, columns, strict=True)]
        return without_faults(pa.table(arrays, names=[*self._wanted.columns]), self._wanted, faults)

    def _array(self, name: str, values: list[Any], faults: dict[int, str]) -> pa.Array:
        if {*map(type, values)} - {type(None)}:
            self._one_kind(name, values, faults)
        match self._kinds.get(name):
            case "numbers":
                return _numbers(name, values, faults)
            case "text":
                return _texts(name, values, faults)
            case "lists" | "objects" if name in self._wanted.by:
                return _texts(name, _spelled(values), faults)
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise InputError(f"column {name!r} holds {self._kinds[name]} of no one type: {error}.") from error

    def _one_kind(self, name: str, values: list[Any], faults: dict[int, str]) -> None:
        """Put None for values of another kind than the first, and say so."""
        only = (NUMBER, TRUTH) if name in self._wanted.numbers else tuple(_KINDS.values())
        found = (kind for value in values if (kind := _KINDS.get(type(value))) in only)
        kind = self._kinds.get(name) or next(found, None)
        if kind is None:  # no row can say it yet
            kind = NUMBER
        else:
            self._kinds[name] = kind
        if {_KINDS[each] for each in {*map(type, values)} - {type(None)}} == {kind}:
            return
        for place, value in enumerate(values):
            if value is not None and _KINDS[type(value)] != kind:
                need = f"its {name!r} must be {'a number' if kind == NUMBER else f'one of {kind}, as in rows before'}"
                faults.setdefault(place, f"{need}; got {shown(value)}")
                values[place] = None


def _numbers(name: str, values: list[Any], faults: dict[int, str]) -> pa.Array:
    if float in {*map(type, values)}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    try:
        return pa.array(values, pa.int64())
    except (OverflowError, pa.ArrowInvalid):
        for place, value in enumerate(values):
            if value is not None and value not in _INT64:
                faults.setdefault(place, f"its {name!r} is a whole number of more than 64 bits; write it as text")
                values[place] = None
        return pa.array(values, pa.int64())


def _texts(name: str, values: list[Any], faults: dict[int, str]) -> pa.Array:
    try:
        return pa.array(values, pa.large_string())
    except UnicodeEncodeError:
        for place, value in enumerate(values):
            if value is not None and any("\ud800" <= letter <= "\udfff" for letter in value):
                faults.setdefault(place, f"its {name!r} holds half a surrogate, which is no text")
                values[place] = None
        return pa.array(values, pa.large_string())


def spelled_column(column: pa.Array) -> pa.Array:
    """Nested values as text that is equal where they are."""
    return pa.array(_spelled(column.to_pylist()), pa.large_string())


def _spelled(values: Iterable[Any]) -> list[str | None]:
    return [None if value is None else json.dumps(value, sort_keys=True, default=repr) for value in values]


def without_faults(table: pa.Table, wanted: Wanted, faults: Mapping[int, str]) -> Typed:
    """The rows of a table that have no fault yet, an id, and finite numbers where there must be some."""
    found = dict(faults)
    for name in wanted.columns:
        column = table.column(name)
        floats = pa.types.is_floating(column.type)
        if name in wanted.by:
            missing = column.is_null(nan_is_null=floats)
        elif name in wanted.numbers:
            missing = pc.invert(pc.is_finite(column).fill_null(False)) if floats else column.is_null()
        else:
            continue
        for place in np.flatnonzero(missing.to_numpy()).tolist() if pc.any(missing).as_py() else ():
            found.setdefault(place, f"its {name!r} is {'missing' if column[place].as_py() is None else 'no finite number'}")
    if not found:
        return Typed(table, found)
    kept = np.ones(table.num_rows, np.bool_)
    kept[[*found]] = False
    return Typed(table.filter(pa.array(kept)), found)


def codes_of_groups(table: pa.Table, by: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Small whole numbers, one for each of at least one row, equal where all columns `by` are. Cost O(rows) in the mean."""
    codes = np.zeros(table.num_rows, np.int64)
    for name in by:
        column = table.column(name)
        found, count = _codes(column)
        codes = found if len(by) == 1 else _codes(pa.chunked_array([codes * count + found]))[0]
    return codes


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray[Any, np.dtype[np.int64]], int]:
    """Whole numbers from 0, equal where the values are, and a bound of them."""
    if pa.types.is_integer(column.type):
        low, high = (bound.as_py() for bound in pc.min_max(column).values())
        if high - low < max(4 * len(column), 1 << 16) and high in _INT64:
            return column.to_numpy().astype(np.int64, copy=False) - low, high - low + 1
    encoded = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    parts = [chunk.indices.to_numpy().astype(np.int64) for chunk in encoded.chunks]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64), max(
        (len(c.dictionary) for c in encoded.chunks), default=1
    )
