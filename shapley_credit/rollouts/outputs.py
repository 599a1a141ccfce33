"""Files that are written beside what they replace, and take its place when everything has been written."""

from __future__ import annotations

import gzip
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Any, BinaryIO

import pyarrow as pa

from shapley_credit.errors import InputError
from shapley_credit.rollouts.sources import PACKED, STANDARD

# Beyond this level gzip takes much longer for little.
_GZIP_LEVEL = 6


class Outputs:
    """Files that all appear at the end of a block, or none of them if it fails; a run that is killed leaves what was there."""

    def __init__(self) -> None:
        self._ready: list[tuple[Path, Path]] = []
        self._begun: list[Path] = []
        self._made: list[Path] = []

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                for written, path in self._ready:
                    os.replace(written, path)
        finally:
            for written in self._begun:
                with suppress(FileNotFoundError):
                    written.unlink()
            for folder in self._made:
                with suppress(OSError):  # it holds what was written
                    folder.rmdir()

    @contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        """A binary file to write to; its suffix says whether it is compressed. "-" is standard output.

        Raises InputError where it can't be written.
        """
        path = Path(os.path.realpath(name))
        try:
            if name == STANDARD:
                with _standard_output() as file:
                    yield file
            elif path.exists() and not stat.S_ISREG(path.stat().st_mode):  # a device or a pipe, which nothing can replace
                with path.open("wb") as file:
                    yield file
            else:
                with self._beside(path) as file:
                    yield file
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InputError(f"{name} can't be written: {error.strerror or error}.") from error

    @contextmanager
    def _beside(self, path: Path) -> Iterator[Any]:
        if not path.parent.exists():
            path.parent.mkdir()
            self._made.append(path.parent)
        written = path.with_name(f".{path.name}.{token_hex(4)}.part")
        with written.open("xb", buffering=1 << 20) as raw:
            self._begun.append(written)
            with _packed(raw, PACKED.get(path.suffix)) as file:
                yield file
        with written.open("r+b") as raw:
            os.fsync(raw.fileno())
        self._ready.append((written, path))


@contextmanager
def _standard_output() -> Iterator[Any]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError:
        # What is left in its buffer would fail once more when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _packed(raw: BinaryIO, codec: str | None) -> AbstractContextManager[Any]:
    """A file that compresses what goes to another, or that one."""
    match codec:
        case None:
            return raw
        case "gzip":
            return gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0)
    packed: AbstractContextManager[Any] = pa.CompressedOutputStream(pa.PythonFile(raw, mode="w"), codec)
    return packed
