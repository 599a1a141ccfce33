"""The command for rows of files: what it refuses, in one line that names the place, and that it leaves nothing half-written."""

from __future__ import annotations

import gzip
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shapley_credit import InputError
from shapley_credit.rollouts import csv_rows, files, reading, text_rows
from shapley_credit.rollouts.sources import Source
from shapley_credit.rollouts.step import credited

from row_files import Command, packed, read_rows, rows_of, write_rows

# The command line needs the report extra, which the tests of the wheel do without.
pytestmark = pytest.mark.checkout


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


GOOD = b'{"uid": "a", "score": 1}\n'
PARQUET = pa.BufferOutputStream()
pq.write_table(pa.table({"uid": ["a", None], "score": ["1", "2"]}), PARQUET)
SHORT = bytes(PARQUET.getvalue())[:-30]

REFUSED: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.jsonl", b"", "a.jsonl holds no row."),
    "blank": ("a.jsonl", b"\n  \n", "a.jsonl holds no row."),
    "empty CSV": ("a.csv", b"", "a.csv holds no row."),
    "only a header": ("a.csv", b"uid,score\n", "a.csv holds no row."),
    "truncated gzip": ("a.jsonl.gz", gzip.compress(os.urandom(9000).hex().encode())[:-20], "a.jsonl.gz can't be read"),
    "truncated zstd": ("a.jsonl.zst", packed(GOOD * 9000, ".zst")[:-9], "Truncated compressed stream"),
    "no gzip": ("a.csv.gz", b"uid,score\n1,2\n", "a.csv.gz can't be read: zlib inflate failed: incorrect header check"),
    "truncated Parquet": ("a.parquet", SHORT, "a.parquet can't be read as Parquet"),
    "text in Parquet": ("a.parquet", bytes(PARQUET.getvalue()), "a.parquet: column 'score' must hold numbers; it holds string"),
    "no UTF-8": ("a.jsonl", GOOD + b'{"uid": "\xff"}', "a.jsonl, line 2: it is no UTF-8, invalid start byte at byte 9"),
    "no UTF-8 in CSV": ("a.csv", b"uid,score\n1,2\n\xff,2\n", "a.csv, line 3: it is no UTF-8, invalid start byte at byte 0"),
    "no JSON": ("a.jsonl", GOOD + b"\n{]\n", "a.jsonl, line 3: it is no JSON"),
    "deep": ("a.jsonl", b"[" * 100_000, "a.jsonl, line 1: its JSON is nested too deeply"),
    "a list": ("a.jsonl", b"[1]\n", "a.jsonl, line 1: it is no JSON object"),
    "missing": ("a.jsonl", GOOD + b'{"uid": "a"}', "a.jsonl, line 2: it has no column 'score'; there is uid."),
    "two groups": ("a.jsonl", b'{"uid": 1, "prompt": "x", "score": 1}', "'uid' and 'prompt' could each be the group"),
    "two rewards": ("a.csv", b"uid,score,reward\n1,1,1\n", "'score' and 'reward' could each be the reward"),
    "no group": ("a.csv", b"x,score\n1,1\n", "no column is called as a group is (group_id, "),
    "mixed": ("a.jsonl", GOOD + b'{"uid": "a", "score": "x"}', "line 2: its 'score' must be a number; got 'x'"),
    "mixed in CSV": ("a.csv", b"uid,score\na,1\nb,x\n", "a.csv, line 3: its 'score' must be a number; got 'x'"),
    "mixed truths": (
        "a.jsonl",
        b'{"uid": 1, "score": true}\n{"uid": 1, "score": 2}',
        "line 2: its 'score' must be one of",
    ),
    "mixed ids": (
        "a.jsonl",
        GOOD + b'{"uid": 1, "score": 1}',
        "2: its 'uid' must be one of text, as in rows before; got 1",
    ),
    "long ids": (
        "a.jsonl",
        b'{"uid": 1%s, "score": 1}' % (b"0" * 30),
        "its 'uid' is a whole number of more than 64 bits",
    ),
    "surrogate": ("a.jsonl", b'{"uid": "\\ud800", "score": 1}', "line 1: its 'uid' holds half a surrogate"),
    "null": ("a.jsonl", GOOD + b'{"uid": "a", "score": null}', "line 2: its 'score' is missing"),
    "empty field": ("a.csv", b"uid,score\n,1\n", "a.csv, line 2: its 'uid' is missing"),
    "infinite": ("a.csv", b"uid,score\na,inf\n", "a.csv, line 2: its 'score' is no finite number"),
    "fields": ("a.csv", b'uid,score\n"a\nb",1\n1,2,3\n', "a.csv, line 4: it has 3 fields, and the header 2"),
    "open quote": ("a.csv", b'uid,score\n"a,1\nb,2\n', "a.csv, line 2: it is no CSV"),
    "stray quote": ("a.csv", b'uid,score\na"b,1\nc"d,2\n', "a.csv, line 2: it is no CSV"),
    "two of a name": ("a.csv", b"uid,uid,score\n1,2,3\n", "two columns are called 'uid'"),
    "an array": ("a.json", b'[{"uid": 1, "score": 1}]', "a.json, line 1: it is no JSON object"),
    "suffix": ("a.txt", GOOD, "a.txt: files of rows end in .jsonl"),
    "colours": ("\x1b[31ma.jsonl", b'{"\x1b[2J[red]": 1}', r"\x1b[31ma.jsonl, line 1: it is no JSON"),
    "colours in names": ("a.jsonl", b'{"\\u001b[2J[red]": 1}', r"There are '\x1b[2J[red]'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_files_end_in_one_line(case: str, command: Command, tmp_path: Path) -> None:
    name, content, message = REFUSED[case]
    (tmp_path / name).write_bytes(content)
    done = command("credit", tmp_path / name, "--out", tmp_path / f"out{''.join(Path(name).suffixes)}")
    assert done.status == 1
    assert done.out == ""
    assert message in done.err
    assert done.err.count("\n") == 1
    assert done.err.rstrip("\n").isprintable()
    assert left(tmp_path) == {name}


OPTIONS: list[tuple[list[str], int, str]] = [
    ([], 2, "say where the rows go"),
    (["--out", "o.jsonl", "--on-error", "skip"], 2, "--rejects FILE goes with --on-error skip"),
    (["--out", "o.jsonl", "--rejects", "r.jsonl"], 2, "--rejects FILE goes with --on-error skip"),
    (["--out", "o.jsonl", "--credit-column", "advantage"], 2, "both columns would be called advantage"),
    (["--out", "o.jsonl", "--no-such"], 2, "No such option"),
    (["--out", "o.csv"], 1, "rows stay in their format: a.jsonl is JSON lines, o.csv would be CSV"),
    (["--out", "./a.jsonl"], 1, "./a.jsonl is read, and can't be written"),
    (["--out", "hard.jsonl"], 1, "hard.jsonl is read, and can't be written"),
    (["--out", "soft.jsonl"], 1, "soft.jsonl is read, and can't be written"),
    (["--out", "."], 1, "a.jsonl is read, and can't be written"),
    (["--out", "none/o.jsonl"], 1, "none/o.jsonl can't be written: No such file or directory"),
    (["--out", "a.jsonl/o.jsonl"], 1, "a.jsonl/o.jsonl can't be written: Not a directory"),
    (["--out", "/dev/full"], 1, "/dev/full can't be written: No space left on device"),
    (["--out", "o.jsonl", "--on-error", "skip", "--rejects", "./o.jsonl"], 1, "can't hold both the rows that are credited"),
    (["--out", "o.jsonl", "--by", "none"], 1, "a.jsonl, line 1: it has no column 'none'"),
    (["--out", "o.jsonl", "--utility", "Mix(score)"], 1, "there is no such utility; did you mean"),
    (["--out", "o.jsonl", "--utility", "NoisyOr(score)"], 1, "a.jsonl, line 2: "),
    (["--out", "o.jsonl", "--advantage", "none/such"], 1, "the scale of advantage"),
    (["--dry-run", "--advantage", "means"], 1, "the baseline of advantage"),
    (["--out", "o.jsonl", "a.jsonl"], 1, "a.jsonl is given twice"),
    (["--out", "o.jsonl", "*.parquet"], 1, "no file matches *.parquet"),
    (["--out", "o.jsonl", "b.csv"], 1, "a.jsonl is JSON lines, b.csv CSV; give files of one kind"),
    (["--out", "o.jsonl", "none.jsonl"], 1, "none.jsonl can't be read: No such file or directory"),
    (["--out", "o.jsonl", "folder"], 1, "folder is a folder; give its files, as 'folder/*.jsonl'"),
]


@pytest.mark.parametrize(("options", "status", "message"), OPTIONS, ids=[" ".join(each[0]) for each in OPTIONS])
def test_bad_options_end_in_one_line(
    options: list[str], status: int, message: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_bytes(GOOD + GOOD.replace(b"1", b"7"))
    Path("b.csv").write_text("uid,score\n1,2\n")
    os.link("a.jsonl", "hard.jsonl")
    Path("soft.jsonl").symlink_to("a.jsonl")
    Path("folder").mkdir()
    before = left(tmp_path)
    done = command("credit", "a.jsonl", *options)
    assert done.status == status
    assert message in done.err
    assert "Traceback" not in done.err
    assert left(tmp_path) == before
    assert read_rows(Path("a.jsonl"))[1] == {"uid": "a", "score": 7}


@pytest.mark.parametrize("wrong", range(9))
def test_a_number_outside_its_domain_is_named_by_its_line(wrong: int, command: Command, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.csv", [{"uid": n % 3, "score": 1.5 if n == wrong else 0.5} for n in range(9)])
    done = command("credit", path, "--utility", "NoisyOr(score)", "--out", tmp_path / "o.csv")
    assert done.status == 1
    assert done.err.splitlines()[-1].startswith(f"{path}, line {wrong + 2}: ")


def test_columns_that_differ_do_not_go_to_one_file(command: Command, tmp_path: Path) -> None:
    for suffix in ("csv", "parquet"):
        write_rows(tmp_path / f"a.{suffix}", [{"uid": "1", "score": 2.0}])
        write_rows(tmp_path / f"b.{suffix}", [{"score": 2.0, "uid": 3}])
        given = [tmp_path / f"{name}.{suffix}" for name in "ab"]
        done = command("credit", *given, "--out", tmp_path / f"o.{suffix}")
        assert done.status == 1
        assert "differ" in done.err
        assert "--out FOLDER/" in done.err


def test_long_rows_are_refused_before_they_are_held(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_rows, "LONGEST", 1000)
    monkeypatch.setattr(csv_rows, "LONGEST", 1000)
    (tmp_path / "a.jsonl").write_bytes(GOOD + b'{"uid": "' + b"x" * 2000)
    assert "a.jsonl, line 2: a row of more than 1,000 bytes" in command("credit", tmp_path / "a.jsonl", "--dry-run").err
    (tmp_path / "a.csv").write_bytes(b'uid,score\n"' + b"x\n" * 2000)
    assert "a.csv, line 2: a quote is not closed within 1,000 bytes" in command("credit", tmp_path / "a.csv", "--dry-run").err


def test_dear_credits_say_their_cost(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = tmp_path / "a.parquet", tmp_path / "o.parquet"
    pq.write_table(pa.table({"uid": pa.nulls(10**6, pa.int8()).fill_null(0), "score": [float(n) for n in range(10**6)]}), path)
    median = ["--utility", "LStatistic.median(score)", "--out", out]
    done = command("credit", path, *median, "--force")
    assert done.status == 1
    assert "operations, with 1,000,000 rows in the largest group; more than 1e+13 are never computed. Is 'uid'" in done.err
    small = write_rows(tmp_path / "b.parquet", rows_of())
    monkeypatch.setattr(files, "DEAR", 100.0)
    median = ["--by", "prompt_id", "--utility", "LStatistic.median(reward)", "--out", out]
    refused = command("credit", small, *median)
    assert refused.status == 1
    assert "--force computes them" in refused.err
    assert not out.exists()
    assert command("credit", small, *median, "--force").status == 0


def test_a_dry_run_says_what_would_be_done(command: Command, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.csv", [{"uid": 1, "score": 2.0}])
    done = command("credit", path, "--out", tmp_path / "o.csv", "--advantage", "mean", "--dry-run")
    assert done.status == 0
    assert "1 rows, 1 groups of at most 1; adding credit, advantage" in done.err
    assert "cost: about " in done.err
    assert f"would write {tmp_path / 'o.csv'}" in done.err
    assert left(tmp_path) == {"a.csv"}


# What happens while it runs.


@pytest.mark.parametrize("stage", ["reading", "writing"])
def test_an_interrupt_leaves_what_was_there(
    stage: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shapley_credit.report.app import Followed

    def interrupt(self: Followed, now: str, done: int, total: int) -> None:
        if now == stage:
            raise KeyboardInterrupt

    monkeypatch.setattr(Followed, "__call__", interrupt)
    path, out = write_rows(tmp_path / "a.jsonl", rows_of()), tmp_path / "o.jsonl"
    out.write_text("what was there")
    assert command("credit", path, "--by", "prompt_id", "--out", out).status == 130
    assert out.read_text() == "what was there"
    assert left(tmp_path) == {"a.jsonl", "o.jsonl"}


CHANGES: dict[str, Any] = {
    "longer": lambda path: path.write_bytes(path.read_bytes() + GOOD),
    "shorter": lambda path: path.write_bytes(GOOD),
    "touched": lambda path: os.utime(path, (1, 1)),
    "replaced": lambda path: path.with_suffix(".new").write_bytes(path.read_bytes()) and path.with_suffix(".new").replace(path),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_is_not_credited(
    change: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD * 3)

    def meanwhile(*given: Any, **options: Any) -> Any:
        CHANGES[change](path)
        return credited(*given, **options)

    monkeypatch.setattr("shapley_credit.rollouts.files.credited", meanwhile)
    done = command("credit", path, "--out", tmp_path / "o.jsonl")
    assert done.status == 1
    assert any(told in done.err for told in ("has changed", "another number of rows", "can't be read"))
    assert left(tmp_path) <= {"a.jsonl"}


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@pytest.mark.parametrize("more", [-1, 1])
def test_rows_are_counted_again(suffix: str, more: int, tmp_path: Path) -> None:
    path = write_rows(tmp_path / f"a.{suffix}", [{"uid": "a", "score": 1.0}] * 3)
    with ExitStack() as kept:
        job = files.prepared(files.Request([str(path)], out=str(tmp_path / f"o.{suffix}")), kept, lambda *given: None)
        job.reading.parts[0].count += more
        with pytest.raises(InputError, match="another number of rows than when it was first read"):
            job.write(pa.table({"credit": [1.0] * (3 + more)}), lambda *given: None)
    assert left(tmp_path) == {path.name}


def test_no_file_appears_if_a_later_one_fails(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = [write_rows(tmp_path / f"{name}.parquet", [{"uid": "a", "score": 1.0}] * 3) for name in "ab"]
    (tmp_path / "out").mkdir()

    def meanwhile(*given: Any, **options: Any) -> Any:
        write_rows(tmp_path / "b.parquet", [{"uid": "a", "score": 1.0}] * 2)
        return credited(*given, **options)

    monkeypatch.setattr("shapley_credit.rollouts.files.credited", meanwhile)
    done = command("credit", *given, "--out", tmp_path / "out")
    assert done.status == 1
    assert left(tmp_path / "out") == set()


def shell(line: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """A line of bash in which $C is the command."""
    where = {**os.environ, "C": f"{sys.executable} -m shapley_credit"}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], cwd=folder, env=where, capture_output=True, check=False, **options
    )


def test_standard_input_and_output(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD + GOOD.replace(b"1", b"3"))
    expected = b'{"uid": "a", "score": 1, "credit": 0.5}\n{"uid": "a", "score": 3, "credit": 2.5}\n'
    for given in ("- < a.jsonl", "- < <(gzip -c a.jsonl)", "<(cat a.jsonl)"):
        done = shell(f"$C credit --out - {given}", tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout == expected
        assert b"utility: Max(score) (guessed)" in done.stderr
    table = shell("printf 'uid,score\\na,1\\n' | $C credit - --out -", tmp_path)
    assert table.stdout == b"uid,score,credit\na,1,1.0\n"


def test_a_pipe_may_be_closed_early(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD * 200_000)
    done = shell("$C credit a.jsonl --out - | head -1", tmp_path)
    assert done.stdout.startswith(b'{"uid": "a", "score": 1, "credit": ')
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD * 20_000)
    (tmp_path / "o.jsonl").write_text("what was there")

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = shell("$C credit a.jsonl --out o.jsonl", tmp_path, preexec_fn=little_room)
    assert done.returncode == 1
    assert done.stderr.endswith(b"o.jsonl can't be written: File too large.\n")
    assert (tmp_path / "o.jsonl").read_text() == "what was there"
    assert left(tmp_path) == {"a.jsonl", "o.jsonl"}
    full = shell("$C credit a.jsonl --out - > /dev/full", tmp_path)
    assert full.returncode == 1
    assert full.stderr.endswith(b"- can't be written: No space left on device.\n")


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_kill_leaves_what_was_there(sent: signal.Signals, status: int, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD * 500_000)
    (tmp_path / "o.jsonl").write_text("what was there")
    command = [sys.executable, "-m", "shapley_credit", "credit", "a.jsonl", "--out", "o.jsonl"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    while not [*tmp_path.glob(".o.jsonl.*.part")] and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(sent)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == status
    assert b"Traceback" not in printed
    assert (tmp_path / "o.jsonl").read_text() == "what was there"
    assert len(left(tmp_path)) == 2 + (sent == signal.SIGKILL)


def test_places_of_rows_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'uid,score\n\n"a\nb",1\n1,x\n2,3\n')
    rows = reading.opened(Source.of(path), frozenset())
    found = reading.Reading(pa.table({}), [reading.Part(rows, 2, {5})], reading.Faults(True))
    assert [found.place(row) for row in (0, 1)] == [f"{path}, line 3", f"{path}, line 6"]
