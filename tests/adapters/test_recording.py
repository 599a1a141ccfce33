"""Rollouts on disk: files that are whole, one a step and process, with spans by character."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pyarrow.parquet as pq
import pytest
from shapley_credit import InputError
from shapley_credit.adapters.recording import Recorder, spans_of

ROWS: dict[str, list[Any]] = {
    "completion": ["so", "thus"],
    "credit": [1.0, 3.0],
    "segments": [[{"start": 0, "end": 2, "credit": 1.0}], []],
}


def bytes_tokenizer() -> Any:
    return SimpleNamespace(decode=lambda ids, skip_special_tokens: bytes(ids).decode(errors="replace"))


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


def test_a_row_a_completion(tmp_path: Path) -> None:
    path = Recorder(tmp_path / "new" / "rollouts").write(7, ROWS)
    assert path == tmp_path / "new" / "rollouts" / "step-7.parquet"
    assert pq.read_table(path).to_pylist() == [
        {"step": 7, **{name: column[row] for name, column in ROWS.items()}} for row in range(2)
    ]


def test_processes_parts_and_evaluations_have_files_of_their_own(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    for given in ({}, {}, {"rank": 1, "ranks": 2}, {"evaluation": True}, {"evaluation": True}):
        recorder.write(2, ROWS, **given)
    assert names(tmp_path) == [
        "eval/step-2-part-1.parquet",
        "eval/step-2.parquet",
        "step-2-part-1.parquet",
        "step-2-rank-1.parquet",
        "step-2.parquet",
    ]


def test_a_run_that_goes_on_writes_its_steps_anew(tmp_path: Path) -> None:
    Recorder(tmp_path).write(2, ROWS)
    Recorder(tmp_path).write(2, {"credit": [5.0]})
    assert names(tmp_path) == ["step-2.parquet"]
    assert pq.read_table(tmp_path / "step-2.parquet")["credit"].to_pylist() == [5.0]


def test_nothing_half_is_left(tmp_path: Path) -> None:
    Recorder(tmp_path).write(1, ROWS)
    with mock.patch.object(pq, "write_table", side_effect=OSError("disk full")), pytest.raises(OSError, match="disk full"):
        Recorder(tmp_path).write(1, {"credit": [5.0]})
    assert names(tmp_path) == ["step-1.parquet"]
    assert pq.read_table(tmp_path / "step-1.parquet")["credit"].to_pylist() == [1.0, 3.0]


def test_every_third_step() -> None:
    assert [step for step in range(8) if Recorder(every=3).wants(step)] == [0, 3, 6]


def test_columns_of_several_lengths_and_steps_of_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"one entry for each completion; got \{'step': 2, 'completion': 2, 'credit': 1\}"):
        Recorder(tmp_path).write(1, {"completion": ["so", "thus"], "credit": [1.0]})
    with pytest.raises(InputError, match="every"):
        Recorder(every=0)
    assert names(tmp_path) == []


def test_pyarrow_is_asked_for_by_name(tmp_path: Path) -> None:
    with mock.patch.dict("sys.modules", {"pyarrow": None}), pytest.raises(InputError, match=r"pip install '\.\[frames\]'"):
        Recorder(tmp_path).write(1, ROWS)


def test_spans_are_runs_of_one_value_between_what_is_not_trained() -> None:
    ids = list("né, no".encode())
    text, spans = spans_of(ids, [1, 1, 1, 0, 0, 1, 1], [0.5, 0.5, -1.0, 9.0, 9.0, -1.0, -1.0], bytes_tokenizer())
    assert text == "né, no"
    # A character of two bytes goes to the run of the first; a run ends where a token is not trained.
    assert spans == [{"start": 0, "end": 2, "credit": 0.5}, {"start": 4, "end": 6, "credit": -1.0}]


def test_runs_without_characters_have_no_span() -> None:
    tokenizer = SimpleNamespace(decode=lambda ids, skip_special_tokens: "".join(chr(i) for i in ids if i))
    assert spans_of([97, 0], [1, 1], [1.0, 2.0], tokenizer) == ("a", [{"start": 0, "end": 1, "credit": 1.0}])
    assert spans_of([], [], [], tokenizer) == ("", [])


def test_rows_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(InputError, match="got 2, 1 and 2"):
        spans_of([97, 98], [1], [1.0, 1.0], bytes_tokenizer())


def test_trackers_get_tables_of_process_0(tmp_path: Path) -> None:
    logged: list[Any] = []
    wandb = SimpleNamespace(
        run=object(), Table=lambda dataframe: dataframe, log=lambda data, commit: logged.append((data, commit))
    )
    with mock.patch.dict("sys.modules", {"wandb": wandb}):
        Recorder(tmp_path).write(1, ROWS)
        Recorder(tmp_path).write(1, ROWS, rank=1, ranks=2)
        Recorder(tmp_path).write(1, ROWS, evaluation=True)
        Recorder(tmp_path, tables=False).write(1, ROWS)
    ((data, commit),) = logged
    assert not commit
    assert list(data["credit/rollouts"].columns) == ["step", "completion", "credit"]
