"""Rows of an Arrow table are credited in place, whatever their columns are made of."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit import utilities as u
from shapley_credit.rollouts.expression import read_expression
from shapley_credit.rollouts.step import credited

MIX = "0.7 * Max(reward) + 0.3 * DistinctCount(answer)"


def rollouts(rows: int = 200, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "prompt": [f"prompt {number}" for number in rng.integers(0, rows // 5, rows)],
            "reward": rng.normal(size=rows).astype(np.float32),
            "answer": [None if number == 0 else str(number) for number in rng.integers(0, 6, rows)],
            "row": np.arange(rows),
        }
    )


def bits(table: pa.Table, name: str = "credit") -> bytes:
    found: bytes = table.sort_by("row")[name].to_numpy().tobytes()
    return found


def test_rows_have_the_credit_of_their_group_by_itself() -> None:
    table = rollouts()
    found = credited(table, by="prompt", utility=MIX)
    assert found.drop_columns(["credit"]).equals(table)
    assert found.schema.field("credit").type == pa.float32()
    prompts = np.array(table["prompt"].to_pylist())
    for prompt in np.unique(prompts):
        rows = np.flatnonzero(prompts == prompt)
        group = table.take(rows)
        labels = np.unique(
            [each or f"none {row}" for row, each in enumerate(group["answer"].to_pylist())], return_inverse=True
        )[1]
        known = np.array([each is not None for each in group["answer"].to_pylist()])
        hits = (labels[:, None] == np.unique(labels[known])) if known.any() else np.zeros((len(rows), 1), np.bool_)
        alone = 0.7 * u.Max(group["reward"].to_numpy()) + 0.3 * u.Coverage(hits)
        np.testing.assert_allclose(found["credit"].to_numpy()[rows], sc.set_shapley(alone), rtol=1e-6, atol=1e-6)


def test_any_part_that_holds_whole_groups_gives_the_same_bits() -> None:
    table = rollouts(400)
    home = credited(table, by="prompt", utility=MIX, advantage="mean/group_std")
    part = np.array([len(prompt) + int(prompt[-1]) for prompt in table["prompt"].to_pylist()])
    split = [table.take(np.flatnonzero(part == number)) for number in np.unique(part)]
    parts = [credited(each, by="prompt", utility=MIX, advantage="mean/group_std") for each in split]
    assert bits(pa.concat_tables(parts)) == bits(home)
    assert bits(pa.concat_tables(parts), "advantage") == bits(home, "advantage")


def test_functions_expressions_and_text_say_the_same() -> None:
    table = rollouts()

    def mix(columns: Any) -> sc.Utility:
        assert "reward" in columns
        assert "absent" not in columns
        assert columns.get("absent", 3) == 3
        assert list(columns) == ["prompt", "reward", "answer", "row"]
        assert len(columns) == 4
        return 0.7 * u.Max(columns.get("reward")) + 0.3 * u.DistinctCount(columns["answer"])

    for utility in (mix, read_expression(MIX)):
        assert bits(credited(table, by="prompt", utility=utility)) == bits(credited(table, by="prompt", utility=MIX))


def test_semivalues_and_advantages() -> None:
    table = rollouts()
    ids = table["prompt"].to_pylist()
    plain = sc.set_semivalue(u.Max(table["reward"].to_numpy()), semivalues.banzhaf, groups=ids)
    found = credited(
        table, by="prompt", utility="Max(reward)", weights=semivalues.banzhaf, credit="owed", advantage="leave_one_out"
    )
    assert np.array_equal(found["owed"].to_numpy(), plain)
    assert np.array_equal(found["advantage"].to_numpy(), sc.advantages(plain, ids, baseline="leave_one_out"))
    assert found.column_names[-2:] == ["owed", "advantage"]
    scaled = credited(table, by="prompt", utility="Max(reward)", advantage="mean/group_std")
    wanted = sc.advantages(scaled["credit"].to_numpy(), ids, scale="group_std")
    assert np.array_equal(scaled["advantage"].to_numpy(), wanted)


def column(*values: Any, kind: Any = None) -> pa.Array:
    return pa.array(values, kind)


DAYS = [dt.date(2026, 1, day) for day in (1, 2, 3)]
IDS = {
    "string": column("a", "b", "a", "c"),
    "large_string": column("a", "b", "a", "c", kind=pa.large_string()),
    "string_view": column("a", "b", "a", "c", kind=pa.string_view()),
    "binary": column(b"a", b"b", b"a", b"c"),
    "dictionary": column("a", "b", "a", "c").dictionary_encode(),
    "dictionary_of_equals": pa.DictionaryArray.from_arrays(column(0, 1, 2, 3), column("a", "b", "a", "c")),
    "int64": column(2**53, 2**53 + 1, 2**53, 3),
    "uint64": column(2**64 - 1, 2**64 - 2, 2**64 - 1, 3, kind=pa.uint64()),
    "float": column(0.5, 0.25, 0.5, 0.0),
    "decimal": column(Decimal("1.1"), Decimal("1.2"), Decimal("1.1"), Decimal("3")),
    "date": column(DAYS[0], DAYS[1], DAYS[0], DAYS[2]),
    "timestamp": column(1, 2, 1, 3, kind=pa.timestamp("us", "Europe/Berlin")),
    "list": column([1, 2], [1], [1, 2], []),
    "messages": column(*([{"role": "user", "content": text}] for text in "abac")),
    "uuid": pa.ExtensionArray.from_storage(
        pa.uuid(), column(*(text * 16 for text in (b"a", b"b", b"a", b"c")), kind=pa.binary(16))
    ),
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_of_any_type(kind: str) -> None:
    ids = IDS[kind]
    for whole in (ids, pa.chunked_array([ids[:1], ids[1:1], ids[1:]])):
        found = credited(pa.table({"id": whole, "r": [1.0, 2.0, 3.0, 5.0]}), by="id", utility="Max(r)")
        assert found["credit"].to_pylist() == [0.5, 2.0, 2.5, 5.0]
    holed = pa.concat_arrays([ids[:2], pa.nulls(1, ids.type)])
    with pytest.raises(sc.InputError, match="row 2 has no id in column 'id', and belongs to no group"):
        credited(pa.table({"id": holed, "r": [1.0, 2.0, 3.0]}), by="id", utility="Max(r)")


def test_ids_that_are_missing_inside_a_dictionary_or_not_a_number() -> None:
    dictionary = pa.DictionaryArray.from_arrays(column(0, 1), column("a", None))
    for ids in (dictionary, column(0.5, float("nan"))):
        with pytest.raises(sc.InputError, match="row 1 has no id"):
            credited(pa.table({"id": ids, "r": [1.0, 2.0]}), by="id", utility="Max(r)")


def test_several_columns_of_ids() -> None:
    large = column(2**64 - 1, 2**64 - 1, 2**64 - 2, 2**64 - 1, 2**64 - 2, kind=pa.uint64())
    table = pa.table({"step": [-1] * 5, "id": large, "name": list("abaab"), "r": [1.0, 2.0, 4.0, 3.0, 7.0]})
    found = credited(table, by=["step", "id", "name"], utility="Max(r)")
    assert found["credit"].to_pylist() == [0.5, 2.0, 4.0, 2.5, 7.0]


ONE = {"p": [0, 0, 1]}
SCORES = {
    "chunks": pa.chunked_array([[1.0], [2.0, 5.0]]),
    "half": pa.array(np.array([1, 2, 5], np.float16)),
    "integers": column(1, 2, 5),
    "decimal": column(Decimal("1.0"), Decimal("2.0"), Decimal("5.0")),
    "dictionary": column(1.0, 2.0, 5.0).dictionary_encode(),
}


@pytest.mark.parametrize("kind", SCORES)
def test_scores_of_any_type(kind: str) -> None:
    found = credited(pa.table({**ONE, "r": SCORES[kind]}), by="p", utility="Max(r)")
    assert found["credit"].to_pylist() == [0.5, 1.5, 5.0]
    assert found.schema.field("credit").type == (pa.float32() if kind == "half" else pa.float64())


def test_booleans_and_labels() -> None:
    table = pa.table({**ONE, "ok": [True, False, True], "day": [DAYS[0], DAYS[0], None], "big": [2**60, 2**60 + 1, 2**60]})
    assert credited(table, by="p", utility="NoisyOr(ok)")["credit"].to_pylist() == [1.0, 0.0, 1.0]
    assert credited(table, by="p", utility="DistinctCount(day)")["credit"].to_pylist() == [0.5, 0.5, 0.0]
    assert credited(table, by="p", utility="DistinctCount(big)")["credit"].to_pylist() == [1.0, 1.0, 1.0]
    holed = pa.table({**ONE, "label": column(2**60, None, 2**60 + 1)})
    assert credited(holed, by="p", utility="DistinctCount(label)")["credit"].to_pylist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("kind", [pa.list_(pa.int8()), pa.list_(pa.bool_(), 2), pa.large_list(pa.float32())])
def test_lists_of_one_length_are_a_second_axis(kind: Any) -> None:
    one, none = (True, False) if pa.types.is_boolean(kind.value_type) else (1, 0)
    hits = column([one, none], [one, one], [none, one], kind=kind)
    table = pa.table({**ONE, "hits": pa.chunked_array([hits[:2], hits[2:]])})
    assert credited(table, by="p", utility="Coverage(hits)")["credit"].to_pylist() == [0.5, 1.5, 1.0]


def test_an_absent_row_may_hold_nothing() -> None:
    table = pa.table({**ONE, "r": [1.0, None, 2.0], "ok": [True, False, True]})
    assert credited(table, by="p", utility="Max(r, mask=ok)")["credit"].to_pylist() == [1.0, 0.0, 2.0]


def test_tensors_of_one_axis_are_lists() -> None:
    kind = pa.fixed_shape_tensor(pa.int8(), [2])
    hits = pa.ExtensionArray.from_storage(kind, column([1, 0], [1, 1], [0, 1], kind=pa.list_(pa.int8(), 2)))
    assert credited(pa.table({**ONE, "hits": hits}), by="p", utility="Coverage(hits)")["credit"].to_pylist() == [0.5, 1.5, 1.0]


@pytest.mark.parametrize(
    ("kind", "wanted"), [(pa.float32(), pa.float32()), (pa.float64(), pa.float64()), (pa.int64(), pa.float64())]
)
def test_no_rows_have_columns_of_the_same_type(kind: Any, wanted: Any) -> None:
    table = pa.table({"p": column(1), "r": column(1, kind=kind), "a": ["x"], "hits": [[0, 1]]})
    text = "Max(r) + DistinctCount(a) + 0 * Coverage(hits)"
    for each in (table, table[:0]):
        found = credited(each, by="p", utility=text, advantage="mean")
        assert found.schema.field("credit").type == found.schema.field("advantage").type == wanted
        assert found.num_rows == each.num_rows
    assert credited(table[:0], by="p", utility=lambda columns: u.Max(columns["r"])).num_rows == 0


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"by": "prompts"}, "no column 'prompts'; did you mean prompt?"),
    ({"by": 3}, "by names the column of ids"),
    ({"by": []}, "by names the column of ids"),
    ({"utility": "Max(rewards)"}, "did you mean reward?"),
    ({"utility": u.Max([1.0])}, "is text, 'Max(reward)', or a function of its columns; got Max("),
    ({"utility": 3}, "got 3"),
    ({"utility": lambda columns: 3}, "must return a utility"),
    ({"utility": lambda columns: u.Max(columns["rewards"])}, "no column 'rewards'; did you mean reward?"),
    ({"utility": lambda columns: u.Max(columns["reward"][:5])}, "one entry for each of its 20 rows; got Max(scores=float32[5]"),
    ({"utility": "SumPairwise(reward)"}, "distances needs shape [..., k, k]; got (20,). Columns read: reward: float"),
    ({"utility": "Max(prompt)"}, "Columns read: prompt: string"),
    ({"utility": "Max(holed)"}, "Columns read: holed: int64, nothing in row 7"),
    ({"utility": "Max(infinite)"}, "Columns read: infinite: double, no finite number in row 3"),
    ({"utility": "Max(big)"}, "found 1152921504606846977"),
    ({"utility": "Max(day)"}, "Columns read: day: date32[day]"),
    ({"utility": "Coverage(ragged)"}, "Columns read: ragged: list<item: int64>"),
    ({"utility": "Max(reward, row)"}, "base of Max must be equal within each group"),
    ({"credit": "reward"}, "a column 'reward' already, and none is replaced; pass another name as credit="),
    ({"credit": ""}, "credit must name the new column"),
    ({"credit": None}, "credit must name the new column"),
    ({"credit": "advantage", "advantage": "mean"}, "there is a column 'advantage' already"),
    ({"advantage": "median"}, "the baseline of advantage must be one of none, mean"),
    ({"advantage": "mean/batch_std"}, "the scale of advantage must be one of none, group_std; one of the whole batch"),
    ({"advantage": "length_weighted"}, "needs lengths beside the credits; call shapley_credit.advantages"),
    ({"advantage": 1}, "the baseline of advantage"),
    ({"weights": "banzhaf"}, "banzhaf"),
]


@pytest.mark.parametrize(("change", "told"), REFUSED, ids=range(len(REFUSED)))
def test_what_can_not_be_right_is_refused(change: dict[str, Any], told: str) -> None:
    table = rollouts(20).append_column("holed", column(*(None if row == 7 else row for row in range(20))))
    table = table.append_column("infinite", column(*(float("inf") if row == 3 else 1.0 for row in range(20))))
    table = table.append_column("big", column(*[2**60 + 1] * 20)).append_column("day", column(*[DAYS[0]] * 20))
    table = table.append_column("ragged", column(*([1] * (row % 2) for row in range(20))))
    with pytest.raises(sc.InputError) as caught:
        credited(table, **{"by": "prompt", "utility": "Max(reward)", **change})
    assert told in str(caught.value)


def test_names_that_are_there_twice_are_refused_where_they_are_used() -> None:
    twice = pa.Table.from_arrays([column(1, 1), column(1.0, 2.0), column(3, 4), column(5, 6)], ["p", "r", "x", "x"])
    assert credited(twice, by="p", utility="Max(r)")["credit"].to_pylist() == [0.5, 1.5]
    with pytest.raises(sc.InputError, match="there are 2 columns 'x'; rename all but one"):
        credited(twice, by="p", utility="Max(x)")


def test_only_tables_are_taken() -> None:
    with pytest.raises(sc.InputError, match=r"pyarrow\.Table is needed; got dict"):
        credited({"p": [1]}, by="p", utility="Max(r)")


def test_what_is_encoded_by_runs_is_read() -> None:
    table = pa.table({"p": pc.run_end_encode(column("a", "a", "b")), "r": [1.0, 3.0, 2.0]})
    assert credited(table, by="p", utility="Max(r)")["credit"].to_pylist() == [0.5, 2.5, 2.0]
