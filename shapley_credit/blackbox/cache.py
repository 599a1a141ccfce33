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
    nothing, for values that are no finite numbers, for a file that can't be opened, and for one that is something else: it is
    left as it is.

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
        self._open()

    def _open(self) -> None:
        process, lock = os.getpid(), threading.RLock()  # a lock of a parent may be held by a thread that a fork leaves behind
        try:
            base = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        except sqlite3.OperationalError as error:
            raise self._unopened(error) from error
        closing = weakref.finalize(self, _close, base, process, lock)  # when nobody calls `close`
        try:
            _refuse_others(base)
            _patiently(base, "PRAGMA journal_mode=WAL")
            # Safe when a process dies; a power cut may take the last answers, but damages nothing.
            base.execute("PRAGMA synchronous=NORMAL")
            if base.execute("PRAGMA application_id").fetchone()[0] != _OURS:
                base.execute(f"PRAGMA application_id={_OURS}")
            base.execute(_TABLE.replace("TABLE", "TABLE IF NOT EXISTS", 1))
        except sqlite3.OperationalError as error:
            closing()
            raise self._unopened(error) from error
        except sqlite3.DatabaseError as error:
            closing()
            raise InputError(f"{self.path} is no file of answers ({error}); give another path, or move it away.") from error
        self._process, self._lock, self._base, self._closing = process, lock, base, closing

    def _unopened(self, error: sqlite3.Error) -> InputError:
        return InputError(
            f"the cache can't open {self.path} ({error}). Give the path of a file, in a folder that exists, and both of which "
            "you may write to."
        )

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        """The file, for one thread at a time; a forked process opens it again, as SQLite demands."""
        if self._process != os.getpid():
            with _reopening:
                if self._process != os.getpid():
                    self._closing()
                    self._open()
        with self._lock:
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
        if self._process != os.getpid():
            self._closing()
            return
        with self._lock:
            self._closing.detach()
            self._base.close()

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


_reopening = threading.Lock()


def _after_a_fork() -> None:
    global _reopening  # the old one may be held by a thread that is not there in the child
    _reopening = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_a_fork)


def _close(base: sqlite3.Connection, process: int, lock: threading.RLock) -> None:
    """Close a connection that nobody can ask for any more, at the end of the process too: the lock is kept, so that a thread
    that is still at work waits for the end.

    A connection of a parent is never closed nor freed, which would take its locks and files away from the parent and from
    others; nor is one on which a thread works for long.
    """
    if process == os.getpid() and lock.acquire(timeout=_PATIENCE):
        base.close()
    else:
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(base))


def _refuse_others(base: sqlite3.Connection) -> None:
    """Raise DatabaseError for a file of another program, before even the mode of its journal is changed."""
    made_by = _patiently(base, "PRAGMA application_id")[0][0]
    tables = _patiently(base, "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'")
    if others := [name for name, sql in tables if sql != _TABLE]:
        raise sqlite3.DatabaseError(f"it is a database of another program, which holds {shown(others[0])}")
    if made_by not in (0, _OURS):
        raise sqlite3.DatabaseError(f"it is a database of another program, of application_id {made_by}")


def _patiently(base: sqlite3.Connection, statement: str) -> list[Any]:
    """Run what SQLite refuses at once while others open the file, whatever its timeout; return the rows."""
    attempt = 0
    while True:
        try:
            return base.execute(statement).fetchall()
        except sqlite3.OperationalError as error:
            attempt += 1
            if attempt == 10 or "locked" not in str(error):
                raise
            time.sleep(0.005 * 2**attempt)


_PATIENCE = 10.0  # seconds that the end of a process waits for a thread at work
_LONG = 10_000  # bits above which whole numbers are kept in hex: Python prints at most 4,300 decimal digits

# As SQLite keeps it, to the letter: a table of another making belongs to another program.
_TABLE = "CREATE TABLE answers (owner TEXT, request TEXT, value REAL, PRIMARY KEY (owner, request)) WITHOUT ROWID"
_OURS = int.from_bytes(b"shpy")  # by which `file` and SQLite tell the program of a file; files of older versions have none

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
