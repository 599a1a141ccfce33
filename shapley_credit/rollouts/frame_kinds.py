"""The frames of other libraries: their columns as Arrow, and how columns are added to each."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
from narwhals.exceptions import DuplicateError

from shapley_credit.errors import InputError
from shapley_credit.rollouts.table_columns import Columns, Opened, of_table


def opened(frame: Any) -> Opened:
    """A frame that holds its rows. Raises InputError for anything else, and for names of columns that are there twice."""
    datasets = sys.modules.get("datasets")
    if isinstance(frame, pa.Table):
        return of_table(frame)
    if datasets is not None and isinstance(frame, datasets.Dataset):
        return _dataset(frame)
    try:
        wrapped = nw.from_native(frame, pass_through=True)
    except DuplicateError as error:
        raise InputError(f"the frame has several columns of one name; rename all but one: {error}") from error
    if isinstance(wrapped, nw.DataFrame):
        return _frame(wrapped)
    if isinstance(wrapped, nw.LazyFrame):
        raise InputError(
            f"the rows of a lazy {type(frame).__name__} are not at hand; .collect() or .compute() it first. Frames that no "
            "machine holds are credited part by part (docs/rollouts.md)."
        )
    raise InputError(
        "rows are credited in a pandas, polars or Modin DataFrame, a pyarrow.Table or a Hugging Face Dataset; got "
        f"{type(frame).__name__}. Of a DatasetDict pass each split; for clusters see docs/rollouts.md; for arrays call "
        "shapley_credit.set_shapley(utility, groups=ids)."
    )


def _dataset(dataset: Any) -> Opened:
    """A Hugging Face Dataset, whose rows may be a selection of those of its Arrow table."""

    def read(name: str) -> Any:
        return dataset.select_columns([name]).with_format("arrow")[:].column(name)

    def added(new: Mapping[str, Any]) -> Any:
        whole = dataset
        for name, values in new.items():
            whole = whole.add_column(name, values)
        return whole

    return Columns(dataset.column_names, len(dataset), read), added


def _frame(frame: Any) -> Opened:
    def added(new: Mapping[str, Any]) -> Any:
        made = [nw.Series.from_numpy(name, values, backend=frame.implementation) for name, values in new.items()]
        return frame.with_columns(*made).to_native()

    return Columns(frame.columns, len(frame), lambda name: _arrow_of(frame[name], name)), added


def _arrow_of(series: Any, name: str) -> Any:
    """The values as an Arrow column, or as an array of objects where they are of several types, or too large for numbers.

    Raises InputError for half a surrogate.
    """
    try:
        column = series.to_arrow()
    except UnicodeEncodeError as error:
        raise InputError(
            f"column {name!r} holds half a surrogate, which is no text ({error}); replace it, as "
            "text.encode('utf-8', 'replace').decode() does."
        ) from error
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return np.asarray(series.to_numpy(), np.object_)
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
