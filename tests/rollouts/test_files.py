"""Files of rows: every row comes out as it went in, in its order, with the credit that its group gives it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapley_credit as sc
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.rollouts.files import Request, prepared
from shapley_credit.rollouts.sources import sources_of

from row_files import FORMATS, RECORDED, Command, best_credits, packed, read_bytes, read_rows, rows_of, write_rows

# The command line needs the report extra, which the tests of the wheel do without.
pytestmark = pytest.mark.checkout


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


@pytest.mark.parametrize("suffix", FORMATS)
def test_rows_of_every_format_are_credited_and_kept(suffix: str, command: Command, tmp_path: Path) -> None:
    rows = rows_of()
    path, out = write_rows(tmp_path / f"rows.{suffix}", rows), tmp_path / f"out.{suffix}"
    done = command("credit", path, "--out", out, "--by", "prompt_id")
    assert done.status == 0, done.err
    assert done.out == ""
    assert f"60 rows, {len({row['prompt_id'] for row in rows})} groups" in done.err
    found = read_rows(out)
    assert [float(row.pop("credit")) for row in found] == best_credits(rows)
    assert found == read_rows(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_several_terms_and_advantages(suffix: str, command: Command, tmp_path: Path) -> None:
    rows = rows_of()
    path, out = write_rows(tmp_path / f"rows.{suffix}", rows), tmp_path / f"out.{suffix}"
    utility = "0.7 * Max(reward) + 0.3 * DistinctCount(answer)"
    assert command("credit", path, "--out", out, "--by", "prompt_id", "--utility", utility, "--advantage", "mean").status == 0
    found, ids = read_rows(out), [row["prompt_id"] for row in rows]
    credit = [float(row["credit"]) for row in found]
    expected = sc.set_shapley(
        0.7 * sc.utilities.Max([row["reward"] for row in rows])
        + 0.3 * sc.utilities.DistinctCount([int(row["answer"][1:]) for row in rows]),
        groups=ids,
    )
    assert credit == pytest.approx(expected.tolist(), abs=1e-15)
    assert [float(row["advantage"]) for row in found] == pytest.approx(sc.advantages(expected, ids, baseline="mean").tolist())


HARD = [
    b'{"prompt_id": 1, "reward": 1, "x": 1e5, "y": 1.000000000000000000001, "z": 123456789012345678901234567890}',
    b'{"reward":0.5,"prompt_id":1,"nan":NaN,"text":"\\ud800 \\u00e9 \xc3\xa9","deep":{"credit":[1,{"reward":"}"}]}}  \t',
    '{ "prompt_id" : 2 , "reward" : -0.0, "t": "line\u2028end" }'.encode(),
    b'{"prompt_id": 2, "reward": 2.5, "reward": 3}',
]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_of_json_keep_their_bytes(end: bytes, command: Command, tmp_path: Path) -> None:
    path, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + HARD[0] + end + end + b" \n" + end.join(HARD[1:]))
    done = command("credit", path, "--out", out)
    assert done.status == 0, done.err
    lines = out.read_bytes().split(b"\n")
    credits = [0.75, 0.25, -0.0, 3.0]
    given = [b"\xef\xbb\xbf" + HARD[0], *HARD[1:]]
    assert lines.pop() == b""
    for line, raw, credit in zip(lines, given, credits, strict=True):
        body = raw.rstrip()
        assert line.startswith(body[:-1] + b', "credit": ')
        assert json.loads(line[len(body) + 11 :].rstrip(b"} \t\r")) == credit
    assert lines[0].endswith(b"\r") == (end == b"\r\n")


def test_records_of_csv_keep_their_bytes(command: Command, tmp_path: Path) -> None:
    path, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    header, first, second = b'uid,"the, text",score\r\n', b'a,"two\r\nlines, ""q""",1.50\r\n', b"a,,+0.25"
    path.write_bytes(header + first + b"\r\n" + second)
    done = command("credit", path, "--out", out, "--advantage", "mean")
    assert done.status == 0, done.err
    assert out.read_bytes() == (
        b'uid,"the, text",score,credit,advantage\r\na,"two\r\nlines, ""q""",1.50,1.375,0.625\r\na,,+0.25,0.125,-0.625\n'
    )


