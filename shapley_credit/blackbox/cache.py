"""Answers on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, MutableMapping
from os import PathLike
from typing import Any


class Cache(MutableMapping[Any, float]):
    """Answers of a utility in an SQLite file: what is stored survives the death of the process, and may be shared by several.

    path: the file, made if absent. name, version: of the utility; other names and versions have answers of their own.
    Keys are requests: texts, bytes, numbers and tuples of them. Raises TypeError for others, whose print is no key.

    >>> import os, tempfile
    >>> from shapley_credit.blackbox import Cache
    >>> path = os.path.join(tempfile.mkdtemp(), "answers.db")
    >>> with Cache(path, name="length", version="1") as cache:
    ...     cache["some text"] = 9.0
    >>> with Cache(path, name="length", version="1") as cache:
    ...     cache["some text"]
    9.0
    """

    def __init__(self, path: str | PathLike[str], *, name: str, version: str) -> None:
        self.owner = f"{name}\x00{version}"
        self._base = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS answers "
            "(owner TEXT, request TEXT, value REAL, PRIMARY KEY (owner, request)) WITHOUT ROWID"
        )

    def __getitem__(self, request: Any) -> float:
        found = self._base.execute("SELECT value FROM answers WHERE owner = ? AND request = ?", self._key(request)).fetchone()
        if found is None:
            raise KeyError(request)
        return float(found[0])

    def __setitem__(self, request: Any, value: float) -> None:
        self.store([(request, value)])

    def store(self, answers: Iterable[tuple[Any, float]]) -> None:
        """Keep several answers in one transaction."""
        rows = [(*self._key(request), float(value)) for request, value in answers]
        self._base.execute("BEGIN IMMEDIATE")
        self._base.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
        self._base.execute("COMMIT")

    def __delitem__(self, request: Any) -> None:
        if not self._base.execute("DELETE FROM answers WHERE owner = ? AND request = ?", self._key(request)).rowcount:
            raise KeyError(request)

    def __iter__(self) -> Iterator[Any]:
        from ast import literal_eval

        rows = self._base.execute("SELECT request FROM answers WHERE owner = ? ORDER BY request", (self.owner,)).fetchall()
        return (literal_eval(request) for (request,) in rows)

    def __len__(self) -> int:
        return int(self._base.execute("SELECT COUNT(*) FROM answers WHERE owner = ?", (self.owner,)).fetchone()[0])

    def _key(self, request: Any) -> tuple[str, str]:
        if not _printable(request):
            raise TypeError(f"requests on disk must be texts, bytes, numbers or tuples of them; got {request!r}.")
        return self.owner, repr(request)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _printable(request: Any) -> bool:
    if isinstance(request, tuple):
        return all(map(_printable, request))
    return type(request) in (str, bytes, int, float, bool)
