"""A cache is shared: each request is asked once by several evaluations, and a file keeps every answer."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapley_credit as sc

from waiting import LIMIT, Members, size, within
from waiting import _nobody_holds_a_request_afterwards as _nobody_holds_a_request_afterwards  # around every test

PLAN = sc.plan(6)

# Several evaluations, one cache.


@pytest.mark.parametrize("disk", [False, True])
@pytest.mark.parametrize("many", [1, 5])
def test_evaluations_in_threads_ask_each_request_once(disk: bool, many: int, tmp_path: Path) -> None:
    shared: dict[Members, float] = {}
    calls: Counter[Members] = Counter()
    together = threading.Barrier(4)

    def value(coalition: Members) -> float:
        calls[coalition] += 1
        time.sleep(0.002)
        return size(coalition)

    def work(_: int) -> Any:
        cache: Any = sc.Cache(tmp_path / "a.db", name="n", version="1") if disk else shared
        together.wait(LIMIT)
        return [sc.evaluate(value, sc.plan(k), cache=cache, batch_size=3) for k in range(5, 5 - many, -1)]

    with ThreadPoolExecutor(4) as pool:
        found = within(lambda: list(pool.map(work, range(4))))
    assert set(calls.values()) == {1}
    assert len(calls) == 32
    assert all(values[0].tolist() == sc.plan(5).coalitions.sum(axis=1).tolist() for values in found)


def test_evaluations_in_one_event_loop_ask_each_request_once() -> None:
    cache: dict[Any, float] = {}
    calls: Counter[Members] = Counter()

    async def value(coalition: Members) -> float:
        calls[coalition] += 1
        await asyncio.sleep(0.001)
        return size(coalition)

    async def both() -> Any:
        return await asyncio.gather(*(sc.aevaluate(value, sc.plan(k), cache=cache) for k in (4, 5, 5)))

    found = within(lambda: asyncio.run(both()))
    assert set(calls.values()) == {1}
    assert [len(values) for values in found] == [16, 32, 32]


def test_what_another_evaluation_asked_in_vain_is_asked_again() -> None:
    cache: dict[Any, float] = {}
    entered, broken = threading.Event(), threading.Event()

    def fails(coalition: Members) -> float:
        entered.set()
        broken.wait(LIMIT)
        raise ConnectionError("down")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(sc.evaluate, fails, PLAN, cache=cache, retries=0)
        assert entered.wait(LIMIT)
        second = pool.submit(sc.evaluate, size, PLAN, cache=cache)
        time.sleep(0.05)
        broken.set()
        assert second.result(LIMIT).tolist() == PLAN.coalitions.sum(axis=1).tolist()
        with pytest.raises(sc.EvaluationError, match="down"):
            first.result(LIMIT)


@pytest.mark.parametrize("threads", [False, True])
def test_an_evaluation_inside_another_of_the_same_cache_waits_for_none(threads: bool) -> None:
    cache: dict[Any, float] = {}

    def value(coalition: Members) -> float:
        inner = sc.evaluate(size, sc.plan(3), cache=cache)
        return float(inner.sum())

    pool = ThreadPoolExecutor(2) if threads else None
    values = within(lambda: sc.evaluate(value, sc.plan(4), cache=cache, batch_size=2, executor=pool))
    assert len(values) == 16


def test_processes_that_share_a_file_lose_no_answer(tmp_path: Path) -> None:
    code = """
import sys, shapley_credit as sc
with sc.Cache(sys.argv[1], name="n", version="1") as cache:
    values = sc.evaluate(lambda coalition: len(coalition) / 7, sc.plan(int(sys.argv[2])), cache=cache)