def test_parquet_keeps_types_order_and_metadata(command: Command, tmp_path: Path) -> None:
    table = pa.table(
        {
            "group": pa.array([b"b", b"a", b"b"]),
            "score": pa.array([1.0, 2.0, 3.0], pa.float32()),
            "messages": [[{"role": "user", "content": "x"}], None, []],
            "kind": pa.array(["u", "v", "u"]).dictionary_encode(),
            "at": pa.array([0, 1, None], pa.timestamp("us", "Europe/Berlin")),
        }
    ).replace_schema_metadata({"of": "ours"})
    path, out = tmp_path / "rows.parquet", tmp_path / "out.parquet"
    pq.write_table(table, path, row_group_size=2, compression="zstd")
    assert command("credit", path, "--out", out).status == 0
    found = pq.read_table(out)
    assert found.drop_columns("credit").equals(table)
    assert found.schema.metadata[b"of"] == b"ours"
    assert found["credit"].type == pa.float32()
    assert found["credit"].to_pylist() == [0.5, 2.0, 2.5]
    assert pq.ParquetFile(out).metadata.row_group(0).column(0).compression == "ZSTD"


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_columns_are_written_over_only_when_asked(suffix: str, command: Command, tmp_path: Path) -> None:
    rows = [{"uid": "a", "credit": 7.0, "score": score, "end": "e"} for score in (1.0, 3.0)]
    path, out = write_rows(tmp_path / f"rows.{suffix}", rows), tmp_path / f"out.{suffix}"
    done = command("credit", path, "--out", out)
    assert done.status == 1
    assert f"rows.{suffix}" in done.err
    assert "there is a column 'credit' already" in done.err
    assert not out.exists()
    assert command("credit", path, "--out", out, "--overwrite", "--advantage", "mean").status == 0
    found = read_rows(out)
    assert [*found[0]] == ["uid", "credit", "score", "end", "advantage"]
    assert [float(row["credit"]) for row in found] == [0.5, 2.5]
    assert [float(row["advantage"]) for row in found] == [-1.0, 1.0]
    assert [str(row["end"]) for row in found] == ["e", "e"]
    named = tmp_path / f"named.{suffix}"
    assert command("credit", path, "--out", named, "--credit-column", "owed").status == 0
    assert [float(row["owed"]) for row in read_rows(named)] == [0.5, 2.5]
    assert [float(row["credit"]) for row in read_rows(named)] == [7.0, 7.0]


@given(
    members=st.dictionaries(
        st.text(max_size=5),
        st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda x: st.lists(x, max_size=3)),
        max_size=4,
    ),
    compact=st.booleans(),
)
def test_any_object_takes_a_value_in_place_or_behind(members: dict[str, Any], compact: bool) -> None:
    from shapley_credit.rollouts.json_rows import JsonRows
    from shapley_credit.rollouts.sources import Source

    rows = JsonRows(Source(Path(), "rows", "JSON lines", None, (0, 0, 0)), frozenset())
    row = {**members, "end": 1}
    raw = json.dumps(row, separators=(",", ":") if compact else None).encode()
    for name in ("credit", "%s", *members):
        written = rows.replaced(raw, (name, "end"), (0.5, 123.25))
        assert repr(json.loads(written)) == repr({**row, name: 0.5, "end": 123.25})
        if name not in row:
            assert rows.replaced(raw, (name,), (0.5,)) == rows.extended(raw, (name,), (0.5,))


