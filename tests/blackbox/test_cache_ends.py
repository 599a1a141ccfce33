"""How the life of a cache ends: nobody closes it, its process forks, exits, or is at work. Each in a process of its own."""

from __future__ import annotations

import gc
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import shapley_credit as sc

START = """
import os, signal, sqlite3, subprocess, sys, threading, time, warnings
import shapley_credit as sc
warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
def opened():
    return sc.Cache(sys.argv[1], name="n", version="1")
cache = opened()
cache["a"] = 1.0
"""


def printed(program: str, tmp_path: Path) -> str:
    """What a program prints that has opened a cache and kept an answer; it must end well, with nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", START + program, str(tmp_path / "a.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_a_cache_that_nobody_closes_is_closed(tmp_path: Path) -> None:
    cache = sc.Cache(tmp_path / "a.db", name="n", version="1")
    base = cache._base
    del cache
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        base.execute("SELECT 1")


def test_the_end_of_a_process_leaves_one_file(tmp_path: Path) -> None:
    assert printed("", tmp_path) == ""
    assert [file.name for file in tmp_path.iterdir()] == ["a.db"]


def test_a_thread_at_work_when_the_process_ends(tmp_path: Path) -> None:
    """A connection that is closed under a thread at work is a crash, not in every run."""
    program = """
rows = {f"k{j}": 1.0 for j in range(2000)}
def work():
    while True:
        cache.update(rows)
threading.Thread(target=work, daemon=True).start()
time.sleep(0.1)
"""
    for _ in range(8):
        assert printed(program, tmp_path) == ""
    with sc.Cache(tmp_path / "a.db", name="n", version="1") as cache:
        assert cache["a"] == 1.0


@pytest.mark.parametrize("used", ["pass", "cache['b'] = 2.0", "cache.close()"])
def test_a_child_that_exits_takes_nothing_away_from_others(used: str, tmp_path: Path) -> None:
    """It must not close the connection of its parent, when a third process has the file."""
    job = "import os,sys,shapley_credit as sc; c=sc.Cache(sys.argv[1],name='n',version='1'); "
    job += "c.update({i:1.0 for i in range(100)}); os.kill(os.getpid(),9)"
    program = f"""
r, w = os.pipe()
if os.fork() == 0:
    os.close(w)
    {used}
    os.read(r, 1)
    sys.exit(0)
if "'b'" in {used!r}:
    while "b" not in cache:
        time.sleep(0.01)
cache.close()
subprocess.run([sys.executable, "-c", {job!r}, sys.argv[1]])
os.write(w, b"x")
assert os.wait()[1] == 0
with opened() as again:
    print(len(again))
"""
    assert printed(program, tmp_path) == ("102" if "'b'" in used else "101")


def test_a_fork_while_a_thread_holds_the_cache(tmp_path: Path) -> None:
    program = """
held, done = threading.Event(), threading.Event()
def hold():
    with cache._alone():
        held.set()
        done.wait()
threading.Thread(target=hold).start()
held.wait()
if os.fork() == 0:
    signal.alarm(20)
    cache["child"] = 2.0
    os._exit(0)
status = os.wait()[1]
done.set()
print(status, cache["child"])
cache.close()
"""
    assert printed(program, tmp_path) == "0 2.0"


def test_a_child_that_can_not_open_the_file_at_once(tmp_path: Path) -> None:
    """It does not use the connection of its parent for that."""
    program = """
if os.fork() == 0:
    parents, connect = cache._base, sqlite3.connect
    def refuse(*_, **__):
        raise sqlite3.OperationalError("unable to open database file")
    sqlite3.connect = refuse
    for _ in range(2):
        try:
            cache["b"] = 2.0
        except sc.InputError:
            assert cache._base is parents
    sqlite3.connect = connect
    cache["b"] = 3.0
    os._exit(int(cache._base is parents))
print(os.wait()[1], cache["b"])
cache.close()
"""
    assert printed(program, tmp_path) == "0 3.0"
