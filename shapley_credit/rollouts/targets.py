"""Where rows go: to one file, to a file for each that was read, or to standard output."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from shapley_credit.errors import InputError
from shapley_credit.rollouts.parquet_rows import ParquetRows, with_columns
from shapley_credit.rollouts.reading import Rows
from shapley_credit.rollouts.sources import STANDARD, kind_of


class Target(NamedTuple):
    """A file that is written, and which of the files that were read go to it, by their places."""

    name: str
    parts: tuple[int, ...]


def targets_of(out: str | None, rejects: str | None, files: Sequence[Rows]) -> tuple[Target, ...]:
    """What is written for the files that are read: one file for all, or one for each, of its name, in a folder.

    out: a file, a folder that is there or ends in a slash, which is made, "-" for standard output; None, if nothing is written.
    Raises InputError for a file of another kind than those that are read, for one of those, and for two of one name.
    """
    names = [] if out is None else [out]
    if out is not None and out != STANDARD and (out.endswith(os.sep) or Path(out).is_dir()):
        names = [str(Path(out) / rows.source.path.name) for rows in files]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"two files would be written to {twice[0]}; write all rows to one file, or rename one.")
        targets = tuple(Target(name, (place,)) for place, name in enumerate(names))
    else:
        targets = tuple(Target(name, tuple(range(len(files)))) for name in names)
        merged(files, None)
    for name in _paths([*names, *([] if rejects is None else [rejects])]):
        _check(name, files, made=name != rejects and name != out)
    if rejects is not None and any(_same(rejects, name) for name in names):
        raise InputError(f"{rejects} can't hold both the rows that are credited and those that are set aside.")
    return targets


def _paths(names: Sequence[str]) -> Iterator[str]:
    """Those that are, or will be, files that something is written over."""
    return (name for name in names if name != STANDARD and (Path(name).is_file() or not Path(name).exists()))


def _check(name: str, files: Sequence[Rows], made: bool) -> None:
    folder = Path(os.path.realpath(name)).parent
    if why := _unwritable(folder if folder.exists() or not made else folder.parent):
        raise InputError(f"{name} can't be written: {os.strerror(why)}.")
    kind, _ = kind_of(Path(name), name)
    if kind != (given := files[0].source.kind):
        raise InputError(f"rows stay in their format: {files[0].source.name} is {given}, {name} would be {kind}.")
    for rows in files:
        if _same(name, str(rows.source.path)):
            raise InputError(f"{name} is read, and can't be written; give another file.")


def _unwritable(folder: Path) -> int:
    """The number of the error that writing into a folder would end in; 0 if it can be written."""
    if not folder.exists():
        return errno.ENOENT
    if not folder.is_dir():
        return errno.ENOTDIR
    return 0 if os.access(folder, os.W_OK | os.X_OK) else errno.EACCES


def _same(one: str, other: str) -> bool:
    """Whether two paths are one file, or will be."""
    if STANDARD in (one, other):
        return one == other
    return os.path.realpath(one) == os.path.realpath(other) or (
        Path(one).exists() and Path(other).exists() and Path(one).samefile(other)
    )


def merged(files: Sequence[Rows], added: pa.Schema | None) -> bytes | pa.Schema:
    """What stands at the head of one file for the rows of several, with columns added: bytes, or the schema of Parquet.

    Raises InputError if their columns differ.
    """
    first = files[0]
    if isinstance(first, ParquetRows):
        try:
            whole = pa.unify_schemas([rows.schema for rows in files if isinstance(rows, ParquetRows)])
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise InputError(f"the columns of {first.source.name} and others differ, {error}. {_FOLDER}") from error
        return whole if added is None else with_columns(whole, added)
    names = () if added is None else tuple(added.names)
    tops = [rows.top(names) for rows in files if not isinstance(rows, ParquetRows)]
    for rows, top in zip(files, tops, strict=True):
        if top != tops[0]:
            raise InputError(f"the columns of {first.source.name} and {rows.source.name} differ. {_FOLDER}")
    return tops[0]


_FOLDER = "Rows of one file have the same columns; write to a folder: --out FOLDER/"