IDS: dict[str, pa.Array] = {
    "unsigned": pa.array([2**64 - 1, 2**64 - 2, 2**64 - 1], pa.uint64()),
    "far apart": pa.array([-(2**63), 2**63 - 1, -(2**63)], pa.int64()),
    "small": pa.array([-128, 127, -128], pa.int8()),
    "truths": pa.array([True, False, True]),
    "floats": pa.array([0.5, -1.0, 0.5]),
    "dates": pa.array([1, 2, 1], pa.date32()),
    "decimals": pa.array([1, 2, 1]).cast(pa.decimal128(20, 1)),
    "times": pa.array([1, 2, 1], pa.timestamp("ns", "Asia/Tokyo")),
    "large": pa.array(["a", "b", "a"], pa.large_string()),
    "views": pa.array(["a", "b", "a"], pa.string_view()),
    "categories": pa.array(["a", "b", "a"]).dictionary_encode(),
    "lists": pa.array([[1, None], [], [1, None]]),
    "structs": pa.array([{"a": [b"x"]}, {"a": None}, {"a": [b"x"]}]),
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_of_any_type_in_parquet(kind: str, command: Command, tmp_path: Path) -> None:
    path, out = tmp_path / "rows.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"uid": IDS[kind], "score": [1, 5, 3]}), path, row_group_size=2)
    assert command("credit", path, "--out", out).status == 0
    assert pq.read_table(out)["credit"].to_pylist() == [0.5, 5.0, 2.5]
    missing = pa.concat_arrays([IDS[kind], pa.nulls(1, IDS[kind].type)])
    pq.write_table(pa.table({"uid": missing, "score": [1, 5, 3, 4]}), path)
    assert "rows.parquet, row 4: its 'uid' is missing" in command("credit", path, "--out", out).err


# What trainers write: the files are what their own writers made of a few rows.


def test_completions_of_trl(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    done = command("credit", RECORDED / "trl" / "*.parquet", "--out", out)
    assert "group: step, prompt (guessed)" in done.err
    assert "utility: Max(variety) (guessed)" in done.err
    found = read_rows(out)
    assert len(found) == 16
    assert [row["credit"] for row in found] == best_credits(found, ("step", "prompt"), "variety")
    assert pq.read_schema(out).pandas_metadata["index_columns"][0]["kind"] == "range"


def test_messages_of_trl_are_ids_too(command: Command, tmp_path: Path) -> None:
    out, path = tmp_path / "out.parquet", RECORDED / "trl_messages" / "completions_00001.parquet"
    done = command("credit", path, "--out", out)
    assert done.status == 1
    assert "'length' and 'variety' could each be the reward" in done.err
    assert command("credit", path, "--out", out, "--utility", "Max(length)").status == 0
    found = read_rows(out)
    assert [row["credit"] for row in found] == best_credits(found, ("step", "prompt"), "length")


def test_generations_of_verl(command: Command, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = command("credit", RECORDED / "verl" / "*.jsonl", "--out", tmp_path / "out")
    assert "group: step, input (guessed)" in done.err
    assert "utility: Max(score) (guessed)" in done.err
    found = read_rows(tmp_path / "out" / "1.jsonl") + read_rows(tmp_path / "out" / "2.jsonl")
    assert [row["credit"] for row in found] == best_credits(found, ("step", "input"), "score")
    # Members of one group may stand in several files.
    one = tmp_path / "one.jsonl"
    assert command("credit", RECORDED / "verl" / "*.jsonl", "--out", one, "--by", "input").status == 0
    assert [row["credit"] for row in read_rows(one)] == best_credits(read_rows(one), ("input",), "score")


# Rows that can't be credited.


def test_rows_are_set_aside_as_they_are(command: Command, tmp_path: Path) -> None:
    path, out, aside = tmp_path / "rows.jsonl", tmp_path / "out.jsonl", tmp_path / "aside.jsonl"
    good = [b'{"uid": "a", "score": 1}\n', b'{"uid": "a", "score": 3}\n']
    bad = [
        b"{\n",
        b'{"uid": null, "score": 1}\n',
        b'{"uid": "a"}\n',
        b'{"uid": "a", "score": NaN}\n',
        b'{"uid": 1, "score": "x"}',
    ]
    path.write_bytes(bad[0] + good[0] + b"".join(bad[1:4]) + good[1] + bad[4])
    done = command("credit", path, "--out", out, "--on-error", "skip", "--rejects", aside)
    assert done.status == 0, done.err
    assert [row["credit"] for row in read_rows(out)] == [0.5, 2.5]
    assert aside.read_bytes() == b"".join(bad) + b"\n"
    assert f"set aside: 5 rows in all, to {aside}" in done.err
    for told in (
        "line 1: it is JSON that is cut off",
        "line 3: its 'uid' is missing",
        "line 4: it has no column 'score'",
        "line 5: its 'score'",
    ):
        assert told in done.err
    assert "line 7: its 'uid' must be one of text, as in rows before; got 1" in done.err


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_rows_of_tables_are_set_aside_too(suffix: str, command: Command, tmp_path: Path) -> None:
    rows = [{"uid": uid, "score": score} for uid, score in [("a", 1.0), (None, 5.0), ("a", None), ("b", 2.0), ("a", 3.0)]]
    path, out, aside = (tmp_path / f"{name}.{suffix}" for name in ("rows", "out", "aside"))
    write_rows(path, rows)
    done = command("credit", path, "--out", out, "--on-error", "skip", "--rejects", aside)
    assert done.status == 0, done.err
    assert [float(row["credit"]) for row in read_rows(out)] == [0.5, 2.0, 2.5]
    kept = [{name: "" if value is None and suffix == "csv" else value for name, value in row.items()} for row in rows[1:3]]
    assert [{name: str(value) for name, value in row.items()} for row in read_rows(aside)] == [
        {name: str(value) for name, value in row.items()} for row in kept
    ]


def test_compressed_files_of_several_members_and_groups_of_one(command: Command, tmp_path: Path) -> None:
    path, out = tmp_path / "rows.jsonl.gz", tmp_path / "out.jsonl"
    path.write_bytes(packed(b'{"uid": 1, "score": 4}\n', ".gz") + packed(b'{"uid": 2, "score": -1}\n', ".gz"))
    assert command("credit", path, "--out", out).status == 0
    assert read_bytes(out) == b'{"uid": 1, "score": 4, "credit": 4.0}\n{"uid": 2, "score": -1, "credit": -1.0}\n'


def test_texts_of_parquet_are_never_held(tmp_path: Path) -> None:
    rng, path, part = np.random.default_rng(0), tmp_path / "rows.parquet", 2_000
    schema = pa.schema({"uid": pa.int64(), "score": pa.float64(), "text": pa.binary()})
    with pq.ParquetWriter(path, schema, use_dictionary=False) as writer:
        for _ in range(24):
            writer.write_table(pa.table([range(part), [0.5] * part, [rng.bytes(2_000) for _ in range(part)]], schema=schema))
    held, before = [], pa.total_allocated_bytes()
    with ExitStack() as kept:
        job = prepared(Request([str(path)], out=str(tmp_path / "out.parquet")), kept, lambda *given: None)
        job.write(job.credits(), lambda *given: held.append(pa.total_allocated_bytes()))
    assert path.stat().st_size > 90_000_000
    assert max(held) - before < 40_000_000


def test_a_folder_is_made_and_is_gone_if_nothing_comes_of_it(command: Command, tmp_path: Path) -> None:
    for name, last in (("a.jsonl", b""), ("b.jsonl", b"{")):
        (tmp_path / name).write_bytes(b'{"uid": "a", "score": 1}\n{"uid": "a", "score": 3}\n' + last)
    folder = tmp_path / "credited"
    done = command("credit", tmp_path / "a.jsonl", "--out", f"{folder}/", "--dry-run")
    assert (done.status, folder.exists()) == (0, False)
    done = command("credit", tmp_path / "b.jsonl", "--out", f"{folder}/")
    assert (done.status, folder.exists()) == (1, False)
    done = command("credit", tmp_path / "a.jsonl", "--out", f"{folder}/")
    assert done.status == 0, done.err
    assert [row["credit"] for row in read_rows(folder / "a.jsonl")] == [0.5, 2.5]
    done = command("credit", tmp_path / "a.jsonl", "--out", f"{tmp_path}/none/deeper/")
    assert done.status == 1
    assert "none/deeper/a.jsonl can't be written: No such file or directory." in done.err


def test_a_folder_is_told_by_what_it_holds(tmp_path: Path) -> None:
    write_rows(tmp_path / "step-1.parquet", [{"uid": "a", "score": 1.0}])
    with ExitStack() as kept, pytest.raises(sc.InputError, match=r"is a folder; give its files, as '.*/\*\.parquet'"):
        sources_of([str(tmp_path)], kept)


@pytest.mark.parametrize("value", ["shapley", "banzhaf", "leave_one_out"])
def test_other_values_are_those_of_the_library(value: str, command: Command, tmp_path: Path) -> None:
    rows, out = rows_of(), tmp_path / "o.jsonl"
    path = write_rows(tmp_path / "a.jsonl", rows)
    assert command("credit", path, "--by", "prompt_id", "--utility", "Max(reward)", "--value", value, "--out", out).status == 0
    rewards, ids = [row["reward"] for row in rows], [row["prompt_id"] for row in rows]
    expected = sc.set_semivalue(u.Max(rewards), getattr(semivalues, value), groups=ids)
    assert [row["credit"] for row in read_rows(out)] == expected.tolist()


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--value", "banzaf"], 1, "the value must be one of shapley, banzhaf, leave_one_out; got 'banzaf'."),
        (["--value", "banzhaf", "--explain", "1"], 2, "it explains Shapley values; with --value banzhaf leave it out."),
    ],
)
def test_unknown_values_are_refused(options: list[str], status: int, message: str, command: Command, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", rows_of())
    done = command("credit", path, "--out", tmp_path / "o.jsonl", *options)
    assert done.status == status
    assert message in done.err
    assert not (tmp_path / "o.jsonl").exists()
