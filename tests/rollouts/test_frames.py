"""One line credits a frame of any library, and gives back a frame of that library."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import shapley_credit as sc
from shapley_credit import rollouts
from shapley_credit import utilities as u

from pages import DOCS, run_sessions

ROWS: dict[str, Any] = {
    "prompt": ["a", "b", "a", "c"],
    "reward": [1.0, 5.0, 3.0, 2.0],
    "answer": ["7", "7", "8", None],
    "hits": [[1, 0], [1, 1], [0, 1], [0, 0]],
}
MIX = "Max(reward) + 0.5 * DistinctCount(answer)"
OWED = [1.0, 5.5, 3.0, 2.0]

FRAMES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "pandas of Arrow": lambda rows: pd.DataFrame(rows).convert_dtypes(dtype_backend="pyarrow"),
    "pandas of nullable types": lambda rows: pd.DataFrame(rows).convert_dtypes(),
    "pandas of categories": lambda rows: pd.DataFrame(rows).astype({"prompt": "category", "answer": "category"}),
    "polars": pl.DataFrame,
    "polars of categories": lambda rows: pl.DataFrame(rows).cast({"prompt": pl.Categorical, "answer": pl.Categorical}),
    "pyarrow": pa.table,
}


def listed(frame: Any, name: str) -> list[Any]:
    values = frame[name]
    found: list[Any] = values.to_pylist() if hasattr(values, "to_pylist") else values.to_list()
    return found


@pytest.mark.parametrize("kind", FRAMES)
def test_every_frame_comes_back_with_the_new_columns_last(kind: str) -> None:
    frame = FRAMES[kind](ROWS)
    found = sc.with_credit(frame, MIX, by="prompt", advantage="mean")
    assert type(found) is type(frame)
    names = list(getattr(found, "column_names", getattr(found, "columns", ())))
    assert names == [*ROWS, "credit", "advantage"]
    assert listed(found, "credit") == OWED
    assert listed(found, "advantage") == [-1.0, 0.0, 1.0, 0.0]
    assert listed(found, "reward") == ROWS["reward"]
    assert "credit" not in getattr(frame, "column_names", frame.columns)
    assert listed(sc.with_credit(frame, "Coverage(hits)", by="prompt"), "credit") == [1.0, 2.0, 1.0, 0.0]


@pytest.mark.parametrize("kind", FRAMES)
def test_no_rows(kind: str) -> None:
    frame = FRAMES[kind](ROWS)[:0]
    found = sc.with_credit(frame, MIX, by="prompt", advantage="mean")
    assert type(found) is type(frame)
    assert len(found) == 0
    assert list(getattr(found, "column_names", getattr(found, "columns", ())))[-2:] == ["credit", "advantage"]


def test_pandas_keeps_its_index_and_its_other_columns() -> None:
    index = pd.MultiIndex.from_tuples([(2, "x"), (1, "x"), (2, "x"), (0, "y")], names=["step", "host"])
    frame = pd.DataFrame(ROWS, index=index).assign(junk=[1, "x", None, {}])
    before = frame.copy(deep=True)
    found = sc.with_credit(frame, MIX, by="prompt")
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(found.drop(columns="credit"), frame)
    assert found["credit"].to_list() == OWED
    assert found["credit"].dtype == np.float64


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_floats_of_32_bits_stay(kind: str) -> None:
    rewards = np.array(ROWS["reward"], np.float32)
    for rows in (4, 0):
        found = sc.with_credit(FRAMES[kind]({**ROWS, "reward": rewards})[:rows], MIX, by="prompt")
        assert str(found["credit"].dtype if kind != "pyarrow" else found["credit"].type).lower() in ("float32", "float")


def test_a_function_gets_arrays_of_the_columns() -> None:
    seen: dict[str, Any] = {}

    def mix(columns: Any) -> sc.Utility:
        seen.update({name: columns[name] for name in ("reward", "hits", "answer")})
        return u.Max(columns["reward"]) + 0.5 * u.DistinctCount(columns["answer"])

    assert listed(sc.with_credit(pl.DataFrame(ROWS), mix, by=["prompt"]), "credit") == OWED
    assert isinstance(seen["reward"], np.ndarray)
    assert seen["hits"].shape == (4, 2)
    assert isinstance(seen["answer"], pa.ChunkedArray)


def test_values_of_several_types_are_labels_and_no_scores() -> None:
    frame = pd.DataFrame({"p": ["a", "a", "a", 1], "x": [1, "x", 1, None], "y": [1.0, 2.0, 3.0, 4.0]}, dtype=object)
    assert listed(sc.with_credit(frame, "DistinctCount(x)", by="p"), "credit") == [0.5, 1.0, 0.5, 0.0]
    with pytest.raises(sc.InputError, match="Columns read: x: objects of types NoneType, int, str, nothing in row 3"):
        sc.with_credit(frame, "Max(x)", by="p")
    for nothing in (None, pd.NA, pd.NaT, float("nan")):
        holed = pd.DataFrame({"x": [1, "x", np.zeros(2), nothing], "y": [1.0, 2.0, 3.0, 4.0]})
        with pytest.raises(sc.InputError, match="row 3 has no id in column 'x'"):
            sc.with_credit(holed, "Max(y)", by="x")


def test_names_that_are_no_text() -> None:
    frame = pd.DataFrame([["a", 1.0], ["a", 3.0]])
    with pytest.raises(sc.InputError, match=r"by names the column of ids.*got 0"):
        sc.with_credit(frame, "Max(reward)", by=0)  # type: ignore[arg-type]
    with pytest.raises(sc.InputError, match=r"no column 'prompt'; there are 0, 1\."):
        sc.with_credit(frame, "Max(reward)", by="prompt")


REFUSED: dict[str, tuple[Any, str]] = {
    "lazy": (pl.LazyFrame(ROWS), r"a lazy LazyFrame are not at hand; \.collect\(\)"),
    "dict": (ROWS, "got dict"),
    "list": ([ROWS], "got list"),
    "series": (pd.Series(ROWS["reward"]), "got Series"),
    "none": (None, "got NoneType"),
    "names twice": (pd.DataFrame([["a", 1.0, 2.0]], columns=["prompt", "reward", "reward"]), "rename all but one"),
    "credit is there": (pd.DataFrame(ROWS).assign(credit=0.0), "a column 'credit' already"),
    "no id": (pd.DataFrame({**ROWS, "prompt": ["a", None, "a", "c"]}), "row 1 has no id in column 'prompt'"),
    "no number": (pd.DataFrame({**ROWS, "reward": [1.0, None, 2.0, 3.0]}), "reward: double, no finite number in row 1"),
    "nan": (pl.DataFrame({**ROWS, "reward": [1.0, float("nan"), 2.0, 3.0]}), "reward: double, no finite number in row 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_right_is_refused(name: str) -> None:
    frame, told = REFUSED[name]
    with pytest.raises(sc.InputError, match=told):
        sc.with_credit(frame, "Max(reward)", by="prompt")


@pytest.mark.parametrize("name", ["narwhals", "pyarrow"])
def test_without_the_extra_it_is_said_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sc.with_credit(pd.DataFrame(ROWS), MIX, by="prompt")
    for module in ("frame_kinds", "step", "table_columns"):
        monkeypatch.delitem(sys.modules, f"shapley_credit.rollouts.{module}")
        monkeypatch.delattr(rollouts, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(sc.MissingExtraError, match=rf"frames need {name}; run, in a checkout .*: pip install '\.\[frames\]'"):
        sc.with_credit(pd.DataFrame(ROWS), MIX, by="prompt")


def test_the_core_and_the_name_itself_need_no_library_of_frames() -> None:
    program = (
        "import sys; from shapley_credit import with_credit; print({'narwhals', 'pyarrow', 'pandas'} & {*sys.modules} or [])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.checkout
def test_sessions_of_the_page_run_as_printed() -> None:
    assert run_sessions("rollouts.md")


@pytest.mark.checkout
def test_the_utilities_of_the_page_can_be_read() -> None:
    texts = re.findall(r"^\| .* \| `(.*\(.*)` \|$", (DOCS / "rollouts.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(texts) == 6
    more = {"target": ["7", "8", "7", "8"], "valid": [True, False, True, True], "score": [3, 2, 1, 0]}
    for text in texts:
        found = listed(sc.with_credit(pl.DataFrame({**ROWS, **more}), text, by="prompt"), "credit")
        assert np.isfinite(found).all()
        assert any(found)


@pytest.mark.parametrize("place", ["id", "label"])
def test_half_a_surrogate_in_a_column_that_is_read_is_refused(place: str) -> None:
    texts = {"id": ["1", "1"], "label": ["a", "b"]}
    frame = pd.DataFrame(texts, dtype=object).assign(reward=[1.0, 0.0])
    frame.at[1, place] = "a\ud800"
    with pytest.raises(sc.InputError, match=f"column '{place}' holds half a surrogate, which is no text"):
        sc.with_credit(frame, "DistinctCount(label)", by="id")
    assert sc.with_credit(frame, "Max(reward)", by="id" if place == "label" else "label")["credit"].sum() > 0


def test_ids_too_large_for_numbers_name_groups() -> None:
    frame = pd.DataFrame({"id": pd.Series([2**70, 1, 2**70], dtype=object), "reward": [1.0, 5.0, 3.0]})
    assert sc.with_credit(frame, "Max(reward)", by="id")["credit"].tolist() == [0.5, 5.0, 2.5]
