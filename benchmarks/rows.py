"""Credits of rows in Parquet, by the command line and by three libraries of tables: python -m benchmarks.rows --rows 10000000

Every way reads the same file and writes it again with a column, its rows in order: the Shapley value of the best reward in
the row's group. Each is a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.machine import ROOT, facts

# Rows of a group of rows of the file, and the most members of a group.
PART, LARGEST = 1 << 19, 16


def generate(path: Path, rows: int) -> None:
    """Rows of groups of 1 to 16 members, shuffled: an id, a length and a reward, written a part at a time."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, LARGEST + 1, size=rows // ((1 + LARGEST) // 2) + LARGEST)
    ids = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)[:rows]
    rng.shuffle(ids)
    schema = pa.schema({"prompt_id": pa.int64(), "length": pa.int32(), "reward": pa.float64()})
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, PART):
            part = ids[start : start + PART].astype(np.int64)
            columns = [part, np.zeros(len(part), np.int32), rng.normal(size=len(part))]
            writer.write_table(pa.table(columns, schema=schema))


def with_pandas(path: Path, out: Path) -> None:
    """One sort, and sums within groups."""
    import pandas as pd

    frame = pd.read_parquet(path)
    ordered = frame.sort_values(["prompt_id", "reward"])
    groups = ordered.groupby("prompt_id")["reward"]
    gaps = ordered["reward"] - groups.shift(fill_value=0.0)
    steps = gaps / (groups.transform("size") - groups.cumcount())
    frame["credit"] = steps.groupby(ordered["prompt_id"]).cumsum()
    frame.to_parquet(out)


def with_pandas_function(path: Path, out: Path) -> None:
    """A function of one group, as it is written first."""
    import pandas as pd

    def credit(rewards: Any) -> Any:
        ordered = rewards.sort_values()
        gaps = ordered.diff().fillna(ordered.iloc[0])
        return (gaps / np.arange(len(ordered), 0, -1)).cumsum()

    frame = pd.read_parquet(path)
    frame["credit"] = frame.groupby("prompt_id")["reward"].transform(credit)
    frame.to_parquet(out)


def with_polars(path: Path, out: Path) -> None:
    """One sort of the groups' rows, and a window over each."""
    import polars as pl

    reward, rank = pl.col("reward"), pl.int_range(pl.len())
    ordered = reward.sort()
    steps = (ordered - ordered.shift(1, fill_value=0.0)) / (pl.len() - rank)
    credit = steps.cum_sum().gather(reward.arg_sort().arg_sort()).over("prompt_id")
    pl.read_parquet(path).with_columns(credit=credit).write_parquet(out, compression="snappy")


def with_duckdb(path: Path, out: Path) -> None:
    """Windows in SQL; the rows are put back in their order."""
    import duckdb

    duckdb.sql("SET preserve_insertion_order = true")
    duckdb.sql(f"""
        COPY (
          SELECT prompt_id, length, reward,
            sum(gap / (size - rank + 1)) OVER (PARTITION BY prompt_id ORDER BY rank ROWS UNBOUNDED PRECEDING) AS credit
          FROM (
            SELECT *,
              reward - lag(reward, 1, 0.0) OVER w AS gap, row_number() OVER w AS rank,
              count(*) OVER (PARTITION BY prompt_id) AS size
            FROM read_parquet('{path}', file_row_number = true)
            WINDOW w AS (PARTITION BY prompt_id ORDER BY reward))
          ORDER BY file_row_number
        ) TO '{out}' (FORMAT parquet)""")


def with_command(path: Path, out: Path) -> None:
    """The command line, which tells the columns from their names."""
    from shapley_credit import cli

    sys.argv = ["shapley-credit", "credit", str(path), "--out", str(out)]
    with suppress(SystemExit):
        cli.main()


# The functions take minutes for what the others do in seconds: they get a smaller share of the rows.
SHARE = 20
WAYS: dict[str, tuple[Callable[[Path, Path], None], int]] = {
    "shapley-credit": (with_command, 1),
    "pandas, sorted": (with_pandas, 1),
    "pandas, transform": (with_pandas_function, SHARE),
    "polars": (with_polars, 1),
    "DuckDB": (with_duckdb, 1),
}


class Run(NamedTuple):
    """Seconds of the clock and of processors, and the peak of memory in bytes."""

    wall: float
    busy: float
    peak: int


def measured(way: str, path: Path, out: Path) -> Run:
    """One way in a process of its own, from its start to its end."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.rows", "--way", way, str(path), str(out)], cwd=ROOT)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{way} ended with {process.returncode}")
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def agree(path: Path, other: Path) -> bool:
    """Whether two files hold the same rows and credits."""
    one, two = pq.read_table(path), pq.read_table(other)
    return bool(one["prompt_id"].equals(two["prompt_id"]) and np.allclose(one["credit"], two["credit"], rtol=0.0, atol=1e-12))


def main() -> None:
    """Print a table: seconds, rows a second and peak memory of every way, medians of the runs, which take turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--way", nargs=3, metavar=("NAME", "PATH", "OUT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        name, path, out = given.way
        WAYS[name][0](Path(path), Path(out))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), given.rows, given.runs)


def compare(folder: Path, rows: int, runs: int) -> None:
    """Generate the files in a folder, run all ways in turns, and print what they took."""
    files = {share: folder / f"rows_{share}.parquet" for _, share in WAYS.values()}
    for share, path in files.items():
        generate(path, rows // share)
    found: dict[str, list[Run]] = {name: [] for name in WAYS}
    for _ in range(runs):
        for name, (_, share) in WAYS.items():
            found[name].append(measured(name, files[share], folder / f"{name}.parquet"))
    print(facts(["shapley-credit", "pyarrow", "pandas", "polars", "duckdb"]))
    print(f"{'':20}{'rows':>12}{'seconds':>10}{'CPU s':>10}{'rows a second':>16}{'peak GB':>10}")
    for name, (_, share) in WAYS.items():
        wall, busy, peak = (median(each) for each in zip(*found[name], strict=True))
        print(f"{name:20}{rows // share:>12,}{wall:>10.2f}{busy:>10.2f}{rows / share / wall:>16,.0f}{peak / 1e9:>10.2f}")
    same = [
        name
        for name, (_, share) in WAYS.items()
        if share == 1 and agree(folder / "shapley-credit.parquet", folder / f"{name}.parquet")
    ]
    print(f"the same credits as shapley-credit to 1e-12: {', '.join(same[1:])}")


if __name__ == "__main__":
    main()
