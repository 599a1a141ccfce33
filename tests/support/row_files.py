"""Files of rows for the command line, and the command run in this process."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapley_credit as sc
from shapley_credit import cli
from shapley_credit import utilities as u

RECORDED = Path(__file__).parent / "data" / "rollouts"
FORMATS = ("jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz", "parquet")

Row = dict[str, Any]


def rows_of(count: int = 60, seed: int = 0) -> list[Row]:
    """Shuffled rows of ragged groups, with texts that are hard to keep."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, max(count // 5, 1), count).tolist()
    texts = ["plain", 'a "quoted", text', "two\nlines", "naïve \u2028 你好", "", "[red]x[/red] \x1b[31m"]
    return [
        {"prompt_id": f"p{i}", "completion": texts[n % len(texts)], "reward": float(rng.normal()), "answer": f"a{n % 3}"}
        for n, i in enumerate(ids)
    ]


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    """Write rows in the format of the path's suffixes."""
    names = [*rows[0]]
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([*rows]), path)
        return path
    text = io.StringIO(newline="")
    if ".csv" in path.suffixes:
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows(rows)
    else:
        text.write("".join(json.dumps(row) + "\n" for row in rows))
    path.write_bytes(packed(text.getvalue().encode(), path.suffix))
    return path


def packed(content: bytes, suffix: str) -> bytes:
    if suffix == ".gz":
        return gzip.compress(content)
    if suffix == ".zst":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as stream:
            stream.write(content)
        return bytes(sink.getvalue())
    return content


def read_bytes(path: Path) -> bytes:
    """The content of a text file, unpacked."""
    codec = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    with pa.input_stream(path, compression=codec) as stream:
        return bytes(stream.read())


def read_rows(path: Path) -> list[Row]:
    """Rows as values; those of CSV are text."""
    if path.suffix == ".parquet":
        rows: list[Row] = pq.read_table(path).to_pylist()
        return rows
    text = read_bytes(path).decode()
    if ".csv" in path.suffixes:
        return [*csv.DictReader(io.StringIO(text, newline=""))]
    return [json.loads(line) for line in text.split("\n") if line]


def best_credits(rows: Sequence[Row], by: Sequence[str] = ("prompt_id",), reward: str = "reward") -> list[float]:
    """Credit of every row for the best reward of its group, one group at a time."""
    credits = np.zeros(len(rows))
    keys = [tuple(str(row[name]) for name in by) for row in rows]
    for key in set(keys):
        places = [place for place, other in enumerate(keys) if other == key]
        credits[places] = sc.set_shapley(u.Max([float(rows[place][reward]) for place in places]))
    found: list[float] = credits.tolist()
    return found


class Done(NamedTuple):
    """How a command ended: its exit status, and what it printed."""

    status: int
    out: str
    err: str


class Command:
    """The command line, run in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> Done:
        self._monkeypatch.setattr(sys, "argv", ["shapley-credit", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = self._capsys.readouterr()
        code = end.value.code
        if isinstance(code, str):
            return Done(1, printed.out, f"{printed.err}{code}\n")
        return Done(int(code or 0), printed.out, printed.err)
