"""Answers on disk."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from math import isnan
from os import PathLike
from typing import Any

from shapley_credit.errors import InputError
from shapley_credit.inputs.answers import number_of, shown


class Cache(MutableMapping[Any, float]):
    """Answers of a utility in an SQLite file: what is stored survives the death of the process, and may be shared by several.

    path: the file, made if absent. name, version: of the utility; other names and versions have answers of their own.
    Keys are requests: texts, bytes, numbers and tuples of them. Threads, processes and copies may share a file.
    Raises TypeError for keys of other types, which have no text of their own, and InputError for a key NaN, which equals
    nothing, for values that are no finite numbers, and for a file that is something else.

    >>> import os, tempfile
    >>> import shapley_credit as sc
    >>> path = os.path.join(tempfile.mkdtemp(), "answers.db")
    >>> with sc.Cache(path, name="length", version="1") as cache:
    ...     cache["some text"] = 9.0
    >>> with sc.Cache(path, name="length", version="1") as cache:
    ...     cache["some text"]
    9.0
    """

    def __init__(self, path: str | PathLike[str], *, name: str, version: str) -> None:
        self.path, self.name, self.version = _path(path), name, version
        self.owner = f"{_identifier(name, 'name')}\x00{_identifier(version, 'version')}"
        # Evaluations of one process that share this ask each request once.
        self.shared_as = (os.path.realpath(self.path), self.owner)
        self._lock = threading.RLock()
        self._open()

    def _open(self) -> None:
        self._process = os.getpid()
        self._base = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        self._closing = weakref.finalize(self, _close, self._base, self._process)  # also when nobody closes it
        try:
            _patiently(self._base, "PRAGMA journal_mode=WAL")
            # Safe when a process dies; a power cut may take the last answers, but damages nothing.
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS answers "
                "(owner TEXT, request TEXT, value REAL, PRIMARY KEY (owner, request)) WITHOUT ROWID"
            )
        except sqlite3.OperationalError:
            self._closing()
            raise
        except sqlite3.DatabaseError as error:
            self._closing()
            raise InputError(f"{self.path} is no file of answers ({error}); give another path, or move it away.") from error

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        """The file, for one thread at a time; a forked process opens it again, as SQLite demands."""
        with self._lock:
            if self._process != os.getpid():
                self._closing()
                self._open()
            yield self._base

    def __getitem__(self, request: Any) -> float:
        with self._alone() as base:
            found = base.execute("SELECT value FROM answers WHERE owner = ? AND request = ?", self._key(request)).fetchone()
        if found is None or found[0] is None:  # SQLite keeps NaN as null
            raise KeyError(request)
        return float(found[0])

    def __setitem__(self, request: Any, value: float) -> None:
        self.update([(request, value)])

    def update(self, *answers: Any, **named: Any) -> None:
        """Keep several answers, of a mapping or of pairs, in one transaction: all of them, or none where it is interrupted or
        the disk is full."""
        rows = [(*self._key(request), _value(request, value)) for request, value in dict(*answers, **named).items()]
        with self._alone() as base:
            try:
                base.execute("BEGIN IMMEDIATE")
                base.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
                base.execute("COMMIT")
            except BaseException:
                if base.in_transaction:  # a full disk ends it on its own
                    base.execute("ROLLBACK")
                raise

    def __delitem__(self, request: Any) -> None:
        with self._alone() as base:
            if not base.execute("DELETE FROM answers WHERE owner = ? AND request = ?", self._key(request)).rowcount:
                raise KeyError(request)

    def __iter__(self) -> Iterator[Any]:
        from ast import literal_eval

        with self._alone() as base:
            rows = base.execute(f"SELECT request {_OWN} ORDER BY request", (self.owner,)).fetchall()
        return (literal_eval(request) for (request,) in rows)

    def __len__(self) -> int:
        with self._alone() as base:
            return int(base.execute(f"SELECT COUNT(*) {_OWN}", (self.owner,)).fetchone()[0])

    def _key(self, request: Any) -> tuple[str, str]:
        return self.owner, _printed(request)

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (self.path, self.name, self.version)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._closing()

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


_INHERITED: list[sqlite3.Connection] = []  # connections of a parent, which a forked process must not even close


def _close(base: sqlite3.Connection, process: int) -> None:
    if process == os.getpid():
        base.close()
    else:
        _INHERITED.append(base)


def _patiently(base: sqlite3.Connection, statement: str) -> None:
    """Run what SQLite refuses at once while others open the file, whatever its timeout."""
    for attempt in range(10):
        try:
            base.execute(statement)
        except sqlite3.OperationalError as error:
            if attempt == 9 or "locked" not in str(error):
                raise
            time.sleep(0.01 * 2**attempt)
        else:
            return


_LONG = 10_000  # bits above which whole numbers are kept in hex: Python prints at most 4,300 decimal digits

_OWN = "FROM answers WHERE owner = ? AND value IS NOT NULL"


def _opened(path: str, name: str, version: str) -> Cache:
    return Cache(path, name=name, version=version)


def _identifier(text: Any, what: str) -> str:
    """A text that no other name and version can be taken for, as 1 and "1" could, or two texts with a null between them."""
    if not isinstance(text, str) or "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InputError(f"{what} of a cache must be a text without null characters and surrogates; got {shown(text)}.")
    return text


def _path(path: Any) -> str:
    """The whole path, or InputError for what SQLite can't open as one."""
    try:
        whole = os.path.abspath(os.fsdecode(path))
        whole.encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"path of a cache must be the path of a file, in whole characters; got {shown(path)}.") from error
    if "\x00" in whole:
        raise InputError(f"path of a cache must be without null characters; got {shown(path)}.")
    return whole


def _value(request: Any, value: Any) -> float:
    try:
        return number_of(value)
    except InputError as error:
        raise InputError(f"a cache keeps finite numbers; the answer to {shown(request)} {error}.") from error


def _printed(request: Any) -> str:
    """A literal that Python reads as the same request."""
    kind = type(request)
    if kind is tuple:
        items: Sequence[str] = [_printed(item) for item in request]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if kind not in (str, bytes, int, float, bool):
        raise TypeError(f"requests on disk must be texts, bytes, numbers or tuples of them; got {shown(request)}.")
    if kind is float and isnan(request):
        raise InputError("a request that holds NaN equals no other, so its answer is never found again; got nan.")
    text = hex(request) if kind is int and request.bit_length() > _LONG else repr(request)
    return text.replace("inf", "1e999") if kind is float else text  # a literal that is read as infinity