"""
    path = str(tmp_path / "a.db")
    children = [subprocess.Popen([sys.executable, "-c", code, path, str(k)]) for k in (8, 9, 9)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    with sc.Cache(path, name="n", version="1") as cache:
        assert len(cache) == 512
        assert all(value == len(request) / 7 for request, value in cache.items())


# The cache on disk.


def test_threads_share_one_cache(tmp_path: Path) -> None:
    with sc.Cache(tmp_path / "a.db", name="n", version="1") as cache, ThreadPoolExecutor(8) as pool:

        def work(number: int) -> float:
            cache.update([((number, place), number / 7) for place in range(20)])
            return cache[number, 3]

        assert within(lambda: list(pool.map(work, range(40)))) == [number / 7 for number in range(40)]
        assert len(cache) == 800


def test_a_full_disk_loses_no_answer(tmp_path: Path) -> None:
    for executor in (None, ThreadPoolExecutor(2)):
        with sc.Cache(tmp_path / f"{executor is None}.db", name="n", version="1") as cache:
            cache._base.execute(f"PRAGMA max_page_count={cache._base.execute('PRAGMA page_count').fetchone()[0]}")
            calls: list[str] = []

            def value(request: str, calls: list[str] = calls) -> float:
                calls.append(request)
                time.sleep(0.002)
                return float(len(request))

            def long(number: int, coalition: Members) -> str:
                return f"{coalition}" + "x" * 500

            with pytest.raises(sc.EvaluationError, match=r"cache can't keep answers.*OperationalError: .* full") as ended:
                sc.evaluate(value, PLAN, request=long, cache=cache, executor=executor, batch_size=4, backoff=100.0)
            assert isinstance(ended.value.__cause__, sqlite3.OperationalError)
            assert len(calls) == len(ended.value.answers)
            assert np.isfinite(ended.value.values).sum() == len(calls)
            assert 0 < len(cache) < len(calls) < 64
            cache._base.execute("PRAGMA max_page_count=100000")
            cache["small"] = 1.0  # nothing is left open
            assert cache["small"] == 1.0


def test_an_interrupted_transaction_is_rolled_back(tmp_path: Path) -> None:
    class Broken:
        """A connection that is interrupted in the middle of a transaction."""

        def __init__(self, base: Any) -> None:
            self.base = base

        def __getattr__(self, name: str) -> Any:
            return getattr(self.base, name)

        def executemany(self, statement: str, rows: Any) -> Any:
            self.base.executemany(statement, rows[:1])
            raise KeyboardInterrupt

    with sc.Cache(tmp_path / "a.db", name="n", version="1") as cache:
        whole = cache._base
        cache._base = Broken(whole)  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            cache.update([("a", 1.0), ("b", 2.0)])
        cache._base = whole
        assert len(cache) == 0
        cache.update([("c", 3.0)])
        assert dict(cache) == {"c": 3.0}


def test_keys_and_values_at_the_edge_of_numbers(tmp_path: Path) -> None:
    with sc.Cache(tmp_path / "a.db", name="n", version="1") as cache:
        keys: list[Any] = [np.inf, -np.inf, (1.5, (np.inf,)), "inf", "\ud800", "a\x00b", b"\x00", (), ("x",), -0.0, 10**40]
        for place, key in enumerate(keys):
            cache[key if isinstance(key, tuple | str | bytes | int) else float(key)] = place
        assert [cache[key] for key in keys] == list(range(len(keys)))
        assert set(cache) == set(keys)
        for key in (np.nan, (1, (float("nan"),))):
            with pytest.raises(sc.InputError, match="holds NaN equals no other"):
                cache[key] = 1.0
        for value in (np.nan, np.inf, None, "1", 1j):
            with pytest.raises(sc.InputError, match="finite numbers; the answer to 'key'"):
                cache["key"] = value  # type: ignore[assignment]
        with pytest.raises(sc.InputError, match="finite numbers"):
            cache.update({"good": 1.0, "bad": np.nan})
        assert "good" not in cache


@pytest.mark.parametrize("known", [np.nan, np.inf, None, "junk"])
def test_what_a_cache_knows_as_no_number_is_asked(known: Any) -> None:
    cache = {(): known, (0,): 7.0}
    assert sc.evaluate(size, sc.plan(2), cache=cache).tolist() == [0.0, 7.0, 1.0, 2.0]


def test_names_and_versions_are_never_taken_for_others(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    names = [("a", "b"), ("ab", ""), ("", "ab"), ("a", "b "), ("a|b", "c"), ("a", "b|c"), ("A", "b")]
    for place, (name, version) in enumerate(names):
        with sc.Cache(path, name=name, version=version) as cache:
            cache["key"] = place
    for place, (name, version) in enumerate(names):
        with sc.Cache(path, name=name, version=version) as cache:
            assert dict(cache) == {"key": place}
    bad: list[tuple[Any, Any]] = [("a\x00b", "c"), ("a", "b\x00c"), ("a", 1), (None, "1"), ("\ud800", "1")]
    for name, version in bad:
        with pytest.raises(sc.InputError, match="of a cache must be a text without null"):
            sc.Cache(path, name=name, version=version)
    with pytest.raises(sc.InputError, match="is no file of answers"):
        sc.Cache(__file__, name="a", version="b")


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE customers (name TEXT)",
        "CREATE TABLE answers (question TEXT)",
        "CREATE TABLE answers (owner TEXT, request TEXT, value REAL)",
        "CREATE VIEW answers AS SELECT 1 AS value",
        "PRAGMA application_id=77",
    ],
    ids=["another table", "another one of this name", "no key", "view", "empty"],
)
def test_a_database_of_another_program_is_refused_and_left_as_it_is(made: str, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(made)
    before = path.read_bytes()
    with pytest.raises(
        sc.InputError, match=r"other\.db is no file of answers \(it is a database of another program, .*another path"
    ):
        sc.Cache(path, name="a", version="1")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["other.db"]


def test_a_file_of_answers_has_a_mark_and_one_of_an_older_version_gets_it(tmp_path: Path) -> None:
    with sc.Cache(tmp_path / "new.db", name="a", version="1") as cache:
        cache["key"] = 1.0
        cache._base.execute("ANALYZE")  # which makes tables of SQLite itself
    mark = (tmp_path / "new.db").read_bytes()[68:72]
    assert mark == b"shpy"
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as older:
        older.execute("PRAGMA application_id=0")
    with sc.Cache(tmp_path / "new.db", name="a", version="1") as cache:
        assert dict(cache) == {"key": 1.0}
    assert (tmp_path / "new.db").read_bytes()[68:72] == mark


def test_a_file_that_can_not_be_opened_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "a.db", tmp_path):
        with pytest.raises(sc.InputError, match=rf"the cache can't open {path} \(unable to open .*in a folder that exists"):
            sc.Cache(path, name="a", version="1")


def test_a_cache_survives_a_fork_and_a_copy(tmp_path: Path) -> None:
    with sc.Cache(tmp_path / "a.db", name="n", version="1") as cache:
        cache["a"] = 1.0
        with pickle.loads(pickle.dumps(cache)) as copy:
            assert copy["a"] == 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            cache["b"] = 2.0
            os._exit(0 if cache._process == os.getpid() else 1)
        for _ in range(int(LIMIT * 100)):
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                break
            time.sleep(0.01)
        else:
            os.kill(child, signal.SIGKILL)
            raise AssertionError
        assert status == 0
        assert cache["b"] == 2.0
