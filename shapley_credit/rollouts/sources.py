"""The files that rows are read from, twice: paths, patterns of paths, and standard input, which is kept in a temporary file."""

from __future__ import annotations

import codecs
import glob
import io
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from shapley_credit.errors import InputError

KINDS = {".jsonl": "JSON lines", ".ndjson": "JSON lines", ".json": "JSON lines", ".csv": "CSV", ".parquet": "Parquet"}
PACKED = {".gz": "gzip", ".zst": "zstd"}
STANDARD = "-"
# What files begin with that have no name to go by.
_PARQUET, _MARKS = b"PAR1", {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst"}
# Bytes of the longest row that is read: a file without line ends would fill the memory.
LONGEST = 100_000_000


@dataclass(frozen=True)
class Source:
    """A file of rows.

    Attributes:
        path: where it is read.
        name: what messages call it.
        kind: "JSON lines", "CSV" or "Parquet".
        codec: how it is compressed, None if it is not.
        stamp: size, time of the last change and number of the file.
    """

    path: Path
    name: str
    kind: str
    codec: str | None
    stamp: tuple[int, int, int]

    @classmethod
    def of(cls, path: Path, name: str | None = None) -> Source:
        """The file at a path, whose suffixes say what it is. Raises InputError for others, and for what is no file."""
        told = str(path) if name is None else name
        stamp = _stamp(path, told)
        return cls(path, told, *kind_of(path, told), stamp)

    def check_unchanged(self) -> None:
        """Raise InputError if the file is not what it was when it was found."""
        if _stamp(self.path, self.name) != self.stamp:
            raise InputError(f"{self.name} has changed while it was read; nothing is written. Run again when it is complete.")


@contextmanager
def unpacked(path: Path, codec: str | None) -> Iterator[tuple[io.BufferedReader, Callable[[], int]]]:
    """The content of a file to read, and how many bytes of the file have been read so far."""
    with path.open("rb", buffering=0) as raw:
        # The package zstandard takes a truncated file for a whole one; Arrow refuses it.
        stream: Any = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), codec) if codec else raw
        with io.BufferedReader(stream, 1 << 20) as file:
            yield file, raw.tell


def kind_of(path: Path, name: str) -> tuple[str, str | None]:
    """The kind and the compression that the suffixes of a path say."""
    codec = PACKED.get(path.suffix)
    inner = path.with_suffix("") if codec else path
    kind = KINDS.get(inner.suffix)
    if kind is None or (codec and kind == "Parquet"):
        raise InputError(
            f"{name}: files of rows end in .jsonl, .ndjson, .json, .csv or .parquet, compressed ones also in .gz or .zst, but "
            "not Parquet."
        )
    return kind, codec


def sources_of(given: Iterable[str], kept: ExitStack) -> list[Source]:
    """The files that paths and patterns name, each once, those of a pattern in the order of their names.

    given: paths, patterns with * and **, or "-" for standard input. kept: owns temporary files.
    Raises InputError for what names no file, names one twice, or is of another kind than the first.
    """
    found: list[Source] = []
    for text in given:
        for path in _paths(text):
            source = _spooled(text, kept) if path is None else Source.of(path)
            if any(source.path.samefile(other.path) for other in found):
                raise InputError(f"{source.name} is given twice; its rows would be members of their groups twice.")
            if found and source.kind != found[0].kind:
                raise InputError(f"{found[0].name} is {found[0].kind}, {source.name} {source.kind}; give files of one kind.")
            found.append(source)
    return found


def _paths(text: str) -> Iterator[Path | None]:
    path = Path(text)
    if text == STANDARD or path.is_fifo():
        yield None
    elif path.exists() or not glob.has_magic(text):
        yield path
    else:
        names = sorted(glob.glob(text, recursive=True))
        if not names:
            raise InputError(f"no file matches {text}.")
        yield from map(Path, names)


def _stamp(path: Path, name: str) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"{name} can't be read: {error.strerror}.") from error
    if not stat.S_ISREG(found.st_mode):
        told = f"{name} is a folder; give its files, as '{path}/*{_suffix(path)}'." if path.is_dir() else f"{name} is no file."
        raise InputError(told)
    return found.st_size, found.st_mtime_ns, found.st_ino


def _suffix(folder: Path) -> str:
    """That of the first file of rows in a folder."""
    return next((each.suffix for each in sorted(folder.iterdir()) if each.suffix in KINDS), ".jsonl")


def _spooled(text: str, kept: ExitStack) -> Source:
    """Standard input, or a pipe, in a temporary file with the suffix of what it holds."""
    folder = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="shapley-credit-")))
    path = folder / "rows"
    try:
        with path.open("wb") as file:
            if text == STANDARD:
                shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
            else:
                with open(text, "rb") as pipe:
                    shutil.copyfileobj(pipe, file, 1 << 20)
    except OSError as error:
        raise InputError(f"{text} can't be kept in {folder}: {error.strerror}. Set TMPDIR to a folder with room.") from error
    named = path.rename(folder / f"rows{_told_by_content(path)}")
    return Source.of(named, "standard input" if text == STANDARD else text)


def _told_by_content(path: Path) -> str:
    """The suffixes of a file that has no name to go by: objects start with a brace, and CSV with the names of its columns."""
    with path.open("rb") as file:
        start = file.read(4)
    if start == _PARQUET:
        return ".parquet"
    suffix = next((suffix for mark, suffix in _MARKS.items() if start.startswith(mark)), "")
    try:
        with unpacked(path, PACKED.get(suffix)) as (text, _):
            first = next((line for line in iter(partial(text.readline, LONGEST), b"") if not line.isspace()), b"")
    except OSError:  # it will be named when it is read
        first = b""
    inner = ".jsonl" if first.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{") else ".csv"
    return inner + suffix
